#!/usr/bin/env python3
"""The installed SDK: its examples are built out of the tree against an installation, tested by their own tests, loaded
by the installed nsqd, and spoken to.

Environment: see installed.py."""

import pathlib
import tempfile
import unittest

import installed
from nsqtest import Closed, Server, main, run_to_exit

MAX_MSG_SIZE = 2000
SHAPE_ERROR = b"error a line is a topic, a space and a text\n"


def read_line(client):
    """The next line from a connection, its end included."""
    line = b""
    while not line.endswith(b"\n"):
        byte = client.socket.recv(1)
        if not byte:
            raise Closed(f"after {line!r}")
        line += byte
    return line


def read_bytes(client, count):
    data = b""
    while len(data) < count:
        part = client.socket.recv(count - len(data))
        if not part:
            raise Closed(f"after {len(data)} bytes")
        data += part
    return data


class Example(unittest.TestCase):
    """One of the examples, in a server of its own."""

    NAME = None
    MAGIC = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if cls.NAME is None:
            raise unittest.SkipTest("the base of the others")
        directory = tempfile.TemporaryDirectory(prefix="nsq-sdk-")
        cls.addClassCleanup(directory.cleanup)
        root = pathlib.Path(directory.name)
        cls.built = installed.example(cls.NAME, root, installed.install(root))
        cls.plugin = cls.built / f"{cls.NAME}.so"
        cls.server = Server(f"--plugin={cls.plugin}", f"--max-msg-size={MAX_MSG_SIZE}")
        cls.addClassCleanup(cls.server.kill)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def client(self):
        client = self.server.client(magic=self.MAGIC)
        self.addCleanup(client.close)
        return client

    def test_it_is_listed_in_the_log(self):
        magic = self.MAGIC.decode()
        self.assertIn(f'{self.NAME} 1.0 ({self.plugin}): protocol magic "{magic}", 0 routes', self.server.log)

    def test_its_own_test_passes(self):
        self.assertIn("100% tests passed", installed.unit_tests(self.built))

    def test_it_was_built_with_nothing_but_the_installation(self):
        self.assertEqual(installed.foreign_files(self.built), [])

    def test_it_is_short(self):
        source = installed.SOURCE / "sdk/examples" / self.NAME / f"{self.NAME}.cpp"
        self.assertLess(len(source.read_text(encoding="utf-8").splitlines()), 100)

    def test_it_does_not_start_where_it_could_not_keep_the_rules(self):
        with tempfile.TemporaryDirectory(prefix="nsqd-test-") as directory:
            code, _, error = run_to_exit(f"--plugin={self.plugin}", f"--data-path={directory}",
                                         "--auth-http-address=127.0.0.1:1")
        self.assertNotEqual(code, 0)
        self.assertIn("has neither AUTH nor TLS", error)


class LineProtocol(Example):
    NAME = "line_protocol"
    MAGIC = b"LINE"

    def consumer(self, topic):
        client = self.server.client()
        self.addCleanup(client.close)
        return client.subscribe(topic, "ch", 100)

    def test_a_line_is_published_and_answered(self):
        client = self.client()
        client.send(b"greetings hello, world\n")
        self.assertEqual(read_line(client), b"ok\n")
        self.assertEqual(self.consumer("greetings").read_message().body, b"hello, world")
        self.assertEqual(self.server.topic("greetings")["message_count"], 1)

    def test_answers_come_in_the_order_of_the_lines(self):
        client = self.client()
        client.send(b"ordered 1\nno_text\n\nordered \nbad$topic x\nordered 2\n")
        self.assertEqual([read_line(client) for _ in range(4)], [b"ok\n", SHAPE_ERROR, SHAPE_ERROR, SHAPE_ERROR])
        self.assertTrue(read_line(client).startswith(b"error "))
        self.assertEqual(read_line(client), b"ok\n")
        bodies = [message.body for message in self.consumer("ordered").read_messages(2)]
        self.assertEqual(bodies, [b"1", b"2"])

    def test_bytes_may_come_one_by_one(self):
        client = self.server.client(magic=b"")
        self.addCleanup(client.close)
        client.send_bytewise(b"LINEbytewise one\nbytewise two\n")
        self.assertEqual([read_line(client), read_line(client)], [b"ok\n", b"ok\n"])

    def test_more_lines_than_may_be_unanswered_are_all_answered(self):
        client = self.client()
        client.send(b"many x\n" * 5000)
        self.assertEqual(read_bytes(client, 5000 * 3), b"ok\n" * 5000)
        self.assertEqual(self.server.topic("many")["message_count"], 5000)

    def test_the_longest_line_is_taken_and_a_longer_one_closes_the_connection(self):
        line = b"longest ".ljust(MAX_MSG_SIZE, b"x") + b"\n"
        client = self.client()
        client.send(line)
        self.assertEqual(read_line(client), b"ok\n")
        client.send(b"x" + line)
        self.assertEqual(read_line(client), b"error line too long\n")
        self.assertEqual(client.socket.recv(1), b"")

    def test_a_line_without_an_end_closes_the_connection(self):
        client = self.client()
        client.send(b"endless x\n" + b"x" * (MAX_MSG_SIZE + 1))
        self.assertEqual([read_line(client), read_line(client)], [b"ok\n", b"error line too long\n"])
        self.assertEqual(client.socket.recv(1), b"")


