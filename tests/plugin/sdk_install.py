#!/usr/bin/env python3
"""The installed SDK: the example is built out of the tree against an installation, loaded by the installed nsqd, and
spoken to.

Environment: NSQ_CMAKE, NSQ_BUILD_DIR (built), NSQ_EXAMPLE (its source), NSQ_CXX, NSQ_CXX_FLAGS, NSQ_BUILD_TYPE."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from nsqtest import Closed, Server, main

MAX_MSG_SIZE = 2000
SHAPE_ERROR = b"error a line is a topic, a space and a text\n"


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} failed:\n{done.stdout}")


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


class SdkInstall(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="nsq-sdk-")
        cls.addClassCleanup(directory.cleanup)
        root = pathlib.Path(directory.name)
        cmake = os.environ["NSQ_CMAKE"]
        run(cmake, "--install", os.environ["NSQ_BUILD_DIR"], "--prefix", root / "installed")
        # A copy, so that nothing near the source helps it.
        shutil.copytree(os.environ["NSQ_EXAMPLE"], root / "example")
        run(cmake, "-S", root / "example", "-B", root / "built", f"-DCMAKE_PREFIX_PATH={root / 'installed'}",
            f"-DCMAKE_CXX_COMPILER={os.environ['NSQ_CXX']}", f"-DCMAKE_CXX_FLAGS={os.environ['NSQ_CXX_FLAGS']}",
            f"-DCMAKE_BUILD_TYPE={os.environ['NSQ_BUILD_TYPE']}")
        run(cmake, "--build", root / "built")
        os.environ["NSQD"] = str(root / "installed" / "bin" / "nsqd")
        cls.plugin = root / "built" / "line_protocol.so"
        cls.server = Server(f"--plugin={cls.plugin}", f"--max-msg-size={MAX_MSG_SIZE}")
        cls.addClassCleanup(cls.server.kill)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def client(self):
        client = self.server.client(magic=b"LINE")
        self.addCleanup(client.close)
        return client

    def consumer(self, topic):
        client = self.server.client()
        self.addCleanup(client.close)
        return client.subscribe(topic, "ch", 100)

    def test_it_is_listed_in_the_log(self):
        self.assertIn(f'line_protocol 1.0 ({self.plugin}): protocol magic "LINE", 0 routes', self.server.log)

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


if __name__ == "__main__":
    main()
