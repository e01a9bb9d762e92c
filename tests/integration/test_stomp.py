"""STOMP, byte by byte, beside V2 clients of the same server."""

import contextlib
import os
import socket
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import (Authority, Closed, Server, ServerCase, dpub, main, memory_limit, mpub, ours_only,  # noqa: E402
                     pub, wait_until)
from nsqtest.auth_server import AuthServer, grant, granted  # noqa: E402
from nsqtest.stomp import StompClient, encode, send_frame  # noqa: E402

MB = 1 << 20
PLUGIN = "--plugin=stomp"


@ours_only
class StompCase(ServerCase):
    FLAGS = (PLUGIN,)

    def stomp(self, version="1.2", receive_buffer=None, **headers):
        """A STOMP connection that is closed when the test ends. CONNECTED's headers are its `agreed`."""
        client = StompClient(self.server.tcp_port, receive_buffer=receive_buffer)
        self.addCleanup(client.close)
        if version:
            client.agreed = client.connect(version, **headers)
        return client


class Messages(StompCase):
    def test_from_stomp_to_v2(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=10)
        client = self.stomp()
        bodies = [b"hello", b"\0binary\0\n", bytes(range(256)) * 4096]
        for body in bodies:
            client.publish(topic, body)
        client.send(encode("SEND", {"destination": f"/topic/{topic}", "receipt": "r"}, b"ended by its NUL"))
        client.expect_receipt("r")
        self.assertEqual([consumer.read_message().body for _ in range(4)], [*bodies, b"ended by its NUL"])

    def test_from_v2_to_stomp(self):
        topic = self.name()
        client = self.stomp().subscribe(f"/queue/{topic}/c", ack="client-individual")
        started = time.time_ns()
        self.client().command(mpub(topic, [b"hello", b"\0binary\0\n", b"x" * MB]))
        messages = [client.read_message() for _ in range(3)]
        self.assertEqual([message.body for message in messages], [b"hello", b"\0binary\0\n", b"x" * MB])
        headers = messages[0].headers
        self.assertEqual(headers["subscription"], "s")
        self.assertEqual(headers["destination"], f"/topic/{topic}")
        self.assertEqual(headers["attempts"], "1")
        self.assertEqual(headers["content-length"], "5")
        self.assertEqual(headers["ack"], headers["message-id"])
        self.assertLessEqual(abs(int(headers["timestamp"]) - started), 60 * 10**9)
        for message in messages:
            client.ack(message)
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=0, requeue_count=0)

    def test_the_id_is_the_one_v2_clients_see(self):
        topic = self.name()
        consumer = self.consumer(topic, "v2", ready=1)
        client = self.stomp().subscribe(f"/queue/{topic}/stomp")
        self.client().command(pub(topic, b"x"))
        number, digits, attempts = client.read_message().headers["message-id"].split("-")
        self.assertEqual((number, digits.encode(), attempts), ("1", consumer.read_message().id, "1"))

    def test_old_versions(self):
        for version in ("1.0", "1.1"):
            with self.subTest(version=version):
                topic = self.name()
                client = self.stomp(version)
                self.assertEqual(client.agreed["version"], version)
                client.subscribe(f"/queue/{topic}/c", ack="client")
                client.publish(topic, b"x")
                message = client.read_message()
                self.assertNotIn("ack", message.headers)
                client.do("ACK", subscription="s", message_id=message.headers["message-id"])
                self.server.wait_channel(topic, "c", depth=0, in_flight_count=0)

    def test_a_topic_is_a_channel_of_ones_own(self):
        topic = self.name()
        clients = [self.stomp().subscribe(f"/topic/{topic}") for _ in range(2)]
        clients[0].publish(topic, b"x")
        for client in clients:
            self.assertEqual(client.read_message().body, b"x")
        names = [channel["channel_name"] for channel in self.server.topic(topic)["channels"]]
        self.assertEqual(len(set(names)), 2)
        for name in names:
            self.assertRegex(name, r"^stomp-[0-9a-f]{16}#ephemeral$")
        for client in clients:
            client.close()
        wait_until(lambda: not self.server.topic(topic)["channels"], "the channels are gone")

    def test_a_channel_is_shared(self):
        topic = self.name()
        stomp = self.stomp().subscribe(f"/queue/{topic}/c", ack="client-individual", prefetch_count=1)
        v2 = self.consumer(topic, "c", ready=1)
        self.client().command(mpub(topic, [b"1", b"2"]))
        self.assertEqual({stomp.read_message().body, v2.read_message().body}, {b"1", b"2"})

    def test_client_mode_is_cumulative(self):
        topic = self.name()
        client = self.stomp().subscribe(f"/queue/{topic}/c", ack="client")
        self.client().command(mpub(topic, [b"1", b"2", b"3"]))
        messages = [client.read_message() for _ in range(3)]
        client.ack(messages[1])
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=1)
        client.ack(messages[2], "NACK")
        again = client.read_message()
        self.assertEqual((again.body, again.headers["attempts"]), (b"3", "2"))

    def test_unanswered_messages_are_requeued_at_once(self):
        for end in ("unsubscribe", "disconnect", "close"):
            with self.subTest(end=end):
                topic = self.name()
                client = self.stomp().subscribe(f"/queue/{topic}/c", ack="client-individual")
                self.client().command(mpub(topic, [b"1", b"2"]))
                client.ack(client.read_message())
                client.read_message()
                if end == "unsubscribe":
                    client.do("UNSUBSCRIBE", id="s")
                elif end == "disconnect":
                    client.do("DISCONNECT")
                    client.expect_closed()
                else:
                    client.close()
                # Its timeout is a minute.
                message = self.consumer(topic, "c", ready=1).read_message()
                self.assertEqual((message.body, message.attempts), (b"2", 2))

    def test_a_timeout_and_a_late_answer(self):
        topic = self.name()
        client = self.stomp().subscribe(f"/queue/{topic}/c", ack="client", msg_timeout=1000, prefetch_count=1)
        self.client().command(pub(topic, b"x"))
        first = client.read_message()
        started = time.monotonic()
        second = client.read_message()
        self.assertGreater(time.monotonic() - started, 0.9)
        self.assertEqual(second.headers["attempts"], "2")
        client.do("ACK", id=second.headers["ack"])
        client.ack(first)
        client.do("BEGIN", transaction="alive")
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=0, timeout_count=1)
        client.send(encode("NACK", {"id": first.headers["ack"], "receipt": "late"}))
        client.expect_error("NACK of a message that is not in flight here any more", "late")

    def test_deferred(self):
        topic = self.name()
        client = self.stomp().subscribe(f"/queue/{topic}/c")
        started = time.monotonic()
        client.publish(topic, b"late", delay=300)
        client.publish(topic, b"now")
        self.assertEqual([client.read_message().body for _ in range(2)], [b"now", b"late"])
        self.assertGreater(time.monotonic() - started, 0.299)
        self.client().command(dpub(topic, 300, b"late"))
        self.assertEqual(client.read_message().body, b"late")

    def test_a_paused_channel_delivers_nothing(self):
        topic = self.name()
        client = self.stomp().subscribe(f"/queue/{topic}/c")
        self.web.do("channel/pause", topic, "c")
        client.publish(topic, b"x")
        self.server.wait_channel(topic, "c", depth=1)
        client.do("BEGIN", transaction="nothing came")
        self.web.do("channel/unpause", topic, "c")
        self.assertEqual(client.read_message().body, b"x")

    def test_a_deleted_channel(self):
        topic = self.name()
        client = self.stomp().subscribe(f"/queue/{topic}/c")
        self.web.do("channel/delete", topic, "c")
        client.expect_error("a subscription's channel is gone")

    def test_statistics(self):
        topic = self.name()
        client = self.stomp(login="me").subscribe(f"/queue/{topic}/c", ack="client", prefetch_count=7)
        client.publish(topic, b"x")
        client.read_message()
        channel = self.server.wait_channel(topic, "c", client_count=1, in_flight_count=1)
        shown = channel["clients"][0]
        self.assertEqual((shown["client_id"], shown["ready_count"], shown["in_flight_count"], shown["message_count"]),
                         ("me", 7, 1, 1))
        self.assertEqual(shown["remote_address"], f"127.0.0.1:{client.local_port}")