class BlockingProtocol(Example):
    NAME = "blocking_protocol"
    MAGIC = b"TALK"

    def test_publishes_consumes_and_finishes(self):
        client = self.client()
        client.send(b"PUB talk hello, world\r\nPUB talk again\nSUB talk readers\n")
        self.assertEqual([read_line(client) for _ in range(3)], [b"ok\n"] * 3)
        first_id, attempts, text = read_line(client).split(b" ", 2)
        self.assertEqual((attempts, text), (b"1", b"hello, world\n"))
        self.server.wait_channel("talk", "readers", depth=1, in_flight_count=1)
        client.send(b"FIN " + first_id + b"\n")
        # The answer comes before the next message.
        self.assertEqual(read_line(client), b"ok\n")
        second_id, _, text = read_line(client).split(b" ", 2)
        self.assertEqual(text, b"again\n")
        client.send(b"FIN " + first_id + b"\nFIN " + second_id + b"\n")
        self.assertTrue(read_line(client).startswith(b"error "))
        self.assertEqual(read_line(client), b"ok\n")
        self.server.wait_channel("talk", "readers", depth=0, in_flight_count=0)

    def test_messages_come_while_the_client_is_silent_and_commands_while_messages_wait(self):
        client, publisher = self.client(), self.client()
        client.send(b"SUB pushed ch\n")
        self.assertEqual(read_line(client), b"ok\n")
        publisher.send(b"PUB pushed one\nPUB pushed two\n")
        self.assertEqual([read_line(publisher), read_line(publisher)], [b"ok\n", b"ok\n"])
        message_id = read_line(client).split(b" ")[0]
        client.send(b"PUB pushed three\n")
        self.assertEqual(read_line(client), b"ok\n")
        client.send(b"FIN " + message_id + b"\n")
        self.assertEqual(read_line(client), b"ok\n")
        self.assertTrue(read_line(client).endswith(b" 1 two\n"))

    def test_what_is_no_command_is_refused_and_the_connection_goes_on(self):
        client = self.client()
        commands = (b"", b"PUB", b"PUB t", b"PUB t ", b"PUB bad$topic x", b"SUB t", b"SUB t bad$channel",
                    b"FIN 0000000000000000", b"FIN", b"NOP")
        for command in commands:
            with self.subTest(command):
                client.send(command + b"\n")
                self.assertTrue(read_line(client).startswith(b"error "))
        client.send(b"PUB fine x\n")
        self.assertEqual(read_line(client), b"ok\n")

    def test_a_line_that_is_too_long_closes_the_connection(self):
        client = self.client()
        client.send(b"x" * (MAX_MSG_SIZE + 1))
        self.assertEqual(read_line(client), b"error line too long\n")
        self.assertEqual(client.socket.recv(1), b"")


if __name__ == "__main__":
    main()
