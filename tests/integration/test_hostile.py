"""Clients that mean harm, over real sockets: floods, smuggled requests, path tricks, sizes that lie, resets anywhere."""

import contextlib
import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import DEADLINE_S, Server, ServerCase, is_stock, main, memory_limit, ours_only, pub, wait_until  # noqa: E402

MB = 1 << 20
HOST = b"Host: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class HttpSockets(ServerCase):
    def tearDown(self):
        self.assert_healthy()

    def connect(self, receive_buffer=None):
        connection = socket.socket()
        self.addCleanup(connection.close)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(DEADLINE_S)
        connection.connect(("127.0.0.1", self.server.http_port))
        return connection

    def read_to_end(self, connection):
        received = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                received += piece
        connection.close()
        return received

    def answers_to(self, request):
        """What comes back until the server closes, or has answered all."""
        connection = self.connect()
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        return self.read_to_end(connection)

    def statuses_of(self, answers):
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) ", answers)]


class Smuggling(HttpSockets):
    """Requests of which two parsers could see different ends: a proxy in front takes what follows for a body."""

    def hidden(self, topic):
        return b"POST /pub?topic=" + topic + b" HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\nx"

    def assert_nothing_is_smuggled(self, first):
        topic = self.name("smuggled")
        answers = self.answers_to(first + self.hidden(topic.encode()))
        statuses = self.statuses_of(answers)
        self.assertEqual(len(statuses), 1, answers)
        self.assertIn(statuses[0], (400, 501), answers)
        self.assertIn(b"Connection: close\r\n", answers)
        self.assertIsNone(self.server.topic(topic))

    @ours_only
    def test_bodies_with_two_ends(self):
        start = b"POST /pub?topic=carrier HTTP/1.1\r\n" + HOST
        for headers in (b"Content-Length: 0\r\nContent-Length: 5\r\n", b"Content-Length: 5\r\nContent-Length: 5\r\n",
                        b"Content-Length: 5, 5\r\n", b"Content-Length: 5\r\n" + CHUNKED,
                        CHUNKED + b"Content-Length: 5\r\n", CHUNKED + CHUNKED, b"Content-Length: 0x5\r\n",
                        b"Content-Length: +5\r\n", b"Content-Length: 5 5\r\n", b"Content-Length:\r\n",
                        b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding: chunked, identity\r\n",
                        b"Transfer-Encoding: identity, chunked\r\n", b"Transfer-Encoding : chunked\r\n",
                        b"Transfer-Encoding:\x0bchunked\r\n", b"Transfer-Encoding: \"chunked\"\r\n",
                        b"Content-Length : 5\r\n", b"Content-Length\x00: 5\r\n", b" Content-Length: 5\r\n",
                        b"X: y\r\n Content-Length: 5\r\n", b"X: y\r\n\t" + CHUNKED, b"X: y\n" + CHUNKED,
                        b"X: y\r" + CHUNKED, b"X y\r\n", b": y\r\n"):
            with self.subTest(headers=headers):
                self.assert_nothing_is_smuggled(start + headers + b"\r\n0\r\n\r\n")

    @ours_only
    def test_chunks_with_two_ends(self):
        start = b"POST /pub?topic=carrier HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n"
        for chunks in (b"1\nx\r\n0\r\n\r\n", b"1\r\nxx\r\n0\r\n\r\n", b"1\r\nx\n0\r\n\r\n", b" 1\r\nx\r\n0\r\n\r\n",
                       b"0x1\r\nx\r\n0\r\n\r\n", b"-1\r\nx\r\n0\r\n\r\n", b"1_0\r\nx\r\n0\r\n\r\n",
                       b"10000000000000001\r\nx\r\n0\r\n\r\n", b"\r\nx\r\n0\r\n\r\n"):
            with self.subTest(chunks=chunks):
                self.assert_nothing_is_smuggled(start + chunks)

    def test_trailers_change_nothing(self):
        for trailer, expected in ((b"X: y\r\n", [200, 200]), (b"Host: other\r\n", [200, 200]),
                                  (b"Content-Length: 100\r\n", [400]), (CHUNKED, [400])):
            topic = self.name()
            with self.subTest(trailer=trailer):
                answers = self.answers_to(
                    b"POST /pub?topic=" + topic.encode() + b" HTTP/1.1\r\n" + HOST + CHUNKED +
                    b"\r\n1;name=value\r\nx\r\n0\r\n" + trailer + b"\r\n"
                    b"GET /ping HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
                if not is_stock():  # which takes any trailer
                    self.assertEqual(self.statuses_of(answers), expected, answers)
                stored = self.server.topic(topic)
                self.assertIn(stored["message_bytes"] if stored else 0, (0, 1))


class Paths(HttpSockets):
    def status_of(self, target, host=HOST):
        answers = self.answers_to(b"GET " + target + b" HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n")
        statuses = self.statuses_of(answers)
        self.assertEqual(len(statuses), 1, answers)
        return statuses[0]

    def test_tricks_reach_nothing_else(self):
        for target in (b"/%2e%2e/%2e%2e/etc/passwd", b"/../../etc/passwd", b"/ping%00", b"/ping%00.html", b"/ping%2f",
                       b"/%", b"/%2", b"/%zz", b"/ping\\..\\info", b"/config/%2e%2e%2fping", b"/config/..%00",
                       b"/config/../../etc/passwd", b"/ping;x=y", b"/\xff\xfe", b"/ping%0d%0aX-Injected:%20y",
                       b"/" + b"a/" * 2000, b"/" + b"%2e%2e/" * 2000, b"/config/" + b"x" * 8000):
            with self.subTest(target=target[:40]):
                self.assertIn(self.status_of(target), (301, 307, 400, 404))

    def test_redirects_stay_here(self):
        # What begins with two slashes is another host to a browser.
        for target in (b"//evil.example/ping", b"//ping", b"///ping", b"/\\evil.example/ping", b"/%2f/ping",
                       b"//evil.example/../ping", b"/ping//", b"//evil.example/%2e%2e/ping"):
            with self.subTest(target=target):
                answers = self.answers_to(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
                location = re.search(rb"\r\nLocation: ([^\r]*)", answers)
                if location:
                    self.assertRegex(location.group(1), rb"^/[a-z]", answers)

    def test_no_header_can_be_injected(self):
        for target in (b"/PING%0d%0aX-Injected:%20y", b"//ping%0d%0aX-Injected:%20y", b"/Ping?a=%0d%0aX-Injected:%20y",
                       b"/ping/?%0d%0aX-Injected:%20y"):
            with self.subTest(target=target):
                answers = self.answers_to(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
                self.assertNotRegex(answers, rb"\nX-Injected")

    def test_absolute_form(self):
        self.assertEqual(self.status_of(b"http://x/ping"), 200)
        self.assertEqual(self.status_of(b"http://other:1/ping?a=b"), 200)
        self.assertIn(self.status_of(b"http://x"), (400, 404))
        self.assertIn(self.status_of(b"http:///ping"), (200, 400, 404))


class Http(HttpSockets):
    @ours_only
    def test_sizes_that_lie(self):
        start = b"POST /mpub?topic=lie HTTP/1.1\r\n" + HOST
        for size in (b"5242881", b"2147483648", b"4294967296", b"9223372036854775807", b"18446744073709551615",
                     b"18446744073709551617", b"9" * 100):
            with self.subTest(size=size):
                answers = self.answers_to(start + b"Content-Length: " + size + b"\r\n\r\nx")
                self.assertTrue(set(self.statuses_of(answers)) <= {400, 413}, answers)
        for size in (b"ffffffff", b"7fffffffffffffff", b"ffffffffffffffff", b"fffffffffffffffff"):
            with self.subTest(chunk=size):
                answers = self.answers_to(start + CHUNKED + b"\r\n" + size + b"\r\nx")
                self.assertTrue(set(self.statuses_of(answers)) <= {400, 413}, answers)
        self.assertIsNone(self.server.topic("lie"))

    def test_a_promised_body_takes_no_memory(self):
        before = self.server.rss_bytes()
        for _ in range(200):
            self.connect().sendall(b"POST /mpub?topic=promise HTTP/1.1\r\n" + HOST +
                                   b"Content-Length: 5242880\r\n\r\n" + b"x" * 1000)
        self.assert_healthy()
        self.assertLess(self.server.rss_bytes() - before, memory_limit(200 * MB))

    def test_many_headers(self):
        answers = self.answers_to(b"GET /ping HTTP/1.1\r\n" + HOST + b"a:b\r\n" * 3000 + b"\r\n")
        self.assertEqual(self.statuses_of(answers), [200])
        # More than the head may have: the rest is not waited for.
        connection = self.connect()
        before = self.server.rss_bytes()
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"GET /ping HTTP/1.1\r\n" + HOST)
            for _ in range(64):
                connection.sendall(b"a:b\r\n" * 200000)
        self.read_to_end(connection)
        self.assertLess(self.server.rss_bytes() - before, memory_limit(32 * MB))

    def test_many_heads_that_do_not_end(self):
        before = self.server.rss_bytes()
        for _ in range(500):
            self.connect().sendall(b"GET /ping HTTP/1.1\r\n" + HOST + b"X: " + b"f" * 15000)
        self.assert_healthy()
        self.assertLess(self.server.rss_bytes() - before, memory_limit(64 * MB))

    def requests(self, topic):
        return (b"GET /ping HTTP/1.1\r\n" + HOST + b"\r\nPOST /pub?topic=" + topic + b" HTTP/1.1\r\n" + HOST +
                b"Content-Length: 5\r\n\r\nhelloPOST /mpub?topic=" + topic + b" HTTP/1.1\r\n" + HOST + CHUNKED +
                b"\r\n3\r\na\nb\r\n0\r\n\r\n")

    @ours_only
    def test_requests_cut_at_every_byte(self):
        requests = self.requests(self.name().encode())
        for length in range(len(requests) + 1):
            answers = self.answers_to(requests[:length])
            for status in self.statuses_of(answers):
                self.assertIn(status, (200, 400), (length, answers))

    def test_requests_reset_at_every_byte(self):
        files = f"/proc/{self.server.pid}/fd"
        before = len(os.listdir(files))
        requests = self.requests(self.name().encode())
        for length in range(len(requests) + 1):
            connection = self.connect()
            connection.sendall(requests[:length])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
        wait_until(lambda: len(os.listdir(files)) <= before + 5, "the server has closed its ends")

    def test_answers_that_nobody_reads(self):
        # Each is some hundred times as large as its request.
        for number in range(50):
            self.web.do("topic/create", f"unread{number}")
        requests = b"GET /stats HTTP/1.1\r\n" + HOST + b"\r\n"
        connection = self.connect(receive_buffer=4096)
        before = largest = self.server.rss_bytes()
        connection.settimeout(1)
        sent = 0
        with contextlib.suppress(TimeoutError, ConnectionError):
            while sent < 8 * MB:
                sent += connection.send(requests * 200)
                largest = max(largest, self.server.rss_bytes())
        print(f"\n    took {sent / MB:.1f} MB of requests; resident memory grew by {(largest - before) / MB:.1f} MB ",
              end="")
        self.assertLess(largest - before, memory_limit(64 * MB))


class Lines(ServerCase):
    def test_a_line_without_end(self):
        client = self.client()
        before = self.server.rss_bytes()
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                client.send(b"A" * MB)
        client.close()
        self.assertLess(self.server.rss_bytes() - before, memory_limit(32 * MB))
        self.assert_healthy()

    def test_many_lines_that_do_not_end(self):
        before = self.server.rss_bytes()
        for _ in range(500):
            self.client().send(b"PUB " + b"t" * 15000)
        self.client().command(pub(self.name(), b"x"))
        self.assertLess(self.server.rss_bytes() - before, memory_limit(64 * MB))


class Flood(ServerCase):
    """More connections than the server may open files."""

    FILES = 256

    @classmethod
    def setUpClass(cls):
        cls.server = Server(files=cls.FILES)

    def test_a_flood_takes_nothing_from_those_who_are_there(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=1)
        producer = self.client()
        flood = []
        for port in (self.server.tcp_port, self.server.http_port):
            for _ in range(self.FILES):
                flood.append(socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S))
                self.addCleanup(flood[-1].close)
        before = self.server.cpu_s()
        for _ in range(500):
            producer.command(pub(topic, b"x"))
            consumer.fin(consumer.read_message())
        # New topics have files too.
        producer.command(pub(self.name(), b"x"))
        print(f"\n    {self.server.cpu_s() - before:.2f} s of CPU for 500 messages during the flood ", end="")
        for connection in flood:
            connection.close()
        self.client().command(pub(topic, b"after"))
        self.assert_healthy()


if __name__ == "__main__":
    main()