class Transactions(StompCase):
    def test_messages_come_with_the_commit(self):
        topics = [self.name(), self.name()]
        consumers = [self.consumer(topic, "c", ready=10) for topic in topics]
        client = self.stomp()
        client.do("BEGIN", transaction="a")
        for body in (b"1", b"2", b"3"):
            for topic in topics:
                client.send(send_frame(topic, body, transaction="a"))
        client.publish(topics[0], b"before")
        self.assertEqual(consumers[0].read_message().body, b"before")
        client.do("COMMIT", transaction="a")
        for consumer in consumers:
            self.assertEqual([consumer.read_message().body for _ in range(3)], [b"1", b"2", b"3"])

    def test_nothing_comes_of_an_aborted_one(self):
        topic = self.name()
        client = self.stomp()
        client.do("BEGIN", transaction="a")
        client.send(send_frame(topic, b"x", transaction="a"))
        client.do("ABORT", transaction="a")
        self.assertIsNone(self.server.topic(topic))

    def test_an_ack_goes_with_the_commit(self):
        topic, answers = self.name(), self.name()
        client = self.stomp().subscribe(f"/queue/{topic}/c", ack="client-individual")
        client.publish(topic, b"question")
        message = client.read_message()
        client.do("BEGIN", transaction="a")
        client.ack(message, transaction="a")
        client.send(send_frame(answers, b"answer", transaction="a"))
        client.do("BEGIN", transaction="b")
        self.assertEqual(self.server.channel(topic, "c")["in_flight_count"], 1)
        client.do("COMMIT", transaction="a")
        self.assertEqual(self.server.channel(topic, "c")["in_flight_count"], 0)
        self.assertEqual(self.consumer(answers, "c", ready=1).read_message().body, b"answer")


