"""Every route of the HTTP API: statuses, bodies and headers."""

import contextlib
import json
import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import ServerCase, main, mpub_body, ours_only, sized, wait_until  # noqa: E402

GETS = ("/ping", "/info", "/stats")
POSTS = ("/pub", "/mpub", "/topic/create", "/topic/delete", "/topic/empty", "/topic/pause", "/topic/unpause",
         "/channel/create", "/channel/delete", "/channel/empty", "/channel/pause", "/channel/unpause")
NSQ_TYPE = "nsq; version=1.0"
JSON_TYPE = "application/json; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"


def without_head(allow):
    """The methods of an Allow header. The stock nsqd takes no HEAD; to answer it is right, too."""
    return [method for method in allow.split(", ") if method != "HEAD"]


class Routes(ServerCase):
    def test_ping(self):
        reply = self.web.get("/ping")
        self.assert_reply(reply, 200, b"OK")
        self.assertEqual(reply.headers["Content-Type"], TEXT_TYPE)
        self.assertEqual(reply.headers["Content-Length"], "2")
        self.assertNotIn("X-NSQ-Content-Type", reply.headers)

    def test_info(self):
        reply = self.web.get("/info")
        self.assertEqual(reply.status, 200)
        self.assertEqual((reply.headers["Content-Type"], reply.headers["X-NSQ-Content-Type"]), (JSON_TYPE, NSQ_TYPE))
        info = json.loads(reply.body)
        hostname = os.uname().nodename
        self.assertLess(abs(info["start_time"] - time.time()), 3600)
        expected = {
            "version": "1.3.0", "broadcast_address": hostname, "hostname": hostname,
            "http_port": self.server.http_port, "tcp_port": self.server.tcp_port, "start_time": info["start_time"],
            "max_heartbeat_interval": 60_000_000_000, "max_output_buffer_size": 65536,
            "max_output_buffer_timeout": 30_000_000_000, "max_deflate_level": 6}
        self.assertEqual(info, expected)
        self.assertEqual(list(info), list(expected))

    def test_unknown_paths(self):
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            for path in ("/", "/nope", "/topic", "/topic/nope", "/config", "/config/", "/pub/x"):
                with self.subTest(method=method, path=path):
                    self.assert_refused(self.web.request(method, path), 404, "NOT_FOUND")
        self.assert_reply(self.web.request("HEAD", "/nope"), 404, b"")

    def test_other_methods(self):
        for path in GETS:
            for method in ("POST", "PUT", "DELETE"):
                with self.subTest(method=method, path=path):
                    reply = self.web.request(method, path)
                    self.assert_refused(reply, 405, "METHOD_NOT_ALLOWED")
                    self.assertEqual(without_head(reply.headers["Allow"]), ["GET", "OPTIONS"])
        for path in POSTS:
            for method in ("GET", "PUT", "DELETE"):
                with self.subTest(method=method, path=path):
                    reply = self.web.request(method, path + "?topic=t&channel=c")
                    self.assert_refused(reply, 405, "METHOD_NOT_ALLOWED")
                    self.assertEqual(without_head(reply.headers["Allow"]), ["OPTIONS", "POST"])
        for method in ("POST", "DELETE"):
            reply = self.web.request(method, "/config/log_level")
            self.assert_refused(reply, 405, "METHOD_NOT_ALLOWED")
            self.assertEqual(without_head(reply.headers["Allow"]), ["GET", "OPTIONS", "PUT"])

    def test_options(self):
        for paths, allow in ((GETS, "GET, OPTIONS"), (POSTS, "OPTIONS, POST"),
                             (("/config/log_level",), "GET, OPTIONS, PUT")):
            for path in paths:
                with self.subTest(path=path):
                    reply = self.web.request("OPTIONS", path)
                    self.assert_reply(reply, 200, b"")
                    self.assertEqual(without_head(reply.headers["Allow"]), without_head(allow))

    def test_head_has_no_body(self):
        # Whatever the status, a HEAD answer with a body would be taken for the next answer of the connection.
        connection = self.web.connection()
        for path in GETS + POSTS:
            with self.subTest(path=path):
                connection.request("HEAD", path)
                response = connection.getresponse()
                self.assertEqual(response.read(), b"")
                self.assertIn(response.status, (200, 405))
                connection.request("GET", "/ping")
                self.assertEqual(connection.getresponse().read(), b"OK")
        connection.close()

    def test_keep_alive_and_close(self):
        connection = self.web.connection()
        for _ in range(50):
            connection.request("POST", "/pub?topic=keep", b"x")
            self.assertEqual(connection.getresponse().read(), b"OK")
        local_socket = connection.sock
        connection.request("GET", "/ping", headers={"Connection": "close"})
        self.assertEqual(connection.getresponse().read(), b"OK")
        self.assertIsNot(connection.sock, local_socket)

    def test_http_1_0(self):
        with contextlib.closing(self.web.connection()) as connection:
            connection.connect()
            connection.sock.sendall(b"GET /ping HTTP/1.0\r\n\r\n")
            received = b""
            while chunk := connection.sock.recv(4096):
                received += chunk
        self.assertRegex(received, rb"(?s)^HTTP/1\.[01] 200 OK\r\n.*\r\n\r\nOK$")

    def test_garbage_instead_of_a_request(self):
        for garbage in (b"\x00\x01\x02\x03\r\n\r\n", b"GET\r\n\r\n", b"GET /ping HTTP/9.9\r\n\r\n",
                        b"POST /pub?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                        b"POST /pub?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n",
                        b"POST /pub?topic=t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            with self.subTest(garbage=garbage), contextlib.closing(self.web.connection()) as connection:
                connection.connect()
                connection.sock.sendall(garbage)
                connection.sock.shutdown(1)
                received = b""
                while chunk := connection.sock.recv(4096):
                    received += chunk
                if received:
                    self.assertRegex(received, rb"^HTTP/1\.[01] [45]\d\d ")
        self.assert_healthy()
        self.assertIsNone(self.server.topic("t"))

    def test_a_header_without_end(self):
        with contextlib.closing(self.web.connection()) as connection:
            connection.connect()
            connection.sock.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n")
            before = self.server.rss_bytes()
            received = b""
            try:
                for _ in range(4096):  # 64 MB
                    connection.sock.sendall(b"X-Filler: " + b"f" * 16384 + b"\r\n")
                received = connection.sock.recv(4096)
            except ConnectionError:
                pass  # it closed without reading all of it
            if received:
                self.assertRegex(received, rb"^HTTP/1\.1 431 ")
            self.assertLess(self.server.rss_bytes() - before, 32 << 20)
        self.assert_healthy()


class Publish(ServerCase):
    FLAGS = ("--max-msg-size=100", "--max-body-size=200")

    def published(self, topic):
        """The bodies the topic has got since it was last asked."""
        count = self.server.topic(topic)["message_count"]
        consumer = self.consumer(topic, self.name("c"), ready=100)
        bodies = [message.body for message in consumer.read_messages(count)]
        self.web.do("topic/delete", topic)
        return bodies

    def assert_accepted(self, reply):
        self.assert_reply(reply, 200, b"OK")
        self.assertEqual((reply.headers["Content-Type"], reply.headers["X-NSQ-Content-Type"]), (TEXT_TYPE, NSQ_TYPE))

    def test_pub(self):
        for body in (b"x", b"x" * 100, b"two\nlines\n", b"\x00\xff"):
            topic = self.name()
            self.assert_accepted(self.web.post(f"/pub?topic={topic}", body))
            self.assertEqual(self.published(topic), [body])
        topic = self.name()
        self.assert_accepted(self.web.post(f"/pub?topic={topic}%23ephemeral", b"x"))
        self.assertIsNotNone(self.server.topic(f"{topic}#ephemeral"))

    def test_pub_errors(self):
        for query, body, status, code in (
                ("", b"x", 400, "MISSING_ARG_TOPIC"),
                ("?topic=", b"x", 400, "INVALID_TOPIC"),
                ("?topic=bad!", b"x", 400, "INVALID_TOPIC"),
                ("?topic=" + "n" * 65, b"x", 400, "INVALID_TOPIC"),
                ("?topic=t", b"", 400, "MSG_EMPTY"),
                ("?topic=t", b"x" * 101, 413, "MSG_TOO_BIG"),
                ("?topic=t", b"x" * 1000000, 413, "MSG_TOO_BIG"),
                ("?topic=t&defer=x", b"x", 400, "INVALID_DEFER"),
                ("?topic=t&defer=", b"x", 400, "INVALID_DEFER"),
                ("?topic=t&defer=-1", b"x", 400, "INVALID_DEFER"),
                ("?topic=t&defer=3600001", b"x", 400, "INVALID_DEFER"),
                ("?topic=%zz", b"x", 400, "INVALID_REQUEST")):
            with self.subTest(query=query, body=len(body)):
                self.assert_refused(self.web.post("/pub" + query, body), status, code)

    def test_pub_deferred(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        self.web.do("channel/create", topic, "c")
        self.web.publish(topic, b"late", defer=3600000)
        self.web.publish(topic, b"soon", defer=100)
        self.server.wait_channel(topic, "c", message_count=2)
        consumer = self.consumer(topic, "c", ready=1)
        self.assertEqual(consumer.read_message().body, b"soon")
        self.server.wait_channel(topic, "c", deferred_count=1, in_flight_count=1, depth=0)

    def test_mpub_text(self):
        for body, messages in ((b"a\nb\nc", [b"a", b"b", b"c"]), (b"a\n\n\nb\n", [b"a", b"b"]), (b"one", [b"one"]),
                               (b"cr\r\nlf\n", [b"cr\r", b"lf"]), (b"x\n" * 100, [b"x"] * 100),
                               (b"y" * 100 + b"\n" + b"z" * 99, [b"y" * 100, b"z" * 99])):
            for query in ("", "&binary=false", "&binary=0"):
                with self.subTest(body=body[:20], query=query):
                    topic = self.name()
                    self.assert_accepted(self.web.post(f"/mpub?topic={topic}{query}", body))
                    self.assertEqual(sorted(self.published(topic)), sorted(messages))

    def test_mpub_of_nothing(self):
        for body in (b"", b"\n\n"):
            self.assert_accepted(self.web.post(f"/mpub?topic={self.name()}", body))

    def test_mpub_binary(self):
        for query in ("binary=true", "binary=1"):
            topic = self.name()
            self.assert_accepted(self.web.post(f"/mpub?topic={topic}&{query}", mpub_body([b"a\n", b"b" * 100])))
            self.assertEqual(sorted(self.published(topic)), [b"a\n", b"b" * 100])

    def test_mpub_errors(self):
        binary = "?topic=t&binary=true"
        for query, body, status, code in (
                ("", b"x", 400, "MISSING_ARG_TOPIC"),
                ("?topic=bad!", b"x", 400, "INVALID_TOPIC"),
                ("?topic=t", b"a\n" + b"x" * 101, 413, "MSG_TOO_BIG"),
                ("?topic=t", b"x" * 101 + b"\na", 413, "MSG_TOO_BIG"),
                ("?topic=t", b"x\n" * 101, 413, "BODY_TOO_BIG"),
                (binary, b"x" * 201, 413, "BODY_TOO_BIG"),
                (binary, b"", 413, "BAD_BODY"),
                (binary, b"\0\0", 413, "BAD_BODY"),
                (binary, struct.pack(">i", 0), 413, "BAD_BODY"),
                (binary, struct.pack(">i", -1), 413, "BAD_BODY"),
                (binary, struct.pack(">i", 1000000), 413, "BAD_BODY"),
                (binary, struct.pack(">ii", 1, 0), 413, "BAD_MESSAGE"),
                (binary, struct.pack(">ii", 1, -1), 413, "BAD_MESSAGE"),
                (binary, struct.pack(">ii", 1, 101), 413, "BAD_MESSAGE"),
                (binary, struct.pack(">ii", 1, 5) + b"ab", 413, "BAD_MESSAGE"),
                (binary, struct.pack(">i", 2) + sized(b"a"), 413, "BAD_MESSAGE")):
            with self.subTest(query=query, body=body[:20]):
                self.assert_refused(self.web.post("/mpub" + query, body), status, code)
        topic = self.server.topic("t")
        self.assertTrue(topic is None or topic["message_count"] == 0)

    def chunked(self, path, chunks):
        return self.web.request("POST", path, iter(chunks), {"Transfer-Encoding": "chunked"}, chunked=True)

    def test_chunked_bodies(self):
        topic = self.name()
        self.assert_accepted(self.chunked(f"/pub?topic={topic}", [b"chunk", b"ed"]))
        self.assert_accepted(self.chunked(f"/mpub?topic={topic}", [b"a\nb", b"b\ncc\n"]))
        self.assertEqual(sorted(self.published(topic)), [b"a", b"bb", b"cc", b"chunked"])
        self.assert_refused(self.chunked(f"/pub?topic={topic}", [b"x" * 60] * 2), 413, "MSG_TOO_BIG")
        self.assert_refused(self.chunked(f"/mpub?topic={topic}", [b"x" * 150] * 2), 413, "BODY_TOO_BIG")
        self.assert_refused(self.chunked(f"/pub?topic={topic}", []), 400, "MSG_EMPTY")

    def test_a_body_without_end(self):
        connection = self.web.connection()
        connection.putrequest("POST", "/pub?topic=t")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        before = self.server.rss_bytes()
        try:
            for _ in range(1024):
                connection.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except (ConnectionError, TimeoutError):
            pass
        self.assertLess(self.server.rss_bytes() - before, 64 << 20)
        connection.close()
        self.assert_healthy()

    def test_a_client_that_leaves_in_its_body(self):
        for sent in range(0, 11):
            with contextlib.closing(self.web.connection()) as connection:
                connection.putrequest("POST", "/pub?topic=left")
                connection.putheader("Content-Length", "11")
                connection.endheaders(b"x" * sent if sent else None)
        self.web.publish("left", b"whole")
        self.assertEqual(self.published("left"), [b"whole"])


class Administration(ServerCase):
    def test_topic_errors(self):
        for action in ("create", "delete", "empty", "pause", "unpause"):
            with self.subTest(action=action):
                self.assert_refused(self.web.post(f"/topic/{action}"), 400, "MISSING_ARG_TOPIC")
                if action != "create":
                    self.assert_refused(self.web.post(f"/topic/{action}?topic=nosuch"), 404, "TOPIC_NOT_FOUND")
        for action in ("create", "empty"):
            self.assert_refused(self.web.post(f"/topic/{action}?topic=bad!"), 400, "INVALID_TOPIC")
        for action in ("delete", "pause", "unpause"):
            self.assert_refused(self.web.post(f"/topic/{action}?topic=bad!"), 404, "TOPIC_NOT_FOUND")

    def test_channel_errors(self):
        self.web.do("topic/create", "known")
        for action in ("create", "delete", "empty", "pause", "unpause"):
            for query, status, code in (
                    ("", 400, "MISSING_ARG_TOPIC"),
                    ("?channel=c", 400, "MISSING_ARG_TOPIC"),
                    ("?topic=known", 400, "MISSING_ARG_CHANNEL"),
                    ("?topic=bad!&channel=c", 400, "INVALID_ARG_TOPIC"),
                    ("?topic=known&channel=bad!", 400, "INVALID_ARG_CHANNEL"),
                    ("?topic=nosuch&channel=c", 404, "TOPIC_NOT_FOUND")):
                with self.subTest(action=action, query=query):
                    self.assert_refused(self.web.post(f"/channel/{action}{query}"), status, code)
            if action != "create":
                self.assert_refused(self.web.post(f"/channel/{action}?topic=known&channel=nosuch"), 404,
                                    "CHANNEL_NOT_FOUND")
        self.assertEqual(self.server.topic("known")["channels"], [])

    def test_success_has_no_body(self):
        topic = self.name()
        for path in (f"/topic/create?topic={topic}", f"/topic/create?topic={topic}",
                     f"/topic/pause?topic={topic}", f"/topic/pause?topic={topic}", f"/topic/unpause?topic={topic}",
                     f"/topic/empty?topic={topic}", f"/channel/create?topic={topic}&channel=c",
                     f"/channel/create?topic={topic}&channel=c", f"/channel/pause?topic={topic}&channel=c",
                     f"/channel/unpause?topic={topic}&channel=c", f"/channel/empty?topic={topic}&channel=c",
                     f"/channel/delete?topic={topic}&channel=c", f"/topic/delete?topic={topic}"):
            with self.subTest(path=path):
                reply = self.web.post(path)
                self.assert_reply(reply, 200, b"")
                self.assertEqual(reply.headers["X-NSQ-Content-Type"], NSQ_TYPE)
                self.assertEqual(reply.headers["Content-Length"], "0")
        self.assertIsNone(self.server.topic(topic))

    def test_pauses_show_in_stats(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        self.web.do("channel/create", topic, "c")
        for paused, action in ((True, "pause"), (False, "unpause")):
            self.web.do(f"topic/{action}", topic)
            self.web.do(f"channel/{action}", topic, "c")
            self.assertIs(self.server.topic(topic)["paused"], paused)
            self.assertIs(self.server.channel(topic, "c")["paused"], paused)


class Config(ServerCase):
    FLAGS = ("--log-level=info",)

    def assert_value(self, reply, value):
        self.assertEqual((reply.status, json.loads(reply.body)), (200, value))
        self.assertEqual((reply.headers["Content-Type"], reply.headers["X-NSQ-Content-Type"]), (JSON_TYPE, NSQ_TYPE))

    def test_get(self):
        for option, value in (("msg_timeout", 60_000_000_000), ("max_req_timeout", 3_600_000_000_000),
                              ("mem_queue_size", 10000), ("max_rdy_count", 2500), ("max_msg_size", 1048576),
                              ("log_level", 2)):
            with self.subTest(option=option):
                self.assert_value(self.web.get("/config/" + option), value)
        # A string comes as it is, not as JSON.
        reply = self.web.get("/config/data_path")
        self.assert_reply(reply, 200, self.server.data_path.encode())
        self.assertEqual(reply.headers["Content-Type"], TEXT_TYPE)

    def test_get_errors(self):
        for option in ("nope", "node_id", "version", "config", "MsgTimeout", "msg-timeout"):
            with self.subTest(option=option):
                self.assert_refused(self.web.get("/config/" + option), 400, "INVALID_OPTION")

    def test_put_errors(self):
        for option, body, status, code in (
                ("nope", b"x", 400, "INVALID_OPTION"), ("mem_queue_size", b"5", 400, "INVALID_OPTION"),
                ("log_level", b"bogus", 400, "INVALID_VALUE"), ("log_level", b"2", 400, "INVALID_VALUE"),
                ("log_level", b"info\n", 400, "INVALID_VALUE"), ("log_level", b"", 413, "INVALID_VALUE"),
                ("log_level", b"x" * 1048577, 413, "INVALID_VALUE")):
            with self.subTest(option=option, body=body[:20]):
                self.assert_refused(self.web.put("/config/" + option, body), status, code)

    def test_log_level_changes_what_is_logged(self):
        self.web.do("topic/create", "logged1")
        wait_until(lambda: "TOPIC(logged1): created" in self.server.log, "the line about logged1")
        self.assert_value(self.web.put("/config/log_level", b"error"), 4)
        self.assert_value(self.web.get("/config/log_level"), 4)
        self.web.do("topic/create", "logged2")
        self.assert_value(self.web.put("/config/log_level", b"DEBUG"), 1)
        self.web.do("topic/create", "logged3")
        wait_until(lambda: "TOPIC(logged3): created" in self.server.log, "the line about logged3")
        self.assertNotIn("TOPIC(logged2): created", self.server.log)
        self.assert_value(self.web.put("/config/log_level", b"info"), 2)

    def test_log_lines(self):
        self.web.do("topic/create", "logged4")
        line = wait_until(lambda: [x for x in self.server.log_lines if "TOPIC(logged4): created" in x], "its line")[0]
        self.assertRegex(line, r"^\[nsqd\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} INFO: TOPIC\(logged4\): created\n$")

    @ours_only
    def test_no_message_body_is_logged(self):
        self.web.put("/config/log_level", b"debug")
        secret = b"do-not-log-this-secret"
        consumer = self.consumer("private", "c", ready=1)
        self.web.publish("private", secret)
        consumer.fin(consumer.read_message())
        self.server.wait_channel("private", "c", in_flight_count=0, depth=0)
        self.web.put("/config/log_level", b"info")
        self.assertNotIn(secret.decode(), self.server.log)


if __name__ == "__main__":
    main()
