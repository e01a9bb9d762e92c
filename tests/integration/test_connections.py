"""Many silent and slow connections, and what they must not do to others."""

import contextlib
import os
import socket
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import (DEADLINE_S, Closed, Server, ServerCase, main, ours_only, pub, raise_file_limit,  # noqa: E402
                     wait_until)

SILENT = 5000
KEPT_ALIVE = 2000
SPARE_FILES = 200
# From the server's contract: who does not send the magic within this time is dropped.
MAGIC_DEADLINE_S = 5


def as_many_as_allowed(wanted):
    """Each of the connections is a file of this process, and of the server."""
    return min(wanted, raise_file_limit() - SPARE_FILES)


class Connections(ServerCase):
    @classmethod
    def setUpClass(cls):
        raise_file_limit()
        super().setUpClass()

    def open_many(self, count, port):
        connections = []
        for _ in range(count):
            connections.append(socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S))
            self.addCleanup(connections[-1].close)
        return connections

    def test_silent_connections_delay_nobody(self):
        count = as_many_as_allowed(SILENT)
        self.open_many(count, self.server.tcp_port)
        started = time.monotonic()
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=1)
        self.client().command(pub(topic, b"x"))
        consumer.fin(consumer.read_message())
        self.assert_healthy()
        print(f"\n    {count} silent connections; another was served in {(time.monotonic() - started) * 1000:.1f} ms ",
              end="")

    def test_subscribers_that_say_nothing_delay_nobody(self):
        # Past the magic and subscribed: they stay for as long as they answer heartbeats.
        topic = self.name()
        clients = [self.consumer(topic, "c", ready=0) for _ in range(as_many_as_allowed(1000))]
        self.server.wait_channel(topic, "c", client_count=len(clients))
        clients[-1].ready(1)
        self.client().command(pub(topic, b"x"))
        clients[-1].fin(clients[-1].read_message())
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=0)
        for client in clients:
            client.close()
        self.server.wait_channel(topic, "c", client_count=0)

    def test_magic_byte_by_byte(self):
        client = self.client(magic=None)
        client.send_bytewise(b"  V2" + pub("slow-magic", b"x"))
        self.assertEqual(client.read_frame().data, b"OK")

    def test_half_a_magic_and_gone(self):
        for length in range(4):
            for leave in ("close", "reset", "finish_sending"):
                client = self.client(magic=b"  V2"[:length])
                getattr(client, leave)()
        self.assert_healthy()

    def test_unknown_magics(self):
        for magic in (b"  V1", b"  v2", b"V2  ", b"GET ", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\n\n\n\n"):
            with self.subTest(magic=magic):
                self.client(magic=magic).expect_fatal(b"E_BAD_PROTOCOL")

    @ours_only
    def test_who_does_not_send_the_magic_is_dropped(self):
        started = time.monotonic()
        silent, halfway = self.client(magic=None), self.client(magic=b"  V")
        quick = self.client()
        for client in (silent, halfway):
            client.expect_closed()
            self.assertGreater(time.monotonic() - started, MAGIC_DEADLINE_S - 0.5)
        print(f"\n    dropped after {time.monotonic() - started:.2f} s ", end="")
        # It sent the magic and then nothing, which is all right.
        quick.command(pub("quick", b"x"))

    def test_kept_http_connections_starve_nobody(self):
        count = as_many_as_allowed(KEPT_ALIVE)
        for connection in self.open_many(count, self.server.http_port):
            connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"200 OK", connection.recv(4096))
        started = time.monotonic()
        self.web.publish(self.name(), b"x")
        self.assert_healthy()
        print(f"\n    {count} kept HTTP connections; another was served in "
              f"{(time.monotonic() - started) * 1000:.1f} ms ", end="")

    def test_slow_http_clients_hold_nothing(self):
        request = b"GET /ping HTTP/1.1\r\nHost: x\r\nX-Slow: abcdefghij\r\n\r\n"
        slow = self.open_many(300, self.server.http_port)
        for byte in request[:-1]:
            for connection in slow:
                connection.sendall(bytes((byte,)))
            self.assert_healthy()
        for connection in slow:
            connection.sendall(request[-1:])
        for connection in slow:
            self.assertIn(b"200 OK", connection.recv(4096))

    def test_slow_http_bodies_hold_nothing(self):
        topic = self.name()
        slow = self.open_many(300, self.server.http_port)
        for connection in slow:
            connection.sendall(f"POST /pub?topic={topic} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nx".encode())
        self.web.publish(topic, b"quick")
        for piece in (b"y", b"z"):
            for connection in slow:
                connection.sendall(piece)
            self.assert_healthy()
        for connection in slow:
            self.assertIn(b"200 OK", connection.recv(4096))
        self.assertEqual(self.server.topic(topic)["message_count"], 301)

    def test_pipelined_http_requests(self):
        with contextlib.closing(self.open_many(1, self.server.http_port)[0]) as connection:
            connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            received = b""
            while received.count(b"\r\n\r\nOK") < 20:
                chunk = connection.recv(65536)
                self.assertTrue(chunk, received)
                received += chunk

    def test_connections_leave_nothing_behind(self):
        files = f"/proc/{self.server.pid}/fd"
        self.assert_healthy()
        before = len(os.listdir(files))
        for round_number in range(300):
            client = self.server.client()
            client.subscribe("leave", f"c{round_number}#ephemeral", 1)
            if round_number % 2:
                client.reset()
            else:
                client.close()
        wait_until(lambda: len(os.listdir(files)) <= before + 5, "the server has closed its ends")
        wait_until(lambda: not self.server.topic("leave")["channels"], "the channels are gone")


