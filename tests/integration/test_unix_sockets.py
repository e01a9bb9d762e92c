"""Listening on unix sockets: clients, statistics, the socket's file over all that may befall it."""

import contextlib
import os
import socket
import stat
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import Client, Server, Web, main, ours_only, pub, run_to_exit, wait_until  # noqa: E402


class UnixSockets(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="nsqd-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.tcp = os.path.join(self.directory, "tcp.sock")
        self.http = os.path.join(self.directory, "http.sock")
        self.flags = (f"--tcp-address={self.tcp}", f"--http-address={self.http}")
        self.data = os.path.join(self.directory, "data")
        os.mkdir(self.data)

    def start(self, *flags, data=None):
        server = Server(*self.flags, *flags, data_path=data or self.data, addresses=False, ready=False)
        self.addCleanup(server.kill)
        wait_until(lambda: f"TCP: listening on {self.tcp}" in server.log and
                   f"HTTP: listening on {self.http}" in server.log, "listening")
        return server

    def client(self):
        client = Client(self.tcp)
        self.addCleanup(client.close)
        client.send(b"  V2")
        return client

    def get(self, path):
        return Web(self.http).json("GET", path)

    def refused(self, *flags):
        """What a server on other data says that does not start with these addresses."""
        other = os.path.join(self.directory, "other")
        os.makedirs(other, exist_ok=True)
        code, _, stderr = run_to_exit(f"--data-path={other}", "--tcp-address=127.0.0.1:0",
                                      "--http-address=127.0.0.1:0", *flags)
        self.assertGreater(code, 0)
        return code, stderr

    def test_messages_and_statistics(self):
        server = self.start()
        self.client().command(pub("t", b"over TCP"))
        web = Web(self.http)
        web.publish("t", b"over HTTP")
        consumer = self.client().subscribe("t", "c", 10)
        self.assertEqual([message.body for message in consumer.read_messages(2)], [b"over TCP", b"over HTTP"])
        identified = self.client()
        identified.identify(client_id="id", hostname="host")
        identified.subscribe("t", "c")
        own = os.path.join(self.directory, "client.sock")
        bound = socket.socket(socket.AF_UNIX)
        self.addCleanup(bound.close)
        bound.bind(own)
        bound.connect(self.tcp)
        bound.sendall(b"  V2SUB t c\n")
        self.assertEqual(bound.recv(10), b"\0\0\0\6\0\0\0\0OK")

        info = self.get("/info")
        self.assertEqual((info["tcp_port"], info["http_port"]), (-1, -1))
        for option, value in (("tcp_address", self.tcp), ("http_address", self.http), ("broadcast_tcp_port", "0"),
                              ("broadcast_http_port", "0")):
            self.assertEqual(web.get(f"/config/{option}").body.decode(), value)
        clients = self.get("/stats?format=json&topic=t")["topics"][0]["channels"][0]["clients"]
        self.assertEqual(sorted((c["client_id"], c["hostname"], c["remote_address"]) for c in clients),
                         [("", "", own), ("", "", "@"), ("id", "host", "@")])
        text = web.get("/stats").body.decode()
        self.assertIn("[V2 :                    ] state: 3", text)
        self.assertIn("[V2 host:                ] state: 3", text)
        server.stop()

    def test_the_files_come_and_go(self):
        umask = os.umask(0o027)
        self.addCleanup(os.umask, umask)
        server = self.start()
        for path in (self.tcp, self.http):
            found = os.stat(path)
            self.assertTrue(stat.S_ISSOCK(found.st_mode))
            self.assertEqual(stat.S_IMODE(found.st_mode), 0o750, "as the umask has it")
        connected = self.client()
        server.stop()
        connected.expect_closed()
        self.assertEqual(os.listdir(self.directory), ["data"])

    @ours_only
    def test_what_a_killed_server_left_is_replaced(self):
        for _ in range(2):
            server = self.start()
            self.client().command(pub("t", b"x"))
            server.kill()
            self.assertTrue(os.path.exists(self.tcp) and os.path.exists(self.http))
        server = self.start()
        self.assertEqual(self.get("/stats?format=json&topic=t")["topics"][0]["depth"], 2)
        server.stop()
        self.assertEqual(os.listdir(self.directory), ["data"])

    def test_a_live_servers_socket_is_left_alone(self):
        server = self.start()
        for flag, path in (("tcp-address", self.tcp), ("http-address", self.http)):
            code, stderr = self.refused(f"--{flag}={path}")
            self.assertIn(path, stderr)
            self.assertIn("address already in use", stderr.lower())
            self.assertTrue(code == 3 or code == 1)
        self.client().command(pub("t", b"x"))
        self.assertEqual(self.get("/stats?format=json&topic=t")["topics"][0]["depth"], 1)
        server.stop()

    @ours_only
    def test_exit_code_of_a_live_servers_socket(self):
        server = self.start()
        self.assertEqual(self.refused(f"--tcp-address={self.tcp}")[0], 3)
        server.stop()

    def test_other_files_are_left_alone(self):
        with open(self.tcp, "w", encoding="ascii") as file:
            file.write("precious")
        os.mkdir(self.http)
        link = os.path.join(self.directory, "link.sock")
        os.symlink(self.tcp, link)
        dangling = os.path.join(self.directory, "dangling.sock")
        os.symlink(os.path.join(self.directory, "nowhere"), dangling)
        before = sorted(os.listdir(self.directory))
        for path in (self.tcp, self.http, link, dangling):
            with self.subTest(path=path):
                code, stderr = self.refused(f"--tcp-address={path}")
                self.assertIn(path, stderr)
                self.assertIn("address already in use", stderr.lower())
        with open(self.tcp, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")
        self.assertEqual(sorted(set(os.listdir(self.directory)) - {"other"}), before)

    def test_paths_that_cannot_be(self):
        for path in (os.path.join(self.directory, "x" * 108), os.path.join(self.directory, "no", "such.sock"),
                     "/proc/nsqd.sock"):
            with self.subTest(path=path):
                code, stderr = self.refused(f"--http-address={path}")
                self.assertIn(path, stderr)

    @ours_only
    def test_a_path_that_is_too_long_says_so(self):
        path = "x" * 108
        code, stderr = self.refused(f"--tcp-address={path}")
        self.assertEqual(code, 2)
        self.assertIn("option --tcp-address", stderr)
        self.assertIn("too long for a unix socket", stderr)

    @ours_only
    def test_a_file_that_took_the_name_is_not_removed(self):
        """As when somebody moves the socket away and another server takes its place."""
        server = self.start()
        os.rename(self.tcp, self.tcp + ".old")
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as other:
            other.bind(self.tcp)
            server.stop()
            self.assertTrue(os.path.exists(self.tcp))

    @ours_only
    def test_the_read_only_address(self):
        path = os.path.join(self.directory, "ro.sock")
        server = self.start(f"--http-readonly-address={path}")
        wait_until(lambda: f"HTTP (read-only): listening on {path}" in server.log, "listening")
        self.assertEqual(Web(path).get("/ping").body, b"OK")
        self.assertEqual(Web(path).post("/pub?topic=t", b"x").status, 403)
        server.stop()
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    main()
