#!/usr/bin/env python3
"""Protocols on threads (sdk::BlockingAdapter) in a real nsqd: many of them, clients that vanish or do not read, ioLoops
that throw, and a server that stops while they wait.

Environment: NSQD, the program; NSQ_TEST_PLUGINS, the directory of the plugins made for the tests."""

import os
import pathlib
import unittest

from nsqtest import Closed, Server, main, memory_limit, pub, wait_until

PLUGIN = pathlib.Path(os.environ["NSQ_TEST_PLUGINS"]) / "blocking.so"
THREADS = 100  # the plugin's own limit


def read_bytes(client, count):
    got = bytearray()
    while len(got) < count:
        part = client.socket.recv(count - len(got))
        if not part:
            raise Closed(f"after {len(got)} bytes")
        got += part
    return bytes(got)


class Blocking(unittest.TestCase):
    def setUp(self):
        self.server = Server(f"--plugin={PLUGIN}")
        self.addCleanup(self.server.kill)

    def client(self, line=b"hello\n", **kwargs):
        """A client whose thread has answered it."""
        client = self.server.client(magic=b"WAIT", **kwargs)
        self.addCleanup(client.close)
        self.ask(client, line)
        return client

    def ask(self, client, line):
        client.send(line)
        self.assertEqual(read_bytes(client, len(line)), line)

    def receiver(self):
        """A client whose thread waits for messages."""
        client = self.client()
        client.send(b"receive\n")
        self.assertEqual(read_bytes(client, 11), b"subscribed\n")
        return client

    def flooded(self):
        """A client that does not read, and whose thread waits to write."""
        client = self.client(receive_buffer=4096)
        client.send(b"flood\n")
        return client

    def wait_log(self, text):
        wait_until(lambda: text in self.server.log, f"in the log: {text}")

    def threads(self):
        """Those that serve a client, by the name the adapter gives them."""
        names = []
        for task in pathlib.Path(f"/proc/{self.server.pid}/task").iterdir():
            try:
                names.append((task / "comm").read_text(encoding="ascii").strip())
            except (FileNotFoundError, ProcessLookupError):
                continue
        return names.count("WAIT")

    def wait_threads(self, count):
        wait_until(lambda: self.threads() == count, f"{count} threads")

    def test_many_clients_each_with_a_thread_and_no_more_than_allowed(self):
        clients = [self.client() for _ in range(THREADS)]
        self.wait_threads(THREADS)
        for number, client in enumerate(clients):
            self.ask(client, b"%d\n" % number)
        with self.server.client(magic=b"WAIT") as refused:
            self.assertEqual(refused.socket.recv(1), b"")
        self.wait_log("is the first: all 100 threads are in use, 0 of them for clients that are gone")
        clients.pop().close()
        self.wait_threads(THREADS - 1)
        clients.append(self.client())
        for client in clients:
            client.close()
        self.wait_threads(0)
        self.client()
        self.server.stop()

    def test_commands_that_come_at_once_are_all_answered(self):
        lines = b"".join(b"line %d\n" % number for number in range(100_000))
        client = self.client()
        client.socket.settimeout(None)
        client.send(lines[:10_000])
        sent = 10_000
        got = bytearray()
        while sent < len(lines):
            # More than the server keeps is on its way, so both sides wait for each other now and then.
            client.send(lines[sent:sent + 10_000])
            sent += 10_000
            got += read_bytes(client, 10_000)
        got += read_bytes(client, len(lines) - len(got))
        self.assertEqual(bytes(got), lines)
        self.server.stop()

    def test_a_client_that_does_not_read_holds_its_own_thread_only(self):
        before = self.server.rss_bytes()
        slow = [self.flooded() for _ in range(20)]
        other = self.client()
        for number in range(200):
            self.ask(other, b"%d\n" % number)
        self.assertLess(self.server.rss_bytes() - before, memory_limit(40 << 20))
        self.assertEqual(read_bytes(slow[0], 20_000_000), b"x" * 20_000_000)
        for client in slow:
            client.reset()
        self.wait_threads(1)
        self.server.stop()

    def test_a_client_goes_while_its_thread_reads_writes_receives(self):
        for make in (self.client, self.flooded, self.receiver):
            for leave in ("close", "reset"):
                with self.subTest(make=make.__name__, leave=leave):
                    client = make()
                    self.wait_threads(1)
                    getattr(client, leave)()
                    self.wait_threads(0)
        self.server.wait_channel("waiting", "ch", client_count=0)
        self.server.stop()

    def test_messages_reach_a_thread_that_waits(self):
        receiver = self.receiver()
        with self.server.client() as publisher:
            publisher.command(pub("waiting", b"at last"))
        self.assertEqual(read_bytes(receiver, 7), b"at last")
        self.server.stop()

    def test_an_ioloop_that_throws_closes_its_connection_only(self):
        client, other = self.client(), self.client()
        client.send(b"throw\n")
        self.assertEqual(client.socket.recv(1), b"")
        self.ask(other, b"still here\n")
        self.wait_log("the blocking session failed and is closed: a task: stumbled")
        listed = self.server.web().json("GET", "/plugins")["plugins"]
        entry = next(entry for entry in listed if entry["name"] == "blocking")
        self.assertEqual((entry["error_count"], entry["last_error"]), (1, "a task: stumbled"))
        self.server.stop()

    def test_messages_that_a_thread_has_not_received_are_there_at_once_when_its_client_goes(self):
        web = self.server.web()
        web.do("topic/create", "waiting")
        web.do("channel/create", "waiting", "ch")
        for number in range(10):
            web.publish("waiting", b"%d" % number)
        client = self.client()
        client.send(b"hoard\n")
        self.assertEqual(read_bytes(client, 1), b"0")
        self.server.wait_channel("waiting", "ch", depth=0, in_flight_count=10)
        client.close()
        self.server.wait_channel("waiting", "ch", depth=9, in_flight_count=1, client_count=0)
        self.server.stop()

    def test_the_server_stops_while_threads_wait(self):
        readers = [self.client() for _ in range(10)]
        receivers = [self.receiver() for _ in range(10)]
        for _ in range(10):
            self.flooded()
        self.server.stop()
        for client in readers + receivers:
            self.assertEqual(client.socket.recv(1), b"")
        self.assertNotIn("waiting for the ioLoop", self.server.log)


if __name__ == "__main__":
    main()
