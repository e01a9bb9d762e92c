"""snappy and deflate on V2 connections, with and without TLS beneath."""

import os
import random
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import (RESPONSE, Authority, Frame, Server, ServerCase, identify, is_stock, main, memory_limit, mpub,  # noqa: E402
                     pub, wait_until)
from nsqtest.compression import Deflated, Snappy, chunk  # noqa: E402

OK = Frame(RESPONSE, b"OK")
WRAPPERS = {"snappy": Snappy, "deflate": Deflated}
EVERY_WAY = [(kind, tls) for kind in WRAPPERS for tls in (False, True)]
MEGABYTE = 1 << 20


class Compression(ServerCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="nsqd-tls-")
        cls.addClassCleanup(directory.cleanup)
        authority = Authority(directory.name)
        certificate, key = authority.sign("server")
        cls.trusting = authority.trusting()
        cls.FLAGS = (f"--tls-cert={certificate}", f"--tls-key={key}", "--https-address=127.0.0.1:0",
                     "--max-rdy-count=100000")
        super().setUpClass()

    def compressed(self, kind, tls=False, **kwargs):
        """A client behind what was agreed."""
        client = self.client(**kwargs)
        answer = client.identify(tls_v1=tls, **{kind: True})
        self.assertEqual((answer["tls_v1"], answer["snappy"], answer["deflate"]),
                         (tls, kind == "snappy", kind == "deflate"))
        if tls:
            client.start_tls(self.trusting)
            client.expect(OK)
        client.compress(WRAPPERS[kind])
        client.expect(OK)
        return client

    def test_messages_go_both_ways(self):
        chance = random.Random(1)
        for kind, tls in EVERY_WAY:
            with self.subTest(kind=kind, tls=tls):
                topic = self.name()
                producer, consumer = self.compressed(kind, tls), self.compressed(kind, tls).subscribe(topic, "c", 100)
                bodies = [chance.randbytes(size) for size in (1, 100, 65535, 65536, 65537, 200_000)]
                bodies += [b"compresses well " * size for size in (1, 100, 10_000)]
                for body in bodies:
                    producer.command(pub(topic, body))
                producer.command(mpub(topic, bodies[:3]))
                for body in bodies + bodies[:3]:
                    message = consumer.read_message()
                    self.assertTrue(message.body == body)
                    consumer.fin(message)
                self.server.wait_channel(topic, "c", depth=0, in_flight_count=0)
                if kind == "snappy":
                    self.assertGreater(consumer.socket.compressed_chunks, 0)

    def test_it_is_shown(self):
        for kind, tls in EVERY_WAY:
            with self.subTest(kind=kind, tls=tls):
                topic = self.name()
                self.compressed(kind, tls).subscribe(topic, "c")
                shown = self.server.wait_channel(topic, "c", client_count=1)["clients"][0]
                self.assertEqual((shown["snappy"], shown["deflate"], shown["tls"]),
                                 (kind == "snappy", kind == "deflate", tls))

    def test_byte_by_byte(self):
        for kind in WRAPPERS:
            with self.subTest(kind=kind):
                topic = self.name()
                client = self.compressed(kind)
                pieces = []
                bare = client.socket._socket
                client.socket._socket = Recorder(pieces, bare)
                client.send(pub(topic, b"hello " * 20))
                client.socket._socket = bare
                for byte in b"".join(pieces):
                    bare.sendall(bytes((byte,)))
                client.expect(OK)

    def test_pipelined(self):
        for kind, tls in EVERY_WAY:
            with self.subTest(kind=kind, tls=tls):
                topic = self.name()
                client = self.compressed(kind, tls)
                client.send(pub(topic, b"x" * 50) * 2000)
                for _ in range(2000):
                    client.expect(OK)
                self.assertEqual(self.server.topic(topic)["message_count"], 2000)

    def test_all_that_a_client_sends_before_its_end_in_one_go(self):
        # The upgrade waits for the disk's answer to the first PUB: the server has seen the end by then.
        server = Server("--durability=power")
        self.addCleanup(server.kill)
        for kind, wrapper in WRAPPERS.items():
            with self.subTest(kind=kind):
                pieces = []
                wrapper(Recorder(pieces, None), b"").sendall(pub(kind, b"x") * 5)
                client = server.client()
                self.addCleanup(client.close)
                client.send(pub(kind, b"x") + identify(feature_negotiation=True, **{kind: True}) + b"".join(pieces))
                client.finish_sending()
                client.expect(OK)
                self.assertIn(b'"%s":true' % kind.encode(), client.read_frame().data)
                client.compress(wrapper)
                for _ in range(6):
                    client.expect(OK)
                client.expect_closed()
                self.assertEqual(server.topic(kind)["message_count"], 6)
        server.stop()

    def test_heartbeats(self):
        for kind in WRAPPERS:
            with self.subTest(kind=kind):
                client = self.client()
                client.identify(**{kind: True}, heartbeat_interval=1000)
                client.compress(WRAPPERS[kind])
                client.expect(OK)
                self.assertEqual(client.read_raw_frame(), Frame(RESPONSE, b"_heartbeat_"))

    def test_levels(self):
        for wanted, agreed in ((None, 6), (1, 1), (6, 6), (9, 6), (0, 6), (-1, 6)):
            with self.subTest(wanted=wanted):
                client = self.client()
                fields = {} if wanted is None else {"deflate_level": wanted}
                self.assertEqual(client.identify(deflate=True, **fields)["deflate_level"], agreed)

    def test_both(self):
        client = self.client()
        client.send(identify(feature_negotiation=True, snappy=True, deflate=True))
        client.expect_fatal(b"E_IDENTIFY_FAILED cannot enable both deflate and snappy compression")

    def test_garbage(self):
        for kind, garbage in (("snappy", b"\xff\x06\x00\x00sNaPpX"), ("snappy", chunk(2, b"reserved")),
                              ("snappy", b"GET / HTTP/1.1\r\n\r\n"), ("deflate", b"\xff" * 100),
                              ("snappy", b"\xff\x06\x00\x00sNaPpY" + chunk(1, b"\0\0\0\0wrong checksum")),
                              ("snappy", b"\xff\x06\x00\x00sNaPpY" + chunk(0, b"\0\0\0\0\xff\xff\xff\xff\x0f"))):
            for tls in (False, True):
                with self.subTest(kind=kind, garbage=garbage, tls=tls):
                    client = self.compressed(kind, tls)
                    client.socket._socket.sendall(garbage)
                    client.expect_closed()
        self.assert_healthy()

    def test_a_bomb_costs_no_memory(self):
        if is_stock():
            self.skipTest("its memory is the collector's")
        bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        # Of a size that the command's line allows, and far beyond.
        data = bomb.compress(b"PUB bomb\n\x7f\xff\xff\xff")
        data += b"".join(bomb.compress(b"\0" * MEGABYTE) for _ in range(500)) + bomb.flush(zlib.Z_SYNC_FLUSH)
        before = self.server.rss_bytes()
        for _ in range(5):
            client = self.compressed("deflate")
            client.socket._socket.sendall(data)
            client.expect_fatal(b"E_BAD_MESSAGE PUB message too big 2147483647 > 1048576")
        # One that is all commands is carried out, a piece at a time, while others are served.
        nops = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        many = b"".join(nops.compress(b"NOP\n" * (MEGABYTE // 4)) for _ in range(30)) + nops.compress(
            pub("after-the-nops", b"x")) + nops.flush(zlib.Z_SYNC_FLUSH)
        client = self.compressed("deflate")
        client.socket._socket.sendall(many)
        self.assert_healthy()
        client.expect(OK)
        self.assertLess(self.server.rss_bytes() - before, memory_limit(20 * MEGABYTE))

    def test_a_slow_reader_takes_bounded_memory(self):
        for kind in WRAPPERS:
            with self.subTest(kind=kind):
                topic = self.name()
                client = self.compressed(kind, receive_buffer=4096)
                client.subscribe(topic, "c", 100000)
                producer = self.client()
                before = self.server.rss_bytes()
                body = os.urandom(500_000)
                for _ in range(100):
                    producer.command(pub(topic, body))
                if not is_stock():
                    self.assertLess(self.server.rss_bytes() - before, memory_limit(60 * MEGABYTE))
                if kind == "deflate":  # the other takes Python too long
                    for _ in range(100):
                        self.assertTrue(client.read_message().body == body)

    def test_a_server_that_does_not_compress(self):
        server = Server("--snappy=false", "--deflate=false", "--max-deflate-level=3")
        self.addCleanup(server.kill)
        with server.client() as client:
            answer = client.identify(snappy=True, deflate=True)
            self.assertEqual([answer[key] for key in ("snappy", "deflate", "deflate_level", "max_deflate_level")],
                             [False, False, 3, 3])
            client.command(pub("t", b"x"))
        server.stop()

    def test_clients_that_leave(self):
        files = f"/proc/{self.server.pid}/fd"
        self.assert_healthy()
        before = len(os.listdir(files))
        for kind, tls in EVERY_WAY:
            with self.subTest(kind=kind, tls=tls):
                for leave in ("close", "reset"):
                    client = self.compressed(kind, tls)
                    client.send(b"PUB t\n")
                    getattr(client, leave)()
        wait_until(lambda: len(os.listdir(files)) <= before, "the server has closed its ends")


class Recorder:
    """Keeps what would be sent."""

    def __init__(self, pieces, socket):
        self.sendall = pieces.append
        self._socket = socket

    def __getattr__(self, name):
        return getattr(self._socket, name)


if __name__ == "__main__":
    main()
