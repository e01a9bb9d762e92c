"""Input that is wrong, torn or hostile: the right error or a clean close, and a server that lives on."""

import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import (ERROR, RESPONSE, Client, Closed, Frame, ServerCase, dpub, identify, main, mpub, pub,  # noqa: E402
                     sized, wait_until)

# A session with every command that has a body or parameters. The ids are unknown: their errors are not fatal.
SESSION = b"".join((
    b"  V2", identify(client_id="torn", hostname="torn", feature_negotiation=True), b"NOP\n",
    pub("torn", b"one"), dpub("torn", 0, b"two"), mpub("torn", [b"three", b"four"]),
    b"SUB torn c\r\n", b"RDY 0\n", b"FIN 0123456789abcdef\n", b"REQ 0123456789abcdef 1\n",
    b"TOUCH 0123456789abcdef\n", pub("torn", b"five"), b"CLS\n"))
SESSION_ANSWERS = 9


class Malformed(ServerCase):
    def tearDown(self):
        self.assert_healthy()

    def raw(self):
        client = self.server.client(magic=None)
        self.addCleanup(client.close)
        return client

    def read_to_end(self, client):
        """All frames up to the end of the connection."""
        frames = []
        try:
            while True:
                frames.append(client.read_frame())
        except Closed:
            client.close()
            return frames

    def no_connection_left(self):
        wait_until(lambda: not self.server.stats()["producers"], "no producer of this test is left")
        self.server.wait_channel("torn", "c", client_count=0)

    def test_a_session_cut_at_every_byte(self):
        for length in range(len(SESSION) + 1):
            client = self.raw()
            client.send(SESSION[:length])
            client.finish_sending()
            frames = self.read_to_end(client)
            for frame in frames:
                if frame.type == ERROR:
                    self.assertTrue(self.error_of_a_cut(frame.data), (length, frame))
                else:
                    self.assertEqual(frame.type, RESPONSE, (length, frame))
        self.no_connection_left()

    def error_of_a_cut(self, text):
        """The session's own errors, or what tells that a size or a body is missing."""
        return (b"failed ID not in flight" in text or b" failed to read" in text)

    def test_a_session_cut_and_reset_at_every_byte(self):
        for length in range(len(SESSION) + 1):
            client = self.server.client(magic=None)
            client.send(SESSION[:length])
            client.reset()
        self.no_connection_left()

    def test_a_session_byte_by_byte(self):
        client = self.raw()
        client.send_bytewise(SESSION)
        frames = [client.read_frame() for _ in range(SESSION_ANSWERS)]
        self.assertEqual([f.data for f in frames[1:4]], [b"OK"] * 3)
        self.assertEqual([f.type for f in frames], [RESPONSE] * 5 + [ERROR] * 3 + [RESPONSE])
        client.expect(Frame(RESPONSE, b"CLOSE_WAIT"))

    def test_a_session_in_random_pieces(self):
        source = random.Random(20)
        for _ in range(50):
            client = self.raw()
            at = 0
            while at < len(SESSION):
                size = source.choice((1, 2, 3, 5, 8, 13, 100))
                client.send(SESSION[at:at + size])
                at += size
            frames = [client.read_frame() for _ in range(SESSION_ANSWERS + 1)]
            self.assertEqual(frames[-1], Frame(RESPONSE, b"CLOSE_WAIT"))
            client.close()
        self.no_connection_left()

    def test_large_messages_in_pieces(self):
        client = self.client()
        data = mpub("torn-large", [b"x" * 300000, b"y" * 700000]) + pub("torn-large", b"z" * 1048576)
        for at in range(0, len(data), 9973):
            client.send(data[at:at + 9973])
        client.expect(Frame(RESPONSE, b"OK"))
        client.expect(Frame(RESPONSE, b"OK"))
        self.assertEqual(self.server.topic("torn-large")["message_bytes"], 1000000 + 1048576)

    def test_sizes_that_lie(self):
        for size in (-2147483648, -1, 0, 1048577, 5242881, 2147483647):
            for head, code in ((b"PUB lie\n", b"E_BAD_MESSAGE"), (b"DPUB lie 1\n", b"E_BAD_MESSAGE"),
                               (b"MPUB lie\n", b"E_BAD_BODY"), (b"IDENTIFY\n", b"E_BAD_BODY"),
                               (b"MPUB lie\n" + struct.pack(">ii", 100, 2), b"E_BAD_MESSAGE"),
                               (b"MPUB lie\n" + struct.pack(">i", 100), b"E_BAD_BODY")):
                if size == 1048577 and code == b"E_BAD_BODY" and not head.endswith(struct.pack(">i", 100)):
                    continue  # a body may be this large
                with self.subTest(size=size, head=head):
                    client = self.client()
                    client.send(head + struct.pack(">i", size))
                    frame = client.read_frame()
                    self.assertEqual((frame.type, frame.data.split()[0]), (ERROR, code))
                    client.expect_closed()
        self.assertEqual((self.server.topic("lie") or {"message_count": 0})["message_count"], 0)

    def test_mpub_whose_sizes_disagree(self):
        # More or fewer messages than the body's size has room for: any answer but a crash or a hang.
        for declared in (1, 5, 9, 12, 14, 200):
            body = struct.pack(">i", 2) + sized(b"a") + sized(b"bb")
            client = self.client()
            client.send(b"MPUB disagree\n" + struct.pack(">i", declared) + body)
            client.finish_sending()
            self.read_to_end(client)

    def test_a_promised_body_takes_no_memory(self):
        # 200 clients announce 5 MB each and send only a little of it.
        before = self.server.rss_bytes()
        clients = [self.client() for _ in range(200)]
        for client in clients:
            client.send(b"MPUB promise\n" + struct.pack(">iii", 5242880, 2, 1048576) + b"x" * 1000)
        probe = self.client()
        probe.command(pub("promise-probe", b"x"))
        self.assertLess(self.server.rss_bytes() - before, 400 << 20)

    def test_garbage_after_valid_commands(self):
        source = random.Random(21)
        for length in (1, 2, 5, 20, 100, 1000, 20000):
            with self.subTest(length=length):
                client = self.client()
                client.command(pub("garbage", b"x"))
                client.send(bytes(source.randrange(256) for _ in range(length)) + b"\n")
                client.finish_sending()
                frames = self.read_to_end(client)
                self.assertLessEqual(len(frames), 1)
                for frame in frames:
                    self.assertRegex(frame.data, rb"^E_INVALID invalid command ")

    def test_random_bytes(self):
        source = random.Random(22)
        words = [b"PUB", b"MPUB", b"DPUB", b"SUB", b"RDY", b"FIN", b"REQ", b"TOUCH", b"CLS", b"NOP", b"IDENTIFY",
                 b"AUTH", b" ", b"\n", b"\n", b"random", b"random#ephemeral", b"-1", b"0", b"1", b"65536", b"\0\0\0\0",
                 b"\0\0\0\1x", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\2{}", b"0123456789abcdef", b"\r",
                 b"\0\0\0\x0d\0\0\0\1\0\0\0\5hello"]
        for _ in range(300):
            client = Client(self.server.tcp_port)
            try:
                client.send(b"  V2" + b"".join(source.choice(words) for _ in range(source.randrange(1, 40))))
                client.finish_sending()
                self.read_to_end(client)
            except (ConnectionError, OSError):
                pass  # the server was done with it before all was sent
            finally:
                client.close()

    def test_strange_names_and_numbers(self):
        for line in (b"PUB t\0t\n", b"PUB t\xff\n", b"SUB t c\0\n", b"PUB ../../etc/passwd\n", b"SUB t/../x c\n",
                     b"PUB t\tt\n", b"SUB t#ephemeral#ephemeral c\n"):
            with self.subTest(line=line):
                client = self.client()
                client.send(line)
                frame = client.read_frame()
                self.assertEqual(frame.type, ERROR)
                self.assertIn(frame.data.split()[0], (b"E_BAD_TOPIC", b"E_BAD_CHANNEL"))
                client.expect_closed()
        for number in (b"99999999999999999999999", b"1e3", b"0x10", b" 5", b"5.0", b"--5"):
            with self.subTest(number=number):
                client = self.client()
                client.subscribe("numbers", "c")
                client.send(b"REQ 0123456789abcdef " + number + b"\n")
                frame = client.read_frame()
                self.assertEqual(frame.type, ERROR)
                self.assertIn(frame.data.split()[0], (b"E_INVALID", b"E_REQ_FAILED"))

    def test_identify_bodies(self):
        nested = b"[" * 50000
        for body in (b"{", b'{"a":', b'{"client_id":"\\u12"}', b'{"x":' + nested + b"}", b"\0" * 100, b"\xff" * 100,
                     b'{"heartbeat_interval":1e999}', b'{"heartbeat_interval":99999999999999999999999}', b'"x"',
                     b"{}{}", b'{"sample_rate":"x"}', b'{"msg_timeout":1.5}'):
            with self.subTest(body=body[:40]):
                client = self.client()
                client.send(b"IDENTIFY\n" + sized(body))
                frame = client.read_frame()
                self.assertEqual((frame.type, frame.data.split()[0]), (ERROR, b"E_BAD_BODY"))
                client.expect_closed()
        for body in (b'{"client_id":"\\u00e9\\ud83d\\ude00"}', b' { } ', b'{"x":null,"client_id":null}',
                     b'{"client_id":"' + b"long" * 10000 + b'"}', b'{"client_id":"a","client_id":"b"}'):
            with self.subTest(body=body[:40]):
                self.client().command(b"IDENTIFY\n" + sized(body))


if __name__ == "__main__":
    main()
