"""AUTH with auth servers that are well, slow, wrong or gone. With STOCK_NSQD=/path/to/nsqd the texts are compared with
those of a real one."""

import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
import time
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import (DEADLINE_S, OK, RESPONSE, Authority, Closed, Frame, Server, ServerCase, dpub, main, mpub,  # noqa: E402
                     ours_only, pub, run_to_exit, sized, wait_until)
from nsqtest.auth_server import AuthServer, grant, granted, make_certificate  # noqa: E402
from nsqtest.names import HangingNameServer, Names, can_have_names  # noqa: E402

SECRET = b"s3cr+t &=/\xff"
FAILED = b"E_AUTH_FAILED AUTH failed"
ANSWER = b'{"identity":"somebody","identity_url":"http://id.example/somebody","permission_count":1}'


def auth(secret=SECRET):
    return b"AUTH\n" + sized(secret)


def closed_port():
    """A port nobody listens on: it is bound, so that nobody else gets it, for as long as the socket lives."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder


class AuthCase(unittest.TestCase):
    """Servers, of nsqd and of authorizations, for one test each."""

    maxDiff = None

    def auth_server(self, *args, **kwargs):
        server = AuthServer(*args, **kwargs)
        self.addCleanup(server.close)
        return server

    def start(self, *auth_addresses, flags=(), **kwargs):
        self.server = Server(*[f"--auth-http-address={address}" for address in auth_addresses], *flags, **kwargs)
        self.addCleanup(self.server.stop)
        return self.server

    def client(self):
        client = self.server.client()
        self.addCleanup(client.close)
        return client

    def is_logged(self, text):
        """Waits for it: the client has its answer first."""
        wait_until(lambda: text in self.server.log, f"{text!r} is in the log")

    def passed(self):
        """A client that has done AUTH."""
        client = self.client()
        client.command(auth(), ANSWER)
        return client


class Asking(AuthCase):
    def test_the_question(self):
        double = self.auth_server()
        self.start(double.address)
        client = self.client()
        self.assertIs(client.identify()["auth_required"], True)
        client.command(auth(), ANSWER)
        client.command(pub("t", b"x"))
        (method, path, headers, query), = double.requests
        self.assertEqual((method, path, headers["Host"]), ("GET", "/auth", double.address))
        self.assertEqual(headers["Accept"], "application/vnd.nsq; version=1.0")
        self.assertEqual({name: value.encode(errors="surrogateescape") for name, value in query.items()},
                         {"remote_ip": b"127.0.0.1", "tls": b"false", "common_name": b"",
                          "secret": SECRET.decode(errors="replace").encode()})

    def test_a_url_is_asked_as_it_is(self):
        double = self.auth_server()
        self.start(f"http://{double.address}/some/path")
        self.passed()
        self.assertEqual([path for _, path, _, _ in double.requests], ["/some/path"])

    def test_a_url_with_a_password(self):
        double = self.auth_server()
        self.start(f"http://user:p%40ss@{double.address}/auth")
        self.passed()
        self.assertEqual(double.requests[0][2]["Authorization"], "Basic dXNlcjpwQHNz")

    def test_an_address_that_has_no_name(self):
        self.start(self.auth_server(host="127.0.0.77").address)
        self.passed()

    def test_a_name_with_several_addresses(self):
        double = self.auth_server()
        self.start(f"localhost:{double.port}")
        self.passed()
        self.assertEqual(double.requests[0][2]["Host"], f"localhost:{double.port}")

    @ours_only
    def test_a_name_that_there_is_not(self):
        self.start("nobody.invalid:80")
        client = self.client()
        client.send(auth())
        client.expect_fatal(FAILED)
        self.is_logged("nobody.invalid")

    def test_others_are_asked_when_one_is_dead_or_wrong(self):
        dead = closed_port()
        self.addCleanup(dead.close)
        wrong, good = self.auth_server(answer=(500, {}, b"no")), self.auth_server()
        self.start(f"127.0.0.1:{dead.getsockname()[1]}", wrong.address, good.address)
        for _ in range(6):
            self.passed()
        self.assertEqual(len(good.requests), 6)
        self.assertGreater(len(wrong.requests), 0)

    def test_all_dead(self):
        dead = closed_port()
        self.addCleanup(dead.close)
        self.start(f"127.0.0.1:{dead.getsockname()[1]}")
        client = self.client()
        client.send(auth())
        client.expect_fatal(FAILED)
        self.is_logged("failed to auth against")

    def test_each_bad_answer(self):
        double = self.auth_server()
        self.start(double.address)
        for answer in (b"", b"garbage", b"null", b"[]", b"{}", b"\xff", granted(grant()) + b"x", b"[" * 500000,
                       granted(grant(), ttl=0), granted(grant(), ttl=-1), granted(grant(), ttl=1.5),
                       granted(grant(), ttl="60"), granted(grant(permissions=["all"])), granted(grant(topic="(")),
                       granted(grant(channels=["ok", "["])), (404, {}, granted(grant())), (201, {}, granted(grant())),
                       (200, {"Content-Length": "1000"}, b"{"), (200, {"Content-Length": "-1"}, b"{"),
                       (200, {"Transfer-Encoding": "chunked"}, b"xyz\r\n")):
            with self.subTest(answer=answer if isinstance(answer, tuple) else answer[:100]):
                double.answer = answer
                client = self.client()
                client.send(auth())
                client.expect_fatal(FAILED)
        self.assertEqual(self.server.web().get("/ping").body, b"OK")

    @ours_only
    def test_an_answer_without_end(self):
        double = self.auth_server()
        self.start(double.address)
        double.answer = (200, {}, granted(grant(topic="x" * (1024 * 1024))))
        client = self.client()
        client.send(auth())
        client.expect_fatal(FAILED)
        self.is_logged("its answer is too large")

    @ours_only
    def test_a_secret_without_end(self):
        double = self.auth_server()
        self.start(double.address)
        client = self.client()
        client.send(auth(b"x" * 5242880))
        client.expect_fatal(FAILED)
        self.assertEqual(double.requests, [])

    @ours_only
    def test_an_address_that_is_none_stops_the_start(self):
        for address in ("", "ftp://host/", "host:99999", "http://", "host:80/path"):
            with self.subTest(address=address):
                code, _, err = run_to_exit(f"--auth-http-address={address}")
                self.assertEqual(code, 2)
                self.assertIn("--auth-http-address", err)

    def test_the_option_can_be_read(self):
        double = self.auth_server()
        addresses = [double.address, f"http://{double.address}/x"]
        self.start(*addresses)
        self.assertEqual(self.server.web().json("GET", "/config/auth_http_addresses"), addresses)
        self.assertEqual(self.server.web().json("GET", "/config/http_client_connect_timeout"), 2000000000)
        self.assertEqual(self.server.web().json("GET", "/config/http_client_request_timeout"), 5000000000)


class Permissions(AuthCase):
    def test_what_is_granted(self):
        double = self.auth_server()
        self.start(double.address)
        for rule, may_subscribe, may_publish in (
                (grant(), True, True),
                (grant("b"), True, True),
                (grant("^b"), False, False),
                (grant("^abc$", ["^x"]), True, False),
                (grant("", [""]), True, True),
                (grant("abc", []), False, False),
                (grant(permissions=[]), False, False),
                (grant(permissions=["publish"]), False, True),
                (grant(permissions=["subscribe"]), True, False)):
            double.answer = granted(rule)
            for command, allowed, name in ((b"SUB abc xyz\n", may_subscribe, b'SUB on "abc" "xyz"'),
                                           (pub("abc", b"x"), may_publish, b'PUB on "abc" ""'),
                                           (mpub("abc", [b"x"]), may_publish, b'MPUB on "abc" ""'),
                                           (dpub("abc", 10, b"x"), may_publish, b'DPUB on "abc" ""')):
                with self.subTest(rule=rule, command=command):
                    client = self.passed()
                    client.send(command)
                    if allowed:
                        client.expect(Frame(RESPONSE, b"OK"))
                    else:
                        client.expect_fatal(b"E_UNAUTHORIZED AUTH failed for " + name)

    def test_an_authorization_ends_and_is_asked_for_anew(self):
        double = self.auth_server(answer=granted(grant(), ttl=1))
        self.start(double.address)
        revoked, kept, failing = self.passed(), self.passed(), self.passed()
        kept.command(b"SUB t c\n")
        self.wait_asked_anew(kept, double)
        double.answer = granted(grant("^other$"))
        wait_until(lambda: self.refused(revoked), "the client may no longer publish")
        double.answer = b"garbage"
        failing.send(pub("t", b"x"))
        failing.expect_fatal(FAILED)

    def wait_asked_anew(self, client, double):
        before = len(double.requests)

        def asked():
            client.command(pub("t", b"x"))
            return len(double.requests) > before
        wait_until(asked, "the server is asked anew")

    def refused(self, client):
        client.send(pub("t", b"x"))
        frame = client.read_frame()
        if frame == Frame(RESPONSE, b"OK"):
            return False
        self.assertEqual(frame.data, b'E_UNAUTHORIZED AUTH failed for PUB on "t" ""')
        client.expect_closed()
        return True

    def test_stats_tell_the_identity(self):
        double = self.auth_server()
        self.start(double.address)
        self.passed().command(b"SUB t c\n")
        double.answer = granted(grant(), identity="", identity_url="")
        nameless = self.client()
        nameless.send(auth())
        nameless.read_frame()
        nameless.command(pub("t", b"x"))
        stats = self.server.stats()
        client, = stats["topics"][0]["channels"][0]["clients"]
        self.assertEqual((client["authed"], client["auth_identity"], client["auth_identity_url"]),
                         (True, "somebody", "http://id.example/somebody"))
        producer, = stats["producers"]
        self.assertIs(producer["authed"], True)
        self.assertNotIn("auth_identity", producer)
        self.assertNotIn("auth_identity_url", producer)


class SlowServers(AuthCase):
    def test_others_are_not_delayed_while_an_auth_hangs(self):
        double = self.auth_server()
        self.start(double.address, flags=("--http-client-request-timeout=1h",))
        publisher = self.passed()
        double.hold()
        hanging = [self.client() for _ in range(50)]
        for client in hanging:
            client.send(auth() + pub("late", b"x"))
        wait_until(lambda: len(double.requests) > 2, "clients are being asked for")
        slowest = 0
        for number in range(500):
            before = time.monotonic()
            publisher.command(pub("t", b"%d" % number))
            slowest = max(slowest, time.monotonic() - before)
        self.assertLess(slowest, DEADLINE_S / 4)
        self.assertIsNone(self.server.topic("late"))
        self.assertTrue(all(client.nothing_to_read() for client in hanging))
        double.release()
        for client in hanging:
            client.expect(Frame(RESPONSE, ANSWER))
            client.expect(Frame(RESPONSE, b"OK"))

    def test_a_hanging_server_is_given_up(self):
        hanging, good = self.auth_server(), self.auth_server()
        hanging.hold()
        self.start(hanging.address, good.address, flags=("--http-client-request-timeout=300ms",))
        wait_until(lambda: self.passed() and hanging.requests, "the hanging server is asked first for once")
        self.assertGreater(len(good.requests), 0)

    def test_a_server_that_does_not_stop_talking_is_given_up(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.start(f"127.0.0.1:{listener.getsockname()[1]}", flags=("--http-client-request-timeout=300ms",))
            client = self.client()
            client.send(auth())
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                with self.assertRaises(OSError):
                    end = time.monotonic() + DEADLINE_S
                    while time.monotonic() < end:
                        connection.sendall(b"X-More: x\r\n")
                        time.sleep(0.01)
            client.expect_fatal(FAILED)

    def test_clients_that_leave_meanwhile(self):
        double = self.auth_server()
        self.start(double.address, flags=("--http-client-request-timeout=1h",))
        double.hold()
        for number in range(100):
            client = self.client()
            client.send(auth() + pub("t", b"x"))
            (client.reset if number % 2 else client.close)()
        staying = self.client()
        staying.send(auth())
        double.release()
        staying.expect(Frame(RESPONSE, ANSWER))
        self.assertEqual(self.server.web().get("/ping").body, b"OK")

    def test_half_closed_clients_get_their_answers(self):
        double = self.auth_server()
        self.start(double.address)
        client = self.client()
        client.send(auth() + pub("t", b"x"))
        client.finish_sending()
        client.expect(Frame(RESPONSE, ANSWER))
        client.expect(Frame(RESPONSE, b"OK"))
        client.expect_closed()

    @ours_only
    def test_a_stop_does_not_wait(self):
        double = self.auth_server()
        server = Server(f"--auth-http-address={double.address}", "--http-client-request-timeout=1h")
        double.hold()
        clients = [server.client() for _ in range(40)]
        for client in clients:
            client.send(auth())
        wait_until(lambda: len(double.requests) >= 16, "clients are being asked for")
        server.stop()
        for client in clients:
            client.close()

    @ours_only
    def test_a_flood_is_bounded(self):
        double = self.auth_server()
        double.hold()
        self.start(double.address, flags=("--http-client-request-timeout=2s",))
        clients = [self.client() for _ in range(200)]
        for client in clients:
            client.send(auth())
        for client in clients:
            client.expect_fatal(FAILED)
        double.release()
        self.passed()


@ours_only
@unittest.skipUnless(can_have_names(), "names of its own need root")
class OwnNames(AuthCase):
    def names(self, **kwargs):
        names = Names(**kwargs)
        self.addCleanup(names.close)
        return names

    def test_an_address_that_does_not_answer_leaves_time_for_the_next(self):
        good = self.auth_server(host="127.0.0.3")
        with socket.create_server(("127.0.0.2", good.port), backlog=1) as dead, contextlib.ExitStack() as stack:
            # What nobody accepts fills it up: it answers nobody any more.
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(dead.getsockname())
            names = self.names(hosts="127.0.0.2 auth.example\n127.0.0.3 auth.example\n")
            self.start(f"auth.example:{good.port}", names=names)
            for _ in range(4):
                self.passed()
        self.assertEqual(len(good.requests), 4)

    def test_a_name_server_that_hangs_holds_up_nobody_for_long(self):
        name_server = HangingNameServer()
        self.addCleanup(name_server.close)
        names = self.names(name_server=name_server.address)
        self.start("auth.example:80", names=names, flags=("--http-client-connect-timeout=300ms",))
        client = self.client()
        client.send(auth())
        client.expect_fatal(FAILED)
        self.is_logged("lookup auth.example: timed out")

    def test_a_stop_does_not_wait_for_a_name_server(self):
        name_server = HangingNameServer()
        self.addCleanup(name_server.close)
        names = self.names(name_server=name_server.address)
        server = Server("--auth-http-address=auth.example:80", "--http-client-connect-timeout=1h",
                        "--http-client-request-timeout=1h", names=names)
        client = server.client()
        client.send(auth())
        wait_until(lambda: name_server.connections, "it is asked over TCP")
        server.stop()
        client.close()


class Https(AuthCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="nsqd-auth-")
        self.addCleanup(shutil.rmtree, self.directory)

    def start_trusting(self, *names):
        """A server that is asked over https, whose certificate is for these names, and is trusted."""
        certificate = make_certificate(self.directory, *names)
        double = self.auth_server(certificate=certificate)
        self.start(double.url, environment={"SSL_CERT_FILE": certificate[0]})
        return double

    def test_a_trusted_server(self):
        double = self.start_trusting("IP:127.0.0.1")
        self.passed().command(pub("t", b"x"))
        self.assertEqual(len(double.requests), 1)

    def test_a_client_with_a_certificate(self):
        """Who it is, is told over https to a server that --tls-root-ca-file vouches for, as for the client."""
        authority = Authority(self.directory)
        double = self.auth_server(certificate=authority.sign("auth"))
        certificate, key = authority.sign("server")
        self.start(double.url, flags=(f"--tls-cert={certificate}", f"--tls-key={key}", "--https-address=127.0.0.1:0",
                                      "--tls-client-auth-policy=require-verify", f"--tls-root-ca-file={authority.file}"))
        client = self.client()
        self.assertTrue(client.identify(tls_v1=True)["tls_v1"])
        client.start_tls(authority.trusting(authority.sign("client", "the client")))
        client.expect(OK)
        client.command(auth(), ANSWER)
        client.command(pub("t", b"x"))
        (_, _, _, query), = double.requests
        self.assertEqual((query["tls"], query["common_name"]), ("true", "the client"))

    def test_a_server_with_another_name(self):
        double = self.start_trusting("DNS:localhost", "IP:127.0.0.2")
        client = self.client()
        client.send(auth())
        client.expect_fatal(FAILED)
        self.assertEqual(double.requests, [])

    def test_a_server_nobody_vouches_for(self):
        double = self.auth_server(certificate=make_certificate(self.directory, "IP:127.0.0.1"))
        self.start(double.url)
        client = self.client()
        client.send(auth())
        client.expect_fatal(FAILED)
        self.assertEqual(double.requests, [])

    def test_a_server_that_does_not_speak_tls(self):
        double = self.auth_server()
        self.start(f"https://{double.address}/auth")
        client = self.client()
        client.send(auth())
        client.expect_fatal(FAILED)
        self.assertEqual(double.requests, [])


class Secrecy(AuthCase):
    @ours_only
    def test_passwords_of_auth_servers_are_shown_to_nobody(self):
        double = self.auth_server()
        self.start(f"http://user:word@{double.address}/auth?token=word")
        self.passed()
        self.assertEqual(self.server.web().json("GET", "/config/auth_http_addresses"),
                         [f"http://{double.address}/auth"])
        code, _, err = run_to_exit("--auth-http-address=htp://user:word@host/")
        self.assertEqual(code, 2)
        self.assertNotIn("word", err)

    @ours_only
    def test_the_secret_is_not_in_the_log(self):
        dead = closed_port()
        self.addCleanup(dead.close)
        double = self.auth_server()
        self.start(f"127.0.0.1:{dead.getsockname()[1]}", double.address, f"http://user:word@{double.address}/auth",
                   flags=("--log-level=debug", "--http-client-request-timeout=200ms"))
        secret = b"topsecret-topsecret"
        for answer in (granted(grant()), secret, (500, {}, secret), (302, {"Location": "/" + secret.decode()}, b""),
                       granted(grant(permissions=[secret.decode()])), granted(grant(topic="(" + secret.decode())),
                       None):
            double.answer = answer or double.answer
            if answer is None:
                double.hold()
            for _ in range(3):
                client = self.client()
                client.send(auth(secret))
                client.read_frame()
        self.is_logged("failed to auth against")
        for hidden in ("topsecret", "word", "secret="):
            self.assertNotIn(hidden, self.server.log)


# (what is sent, answers, answer of the auth server or None), one connection each; the last answer is an error.
TEXTS = [
    ([auth(b"")], None),
    ([b"AUTH x\n" + sized(b"x")], None),
    ([b"AUTH\n\x7f\xff\xff\xff"], None),
    ([b"AUTH\n\xff\xff\xff\xff"], None),
    ([auth(), auth()], granted(grant())),
    ([auth(), b"SUB t c\n", auth()], granted(grant())),
    ([pub("t", b"x")], None),
    ([mpub("t", [b"x"])], None),
    ([b"MPUB t\n\0\0\0\0"], None),
    ([b"PUB t\n\0\0\0\0"], None),
    ([dpub("t", 10, b"x")], None),
    ([b"SUB t c\n"], None),
    ([b"RDY 1\n"], None),
    ([auth()], granted()),
    ([auth()], b'{"ttl":5,"authorizations":null}'),
    ([auth()], granted(grant(), ttl=0)),
    ([auth()], granted()[:-1]),
    ([auth(), pub("t", b"x")], granted(grant("^x$"))),
    ([auth(), mpub("t", [b"x"])], granted(grant("^x$"))),
    ([auth(), dpub("t", 10, b"x")], granted(grant("^x$"))),
    ([auth(), b"SUB t#ephemeral c\n"], granted(grant("^x$"), identity="<a> & \"b\" / \u00fc", identity_url="")),
    ([auth(), b"SUB t c\n"], granted(grant(channels=[]))),
    ([auth(), pub("t", b"x"), b"FOO\n"],
     b'{"TTL":15,"Authorizations":[{"Topic":"","channels":[""],"permissions":["publish"]}]}'),
]


@unittest.skipUnless(os.environ.get("STOCK_NSQD"), "no STOCK_NSQD")
class Stock(AuthCase):
    def test_texts_are_those_of_the_stock_nsqd(self):
        answers = []
        for program in (os.environ["NSQD"], os.environ["STOCK_NSQD"]):
            with unittest.mock.patch.dict(os.environ, NSQD=program):
                answers.append(self.all_answers())
        self.assertEqual(*answers)

    def all_answers(self):
        double = self.auth_server()
        server = Server(f"--auth-http-address={double.address}")
        try:
            answers = []
            for commands, answer in TEXTS:
                double.answer = answer
                with server.client() as client:
                    answers.append([self.answer(client, command) for command in commands])
                    client.expect_closed()
            return answers
        finally:
            server.stop()

    def answer(self, client, command):
        client.send(command)
        frame = client.read_frame()
        return (frame.type, json.loads(frame.data)) if frame.data.startswith(b"{") else frame


if __name__ == "__main__":
    main()
