"""Test cases that share one server process per class."""

import itertools
import json
import os
import sys
import time
import unittest

from .server import Server, is_stock

_numbers = itertools.count(1)


def ours_only(test):
    """For what the Go nsqd does not have or does otherwise."""
    return unittest.skipIf(is_stock(), "not a matter of the stock nsqd")(test)


class ServerCase(unittest.TestCase):
    """A server for all the tests of the class, started with FLAGS and checked when it stops.

    Tests of one class must not disturb each other: each takes names of its own from name()."""

    FLAGS = ()
    server = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.FLAGS)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        self.log_start = len(self.server.log_lines) if self.server else 0
        self.web = self.server.web() if self.server else None

    def name(self, prefix="t"):
        """A topic or channel name that no other test has."""
        return f"{prefix}{next(_numbers)}"

    def client(self, **kwargs):
        """A V2 connection that is closed when the test ends."""
        client = self.server.client(**kwargs)
        self.addCleanup(client.close)
        return client

    def consumer(self, topic, channel, ready=0, **identify):
        """A subscribed V2 connection that is closed when the test ends."""
        client = self.client()
        if identify:
            client.identify(**identify)
        return client.subscribe(topic, channel, ready)

    def assert_reply(self, reply, status, body):
        self.assertEqual((reply.status, reply.body), (status, body))

    def assert_refused(self, reply, status, code):
        """An error of the HTTP API."""
        self.assert_reply(reply, status, json.dumps({"message": code}, separators=(",", ":")).encode())
        self.assertEqual(reply.headers["Content-Type"], "application/json; charset=utf-8")
        self.assertEqual(reply.headers["X-NSQ-Content-Type"], "nsq; version=1.0")

    def assert_healthy(self):
        self.assertTrue(self.server.alive(), self.server.log[-5000:])
        self.assert_reply(self.web.get("/ping"), 200, b"OK")


class _Result(unittest.TextTestResult):
    """Adds what the server logged during the test to a failure's report, and tells which tests are slow."""

    def startTest(self, test):
        self._started = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        elapsed = time.monotonic() - self._started
        if elapsed > 1:
            self.stream.writeln(f"    took {elapsed:.1f} s")

    def _exc_info_to_string(self, error, test):
        text = super()._exc_info_to_string(error, test)
        server = getattr(test, "server", None)
        if server is None:
            return text
        log = "".join(server.log_lines[getattr(test, "log_start", 0):][-100:])
        return f"{text}\nserver's log:\n{log}"


def take_flag(flag):
    """Whether the test was started with this argument, for main() not to see it."""
    found = flag in sys.argv
    if found:
        sys.argv.remove(flag)
    return found


def main():
    """Runs the tests of the calling file. An argument --nsqd=PATH stands for the environment variable NSQD."""
    for argument in [a for a in sys.argv[1:] if a.startswith("--nsqd=")]:
        os.environ["NSQD"] = argument.partition("=")[2]
        sys.argv.remove(argument)
    unittest.main(verbosity=2, testRunner=unittest.TextTestRunner(verbosity=2, resultclass=_Result, stream=sys.stdout))