class Connections(StompCase):
    def test_heart_beats(self):
        client = self.stomp(heart_beat="0,1000")
        self.assertEqual(client.agreed["heart-beat"], "1000,0")
        started = time.monotonic()
        for _ in range(2):
            client.wait_heartbeat()
        self.assertGreater(time.monotonic() - started, 1.9)

    def test_a_silent_client(self):
        client = self.stomp(heart_beat="1000,0")
        self.assertEqual(client.agreed["heart-beat"], "0,1000")
        started = time.monotonic()
        client.expect_error("nothing was read for two heart-beats")
        self.assertGreater(time.monotonic() - started, 1.9)

    def test_byte_by_byte(self):
        topic = self.name()
        client = self.stomp(None)
        client.send_bytewise(encode("STOMP", {"accept-version": "1.1,1.2"}) + b"\r\n\n" +
                             send_frame(topic, b"a\0b", receipt="1"))
        self.assertEqual(client.read().command, "CONNECTED")
        client.expect_receipt("1")

    def test_line_ends_and_escapes(self):
        client = self.stomp(None)
        client.send(b"CONNECT\r\naccept-version:1.2\r\n\r\n\0\r\n")
        self.assertEqual(client.read().command, "CONNECTED")
        client.send(b"BEGIN\r\ntransaction:a\\nb\r\nreceipt:\\c\\\\\\r\r\n\r\n\0")
        client.expect_receipt("\\c\\\\\\r")

    def test_errors(self):
        for sent, message, receipt in (
                (encode("FOO", {"receipt": "1"}), "unknown command", "1"),
                (encode("SEND", {"destination": "/topic/$", "receipt": "2"}, b"x"),
                 "destination \"/topic/$\" is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL", "2"),
                (send_frame("t", b""), "SEND without a body\\c NSQ has no empty messages", None),
                (b"SEND\nbroken\n", "header line 1 is not NAME\\cVALUE", None)):
            with self.subTest(sent=sent):
                client = self.stomp()
                client.send(sent)
                client.expect_error(message, receipt)

    def test_an_end_of_input_behind_a_publish(self):
        topic = self.name()
        client = self.stomp()
        client.send(send_frame(topic, b"x", receipt="r"))
        client.finish_sending()
        client.expect_receipt("r")
        client.expect_closed()
        self.assertEqual(self.server.topic(topic)["message_count"], 1)

    def test_what_begins_otherwise_is_not_stomp(self):
        client = self.client(magic=b"\nCONNECT\n\n\0")
        client.expect_fatal(b"E_BAD_PROTOCOL")

    def test_the_server_stops_beneath_its_clients(self):
        server = Server(PLUGIN)
        client = StompClient(server.tcp_port)
        self.addCleanup(client.close)
        client.connect()
        client.subscribe("/queue/t/c", ack="client")
        client.publish("t", b"x")
        client.read_message()
        server.stop()
        with contextlib.suppress(Closed, ConnectionError):
            self.assertEqual(client.read().command, "ERROR")