@ours_only
class Limited(ServerCase):
    MOST = 3
    FLAGS = (f"--max-connections={MOST}",)

    def test_those_beyond_are_refused(self):
        kept = [self.client() for _ in range(self.MOST - 1)]
        for client in kept:
            client.command(pub("limited", b"x"))
        silent = self.client(magic=None)
        for _ in range(20):
            refused = self.client()
            refused.expect_fatal(b"E_TOO_MANY_CONNECTIONS the server has as many connections as it allows")
        # HTTP does not count, and those who are in stay.
        self.assert_healthy()
        for client in kept:
            client.command(pub("limited", b"x"))
        self.assertEqual(self.server.topic("limited")["message_count"], 2 * len(kept))
        self.assertEqual(self.server.log.count("refusing connections"), 1, "told once, not for each")

        # One who says nothing is refused as well, and its magic is not waited for so long.
        started = time.monotonic()
        self.client(magic=None).expect_closed()
        self.assertLess(time.monotonic() - started, MAGIC_DEADLINE_S)

        silent.close()
        client = wait_until(self.admitted, "there is room again")
        for client in (client, *kept):
            client.close()
        wait_until(self.admitted, "there is room again")

    def admitted(self):
        """A connection that is served, or None."""
        client = self.client()
        try:
            client.command(pub("limited", b"x"))
        except (AssertionError, Closed, ConnectionError):
            return None
        return client


@ours_only
class FewDescriptors(unittest.TestCase):
    LIMIT = 150

    def start(self, *flags):
        """A server that may open LIMIT files."""
        directory = tempfile.TemporaryDirectory(prefix="nsqd-test-")
        self.addCleanup(directory.cleanup)
        program = os.path.join(directory.name, "limited")
        with open(program, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nexec prlimit --nofile={self.LIMIT} "$NSQD" "$@"\n')
        os.chmod(program, 0o700)
        server = Server(*flags, program=program)
        self.addCleanup(server.kill)
        return server

    def test_clients_wait_for_descriptors_and_nothing_spins(self):
        server = self.start(f"--max-connections={2 * self.LIMIT}")
        self.assertIn("--max-connections is 300, but the limit of file descriptors leaves room for 132", server.log)
        clients = []
        for _ in range(self.LIMIT):
            clients.append(server.client())
            self.addCleanup(clients[-1].close)
        wait_until(lambda: "cannot accept a connection" in server.log, "descriptors have run out")
        # Those who are connected are served, with new files.
        for number in range(5):
            clients[0].command(pub(f"t{number}", b"x"))
        spent = server.cpu_s()
        self.assertFalse(clients[0].wait_readable(1))
        self.assertLess(server.cpu_s() - spent, 0.3)
        for client in clients[:50]:
            client.close()
        clients[-1].command(pub("t", b"waited"))
        self.assertEqual(server.log.count("cannot accept a connection"), 1)
        server.stop()


if __name__ == "__main__":
    main()
