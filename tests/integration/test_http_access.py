"""Who may do what over HTTP: the token, the read-only address, and what there is below /debug."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import (OK, Server, ServerCase, Web, dpub, is_sanitized, main, ours_only, run_to_exit,  # noqa: E402
                     wait_until)

DEFERRED = 100000
TOKEN = "s3cret-token/of+the=test"
READING = ("/ping", "/info", "/stats", "/stats?format=json", "/config/log_level")
CHANGING = (("POST", "/pub?topic=t"), ("POST", "/mpub?topic=t"), ("POST", "/topic/create?topic=t"),
            ("POST", "/topic/delete?topic=t"), ("POST", "/topic/empty?topic=t"), ("POST", "/topic/pause?topic=t"),
            ("POST", "/topic/unpause?topic=t"), ("POST", "/channel/create?topic=t&channel=c"),
            ("POST", "/channel/delete?topic=t&channel=c"), ("POST", "/channel/empty?topic=t&channel=c"),
            ("POST", "/channel/pause?topic=t&channel=c"), ("POST", "/channel/unpause?topic=t&channel=c"),
            ("PUT", "/config/log_level"), ("POST", "/debug/freememory"), ("POST", "/unknown"), ("DELETE", "/pub"),
            ("POST", "//pub?topic=t"), ("PATCH", "/pub?topic=t"))


def read_only_port(server):
    found = wait_until(lambda: re.search(r"HTTP \(read-only\): listening on \S+:(\d+)", server.log), "listening")
    return int(found.group(1))


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@ours_only
class Token(ServerCase):
    FLAGS = (f"--http-auth-token={TOKEN}", "--log-level=debug")

    def assert_unauthorized(self, reply):
        self.assert_refused(reply, 401, "UNAUTHORIZED")
        self.assertEqual(reply.headers["WWW-Authenticate"], "Bearer")

    def test_what_changes_something_needs_it(self):
        for path in ("/topic/create?topic=t", "/channel/create?topic=t&channel=c"):
            self.web.request("POST", path, headers=bearer(TOKEN))
        for method, path in CHANGING:
            for headers in ({}, bearer(TOKEN[:-1]), bearer(TOKEN + "x"), bearer(""), bearer("other"),
                            {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN}):
                with self.subTest(method=method, path=path, headers=headers):
                    self.assert_unauthorized(self.web.request(method, path, b"debug", headers))
        self.assertEqual(self.server.topic("t")["message_count"], 0)
        self.assertEqual([c["channel_name"] for c in self.server.topic("t")["channels"]], ["c"])

    def test_reading_needs_none(self):
        for path in READING:
            for method in ("GET", "HEAD"):
                with self.subTest(path=path, method=method):
                    self.assertEqual(self.web.request(method, path).status, 200)
        self.assertEqual(self.web.request("OPTIONS", "/pub").status, 200)
        self.assert_refused(self.web.get("/unknown"), 404, "NOT_FOUND")

    def test_with_it_all_works(self):
        topic = self.name()
        for spelling in (bearer(TOKEN), {"authorization": f"bearer {TOKEN}"}):
            reply = self.web.request("POST", f"/pub?topic={topic}", b"x", spelling)
            self.assert_reply(reply, 200, b"OK")
        self.assert_reply(self.web.request("PUT", "/config/log_level", b"debug", bearer(TOKEN)), 200, b"1")
        self.assertEqual(self.server.topic(topic)["message_count"], 2)

    def test_a_large_body_is_refused_before_it_is_read(self):
        self.assert_unauthorized(self.web.post("/mpub?topic=t", b"x" * 4000000))

    def test_it_is_never_shown(self):
        for key in ("http_auth_token", "http-auth-token"):
            self.assert_refused(self.web.get(f"/config/{key}"), 400, "INVALID_OPTION")
            self.assert_refused(self.web.request("PUT", f"/config/{key}", b"x", bearer(TOKEN)), 400, "INVALID_OPTION")
        self.web.request("POST", "/pub?topic=shown", b"x", bearer(TOKEN))
        self.web.request("POST", "/pub?topic=shown", b"x", bearer(TOKEN + "-wrong"))
        wait_until(lambda: "401 POST" in self.server.log, "requests in the log")
        self.assertNotIn(TOKEN, self.server.log)
        self.assertNotIn(TOKEN, run_to_exit(f"--http-auth-token={TOKEN}", "--help")[1])
        for flags in (["--http-auth-token=two words"], ["--http-auth-token", ""],
                      [f"--http-auth-token={TOKEN}", "--http-auth-token-file=/nonexistent"]):
            with self.subTest(flags=flags):
                code, _, stderr = run_to_exit(*flags)
                self.assertEqual(code, 2)
                self.assertIn("--http-auth-token", stderr)
                for secret in ("two words", TOKEN):
                    self.assertNotIn(secret, stderr)

    def test_a_bad_file_does_not_show_it(self):
        with tempfile.TemporaryDirectory(prefix="nsqd-test-") as directory:
            path = os.path.join(directory, "nsqd.cfg")
            for value in (TOKEN, f'"{TOKEN}', f'"two {TOKEN}"', f'["{TOKEN}"]', f'"{TOKEN}" x', f"'{TOKEN}"):
                with self.subTest(value=value):
                    with open(path, "w", encoding="ascii") as file:
                        file.write(f"http_auth_token = {value}\n")
                    code, _, stderr = run_to_exit(f"--config={path}")
                    self.assertEqual(code, 2)
                    self.assertIn(f"{path}, line 1", stderr)
                    self.assertNotIn(TOKEN, stderr)


@ours_only
class TokenInAFile(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="nsqd-test-")
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "token")

    def write(self, content):
        with open(self.path + ".new", "wb") as file:
            file.write(content)
        os.rename(self.path + ".new", self.path)

    def start(self, *flags):
        server = Server(f"--http-auth-token-file={self.path}", *flags)
        self.addCleanup(server.kill)
        return server

    def status(self, server, token):
        return server.web().request("POST", "/topic/create?topic=t", b"", bearer(token)).status

    def test_it_is_read_at_the_start_and_when_it_changes(self):
        self.write(b"first\n")
        server = self.start()
        self.assertEqual((self.status(server, "first"), self.status(server, "second")), (200, 401))
        self.write(b"  second\r\n")
        wait_until(lambda: self.status(server, "second") == 200, "the second token in force")
        self.assertEqual(self.status(server, "first"), 401)
        # In place, with the same size and within the same second.
        with open(self.path, "r+b") as file:
            file.write(b"  thirdd")
        wait_until(lambda: self.status(server, "thirdd") == 200, "the third token in force")
        for word in ("first", "second", "thirdd"):
            self.assertNotIn(f"{word}\n", server.log)
        self.assertEqual(server.log.count("a new token was read"), 2)
        server.stop()

    def test_the_last_one_stays_while_the_file_is_bad(self):
        self.write(b"good")
        server = self.start()
        for spoil in (lambda: os.unlink(self.path), lambda: self.write(b""), lambda: self.write(b"two words"),
                      lambda: self.write(b"x" * 5000)):
            before = server.log.count("the last token is still in force")
            spoil()
            wait_until(lambda: server.log.count("the last token is still in force") > before, "it is noticed")
            self.assertEqual(self.status(server, "good"), 200)
            self.assertEqual(self.status(server, ""), 401)
            self.write(b"better")
            wait_until(lambda: self.status(server, "better") == 200, "a good file again")
            self.write(b"good")
            wait_until(lambda: self.status(server, "good") == 200, "the first token again")
        self.assertNotIn("two words", server.log)
        server.stop()

    def test_no_start_without_a_token_in_it(self):
        for content in (None, b"", b" \n", b"two words", b"x" * 5000, b"\xff"):
            with self.subTest(content=content and content[:10]):
                if content is not None:
                    self.write(content)
                code, _, stderr = run_to_exit(f"--http-auth-token-file={self.path}")
                self.assertEqual(code, 2)
                self.assertIn(self.path, stderr)
                self.assertEqual(stderr.count("\n"), 1, stderr)
        self.assertEqual(run_to_exit(f"--http-auth-token-file={os.path.dirname(self.path)}")[0], 2)


@ours_only
class ReadOnly(ServerCase):
    FLAGS = ("--http-readonly-address=127.0.0.1:0", f"--http-auth-token={TOKEN}")

    def setUp(self):
        super().setUp()
        self.read_only = Web(read_only_port(self.server))

    def test_it_answers_what_reads(self):
        for path in READING:
            with self.subTest(path=path):
                self.assertEqual(self.read_only.get(path).status, 200)
        self.assertEqual(self.read_only.get("/info").body, self.web.get("/info").body)
        self.assert_reply(self.read_only.request("HEAD", "/ping"), 200, b"")
        self.assert_refused(self.read_only.get("/unknown"), 404, "NOT_FOUND")

    def test_it_refuses_everything_else(self):
        for path in ("/topic/create?topic=t", "/channel/create?topic=t&channel=c"):
            self.web.request("POST", path, headers=bearer(TOKEN))
        for method, path in CHANGING:
            for headers in ({}, bearer(TOKEN)):
                with self.subTest(method=method, path=path):
                    self.assert_refused(self.read_only.request(method, path, b"x", headers), 403, "READ_ONLY")
        self.assertEqual(self.server.topic("t")["message_count"], 0)

    def test_the_other_address_takes_changes(self):
        topic = self.name()
        self.assert_reply(self.web.request("POST", f"/pub?topic={topic}", b"x", bearer(TOKEN)), 200, b"OK")
        self.assertEqual(self.read_only.json("GET", f"/stats?format=json&topic={topic}")["topics"][0]["depth"], 1)


@ours_only
class ReadOnlyProcess(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="nsqd-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def test_addresses_are_printed_and_it_stops(self):
        process = subprocess.Popen([os.environ["NSQD"], f"--data-path={self.directory}", "--tcp-address=127.0.0.1:0",
                                    "--http-address=", "--http-readonly-address=127.0.0.1:0", "--print-addresses"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        printed = [process.stdout.readline() for _ in range(2)]
        self.assertTrue(printed[0].startswith("TCP: "), printed)
        port = int(re.fullmatch(r"Read-only HTTP: 127\.0\.0\.1:(\d+)\n", printed[1]).group(1))
        self.assertEqual(Web(port).get("/ping").body, b"OK")
        kept = Web(port).connection()
        kept.request("GET", "/ping")
        self.assertEqual(kept.getresponse().read(), b"OK")
        process.terminate()
        log = process.stderr.read()
        self.assertEqual(process.wait(), 0, log)
        kept.close()
        self.assertIn(f"HTTP: closing 127.0.0.1:{port} (read-only)", log)
        self.assertNotIn("HTTP: listening", log)
        with self.assertRaises(ConnectionRefusedError):
            Web(port).get("/ping")

    def test_an_address_in_use(self):
        server = Server("--http-readonly-address=127.0.0.1:0")
        self.addCleanup(server.kill)
        address = f"127.0.0.1:{read_only_port(server)}"
        code, _, stderr = run_to_exit(f"--data-path={self.directory}", "--tcp-address=127.0.0.1:0",
                                      "--http-address=127.0.0.1:0", f"--http-readonly-address={address}")
        self.assertEqual(code, 3)
        self.assertIn(f"--http-readonly-address: cannot listen on {address}", stderr)
        server.stop()


class Debug(ServerCase):
    def test_what_has_no_meaning_here_is_not_there(self):
        self.assert_refused(self.web.get("/debug"), 404, "NOT_FOUND")
        self.assert_refused(self.web.get("/debug/vars"), 404, "NOT_FOUND")

    @ours_only
    def test_stocks_profiler_is_not_there(self):
        for method, path in (("GET", "/debug/pprof/"), ("GET", "/debug/pprof/cmdline"), ("GET", "/debug/pprof/heap"),
                             ("GET", "/debug/pprof/symbol"), ("POST", "/debug/pprof/symbol"),
                             ("GET", "/debug/pprof/profile"), ("GET", "/debug/pprof/goroutine"),
                             ("GET", "/debug/pprof/block"), ("GET", "/debug/pprof/threadcreate"),
                             ("PUT", "/debug/setblockrate")):
            with self.subTest(path=path):
                self.assert_refused(self.web.request(method, path), 404, "NOT_FOUND")

    def test_freememory_is_for_post_only(self):
        self.assert_refused(self.web.get("/debug/freememory"), 405, "METHOD_NOT_ALLOWED")

    @ours_only
    def test_freememory_gives_memory_back(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        self.web.do("channel/create", topic, "c")
        client = self.client()
        for _ in range(DEFERRED // 1000):
            client.send(dpub(topic, 3600000, b"x") * 1000)
            for _ in range(1000):
                client.expect(OK)
        self.server.wait_channel(topic, "c", deferred_count=DEFERRED)
        self.web.do("channel/empty", topic, "c")
        before = self.server.rss_bytes()
        self.assert_reply(self.web.post("/debug/freememory"), 200, b"")
        after = self.server.rss_bytes()
        print(f"\n    resident: {before / 1e6:.1f} MB, after freememory {after / 1e6:.1f} MB ", end="")
        if not is_sanitized():  # their memory is not the C library's
            self.assertLess(after, before - 2000000)
        self.assert_healthy()


if __name__ == "__main__":
    main()