@ours_only
class Loading(unittest.TestCase):
    def test_it_is_not_loaded_by_default(self):
        server = Server()
        self.addCleanup(server.stop)
        client = server.client(magic=b"CONNECT\n\n\0")
        self.addCleanup(client.close)
        client.expect_fatal(b"E_BAD_PROTOCOL")

    def test_the_log_names_it(self):
        server = Server(PLUGIN)
        self.addCleanup(server.stop)
        for magic in ("CONN", "STOM"):
            self.assertIn(f'PROTOCOL: STOMP for "{magic}"', server.log)


@ours_only
class Access(unittest.TestCase):
    def start(self, *flags):
        server = Server(PLUGIN, *flags)
        self.addCleanup(server.stop)
        return server

    def client(self, server):
        client = StompClient(server.tcp_port)
        self.addCleanup(client.close)
        return client

    def test_auth(self):
        double = AuthServer(lambda query: granted(*[grant("^mine$")] if query["secret"] == "s3cret" else []))
        self.addCleanup(double.close)
        server = self.start(f"--auth-http-address={double.address}")
        client = self.client(server)
        client.connect(login="me", passcode="s3cret")
        client.subscribe("/queue/mine/c")
        client.publish("mine", b"x")
        self.assertEqual(client.read_message().body, b"x")
        self.assertEqual(server.channel("mine", "c")["clients"][0]["auth_identity"], "somebody")
        client.send(send_frame("other", b"x", receipt="r"))
        client.expect_error("not authorized for topic \"other\", channel \"\"", "r")
        for headers, message in (({}, "this server requires a passcode"),
                                 ({"passcode": "wrong"}, "authentication failed")):
            with self.subTest(headers=headers):
                client = self.client(server)
                client.send(encode("CONNECT", {"accept-version": "1.2", **headers}))
                client.expect_error(message)
        self.assertNotIn("s3cret", server.log)

    def test_tls_required(self):
        with tempfile.TemporaryDirectory(prefix="nsqd-stomp-") as directory:
            certificate, key = Authority(directory).sign("server")
            server = self.start(f"--tls-cert={certificate}", f"--tls-key={key}", "--tls-required=tcp-https",
                                "--https-address=127.0.0.1:0")
            client = self.client(server)
            client.send(encode("CONNECT", {"accept-version": "1.2"}))
            client.expect_error("this server requires TLS, which STOMP clients cannot have here")


@ours_only
class Kill(unittest.TestCase):
    def test_what_has_a_receipt_is_there_after_a_kill(self):
        with tempfile.TemporaryDirectory(prefix="nsqd-stomp-") as directory:
            server = Server(PLUGIN, data_path=directory)
            client = StompClient(server.tcp_port)
            client.connect()
            client.subscribe("/queue/t/c")  # the channel is there then; nothing is read from it
            client.do("UNSUBSCRIBE", id="s")
            receipts = []

            def flood():
                with contextlib.suppress(OSError):
                    for number in range(1_000_000):
                        if number % 10 == 0:
                            client.send(encode("BEGIN", {"transaction": number}) +
                                        send_frame("t", b"%d" % number, transaction=number) +
                                        encode("COMMIT", {"transaction": number, "receipt": number}))
                        else:
                            client.send(send_frame("t", b"%d" % number, receipt=number))
            sender = threading.Thread(target=flood, daemon=True)
            sender.start()
            while len(receipts) < 2000:
                receipts.append(client.read().headers["receipt-id"])
            server.kill()
            sender.join()
            with contextlib.suppress(Closed):
                while True:
                    receipts.append(client.read().headers["receipt-id"])
            client.close()
            self.assertEqual(receipts, [str(number) for number in range(len(receipts))])
            self.check(directory, {receipt.encode() for receipt in receipts})

    def check(self, directory, expected):
        server = Server(PLUGIN, data_path=directory)
        with StompClient(server.tcp_port) as client:
            client.connect()
            client.subscribe("/queue/t/c", prefetch_count=2500)
            found = set()
            while not expected <= found:
                found.add(client.read_message().body)
        server.stop()


