#!/usr/bin/env python3
"""A plugin that was built with an older minor version of the SDK works in a real nsqd, and nothing that it takes for
granted has moved since.

Environment: NSQD, the program; NSQ_TEST_PLUGINS, the directory of the plugins made for the tests; NSQ_LAYOUT, the
program that prints the present layout; NSQ_FROZEN_LAYOUTS, `version=program` for each frozen copy."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from nsqtest import Server, main, wait_until

PLUGINS = pathlib.Path(os.environ["NSQ_TEST_PLUGINS"])
VERSIONS = dict(pair.split("=", 1) for pair in os.environ["NSQ_FROZEN_LAYOUTS"].split())


def layout(program):
    return subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()


class Layout(unittest.TestCase):
    maxDiff = None

    def test_nothing_has_moved(self):
        present = set(layout(os.environ["NSQ_LAYOUT"]))
        for version, program in VERSIONS.items():
            frozen = layout(program)
            self.assertGreater(len(frozen), 200)
            self.assertEqual([line for line in frozen if line not in present], [], f"SDK {version} had it so")


class Frozen(unittest.TestCase):
    """All of it with each frozen version."""

    def start(self, version):
        directory = tempfile.TemporaryDirectory(prefix="nsqd-test-")
        self.addCleanup(directory.cleanup)
        file = pathlib.Path(directory.name) / "nsqd.cfg"
        file.write_text('[plugin.frozen]\ngreeting = "hello"\n', encoding="utf-8")
        server = Server(f"--config={file}", f"--plugin={PLUGINS / f'frozen_{version}.so'}")
        self.addCleanup(server.kill)
        self.assertIn(f"frozen: built with SDK {version}, greeting hello", server.log)
        return server

    def each(self):
        for version in VERSIONS:
            with self.subTest(version):
                server = self.start(version)
                yield version, server
                server.stop()
                self.assertIn("frozen: stopped", server.log)

    def client(self, server):
        client = server.client(magic=b"FRZN")
        self.addCleanup(client.close)
        return client, client.socket.makefile("rb")

    @staticmethod
    def wait_log(server, text):
        wait_until(lambda: text in server.log, f"in the log: {text}")

    def test_it_is_older_than_the_server(self):
        for version, server in self.each():
            listed = {entry["name"]: entry for entry in server.web().json("GET", "/plugins")["plugins"]}
            self.assertEqual(listed["frozen"]["sdk_version"], version)
            self.assertNotEqual(listed["V2"]["sdk_version"], version)
            self.assertEqual(listed["frozen"]["magics"], ["FRZN"])

    def test_its_protocol(self):
        for _, server in self.each():
            client, lines = self.client(server)
            client.send(b"pub one\n")
            self.assertEqual(lines.readline(), b"published 7\n")
            client.send(b"sub\n")
            self.assertEqual([lines.readline() for _ in range(3)],
                             [b"subscribed 10\n", b"message 1 one\n", b"message 2 one\n"])
            client.send(b"timer\n")
            self.assertEqual(lines.readline(), b"timer\n")
            client.send(b"task\nlate task\n")
            self.assertEqual(lines.readline(), b"task\n")
            client.finish_sending()
            self.assertEqual(lines.read(), b"end\n")
            server.wait_channel("frozen", "c", depth=0, in_flight_count=0, message_count=1)

    def test_its_faults(self):
        for _, server in self.each():
            client, lines = self.client(server)
            client.send(b"fail\n")
            self.assertEqual(lines.read(), b"")
            self.wait_log(server, "the frozen session failed and is closed: as it was told")

    def test_its_route(self):
        for _, server in self.each():
            client, lines = self.client(server)
            client.send(b"what\n")
            self.assertEqual(lines.readline(), b"what?\n")
            reply = server.web().request("POST", "/frozen/over_http?delay=0", b"body", {"X-Frozen": "cold"})
            self.assertEqual((reply.status, reply.body),
                             (200, b"nsqd 6 10000INVALID_VALUE over_http 1 frozen client open ok"))
            self.assertEqual(reply.headers["X-Frozen"], "cold")
            self.assertEqual(server.web().request("POST", "/frozen/over_http", b"x" * 101).status, 413)
            self.assertEqual(server.web().post("/frozen/bad%20name", b"x").status, 400)


if __name__ == "__main__":
    main()