class Hostile(StompCase):
    def tearDown(self):
        self.assert_healthy()

    def assert_bounded(self, data, error, growth_mb=32):
        """Sent again and again it is refused, and does not fill the memory."""
        before = self.server.rss_bytes()
        client = self.stomp()
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                client.send(data)
        with contextlib.suppress(Closed):
            self.assertEqual(client.read().headers["message"], error)
        self.assertLess(self.server.rss_bytes() - before, memory_limit(growth_mb * MB))

    def test_a_head_without_end(self):
        self.assert_bounded(b"A" * MB, "command and headers exceed 16384 bytes")

    def test_headers_without_end(self):
        client = self.stomp()
        client.send(b"SEND\n" + b"k:v\n" * 65)
        client.expect_error("more than 64 headers")

    def test_a_body_without_end(self):
        client = self.stomp()
        client.send(b"SEND\ndestination:/topic/t\nreceipt:r\n\n")
        self.assert_bounded_body(client, "r")

    def assert_bounded_body(self, client, receipt):
        with contextlib.suppress(ConnectionError):
            for _ in range(4):
                client.send(b"x" * MB)
        with contextlib.suppress(Closed):
            client.expect_error("the body exceeds 1048576 bytes", receipt)

    def test_a_body_that_is_announced_too_large_is_not_waited_for(self):
        client = self.stomp()
        client.send(b"SEND\ndestination:/topic/t\ncontent-length:1048577\n\n")
        client.expect_error("the body exceeds 1048576 bytes")

    def test_many_frames_that_do_not_end(self):
        before = self.server.rss_bytes()
        for _ in range(500):
            self.stomp().send(b"SEND\nkey:" + b"v" * 15000)
        self.assertLess(self.server.rss_bytes() - before, memory_limit(64 * MB))

    def test_resets_anywhere(self):
        topic = self.name()
        frames = (encode("CONNECT", {"accept-version": "1.2"}) +
                  encode("SUBSCRIBE", {"destination": f"/queue/{topic}/c", "id": "s", "ack": "client"}) +
                  send_frame(topic, b"x" * 100, receipt="r"))
        for size in range(1, len(frames), 3):
            client = self.stomp(None)
            client.send(frames[:size])
            client.reset()
        wait_until(lambda: (self.server.channel(topic, "c") or {"client_count": 0})["client_count"] == 0,
                   "the clients are gone")

    def test_transactions_are_bounded(self):
        before = self.server.rss_bytes()
        client = self.stomp()
        client.do("BEGIN", transaction="a")
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                client.send(send_frame("t", b"x" * (MB // 2), transaction="a"))
        with contextlib.suppress(Closed):
            client.expect_error("open transactions exceed max-body-size")
        self.assertLess(self.server.rss_bytes() - before, memory_limit(32 * MB))


class OutputBound(StompCase):
    def test_consumers_that_never_read(self):
        topic = self.name()
        channels = [f"c{number}" for number in range(16)]
        clients = [self.stomp(receive_buffer=4096, heart_beat="0,1000") for _ in channels]
        for channel, client in zip(channels, clients):
            client.subscribe(f"/queue/{topic}/{channel}", ack="client", prefetch_count=2500)
        before = self.server.rss_bytes()
        producer = self.client()
        for _ in range(40):
            producer.command(mpub(topic, [b"x" * (MB // 4)] * 4))
        largest = 0

        def all_cut_off():
            nonlocal largest
            largest = max(largest, self.server.rss_bytes())
            return all(channel["client_count"] == 0 for channel in self.server.topic(topic)["channels"])
        wait_until(all_cut_off, "those who take nothing are cut off")
        print(f"\n    resident memory grew by {(largest - before) / MB:.1f} MB ", end="")
        self.assertLess(largest - before, memory_limit(200 * MB))

    def test_a_slow_reader_gets_everything(self):
        topic = self.name()
        client = self.stomp(receive_buffer=4096)
        client.subscribe(f"/queue/{topic}/c", ack="client-individual", prefetch_count=2500)
        producer = self.client()
        bodies = [b"%d " % number * 5000 for number in range(400)]
        for at in range(0, 400, 40):
            producer.command(mpub(topic, bodies[at:at + 40]))
        received = []
        for _ in bodies:
            message = client.read_message()
            received.append(message.body)
            client.ack(message)
        self.assertEqual(sorted(received), sorted(bodies))
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=0, timeout_count=0)

    def test_receipts_that_nobody_reads(self):
        frames = encode("BEGIN", {"transaction": "a"}) + encode("ABORT", {"transaction": "a", "receipt": "r" * 1000})
        client = self.stomp(receive_buffer=4096)
        before = largest = self.server.rss_bytes()
        client.socket.settimeout(1)
        sent = 0
        with contextlib.suppress(ConnectionError, socket.timeout):
            while sent < 64 * MB:
                sent += client.socket.send(frames * 100)
                largest = max(largest, self.server.rss_bytes())
        self.assertLess(sent, 64 * MB)
        self.assertLess(largest - before, memory_limit(32 * MB))


if __name__ == "__main__":
    main()
