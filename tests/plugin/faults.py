#!/usr/bin/env python3
"""Faults of plugins in a real nsqd: each is logged with the plugin's name, counted, and costs one connection or one
request; GET /plugins tells of it.

Environment: NSQD, the program; NSQ_TEST_PLUGINS, the directory of the plugins made for the tests."""

import os
import pathlib
import signal
import unittest

from nsqtest import Closed, Server, main, memory_limit, pub, wait_until

PLUGINS = pathlib.Path(os.environ["NSQ_TEST_PLUGINS"])
MB = 1 << 20

# What a flood may take at its end: 16 MiB and four of the largest messages wait, and vectors grow by doubling.
MAX_FLOOD_GROWTH = 60 * MB


class FaultyCase(unittest.TestCase):
    maxDiff = None

    def start(self, *flags, plugins=("faulty",)):
        self.server = Server(*(f"--plugin={PLUGINS / name}.so" for name in plugins), *flags)
        self.addCleanup(self.server.kill)
        return self.server

    def plugin(self, name):
        """Its entry in /plugins."""
        listed = self.server.web().json("GET", "/plugins")["plugins"]
        return next(entry for entry in listed if entry["name"] == name)

    def client(self, magic=b"FLTY", **options):
        client = self.server.client(magic=magic, **options)
        self.addCleanup(client.close)
        return client

    def echo(self, client, line):
        client.send(line)
        answer = b""
        while len(answer) < len(line):
            answer += self.receive(client)
        self.assertEqual(answer, line)

    @staticmethod
    def receive(client):
        data = client.socket.recv(65536)
        if not data:
            raise Closed("by the server")
        return data

    def wait_log(self, text):
        wait_until(lambda: text in self.server.log, f"in the log: {text}")


class Boundaries(FaultyCase):
    """A session's neighbours are one of the same plugin and one of V2."""

    def setUp(self):
        self.start()
        self.neighbour = self.client()
        self.echo(self.neighbour, b"first\n")
        self.v2 = self.client(magic=b"  V2")

    def fails(self, client, place, text=None):
        """The session of this client has failed at this place: it is closed, and no other."""
        self.wait_log(f"127.0.0.1:{client.socket.getsockname()[1]}: the faulty session failed and is closed: "
                      f"{text or f'Runtime exception: at {place}'}")
        try:
            while self.receive(client):
                pass
        except (Closed, ConnectionError):
            pass
        self.echo(self.neighbour, b"again\n")
        self.v2.command(pub("t", b"x"))
        listed = wait_until(lambda: (entry := self.plugin("faulty"))["connection_count"] == 1 and entry, "one is left")
        self.assertEqual(listed["connection_total"], 2)
        self.assertEqual(listed["error_count"], 1)
        self.assertIn(text or place, listed["last_error"])
        self.server.stop()

    def fails_on_its_line(self, place, text=None):
        client = self.client()
        client.send(place.encode() + b"\n")
        self.fails(client, place, text)

    def test_on_data(self):
        self.fails_on_its_line("onData")

    def test_something_that_is_no_exception_class(self):
        self.fails_on_its_line("number", "an exception of unknown type")

    def test_on_timer(self):
        self.fails_on_its_line("onTimer")

    def test_max_pending(self):
        client = self.client()
        client.send(b"maxPending\nrest")
        self.fails(client, "maxPending")

    def test_on_output_drained(self):
        client = self.client()
        client.send(b"onOutputDrained\n")
        self.receive(client)
        self.fails(client, "onOutputDrained")

    def test_on_input_end(self):
        client = self.client()
        self.echo(client, b"onInputEnd\n")
        client.finish_sending()
        self.fails(client, "onInputEnd")

    def test_describe(self):
        client = self.client()
        self.echo(client, b"describe\n")
        self.server.stats()
        self.fails(client, "describe")

    def test_on_published(self):
        self.fails_on_its_line("onPublished", "onPublished: Runtime exception: at onPublished")

    def test_on_published_of_a_publisher_made_in_a_task(self):
        self.fails_on_its_line("publishInTask", "onPublished: Runtime exception: at publishInTask")

    def test_on_messages_ready(self):
        self.server.web().publish("faulty_in", b"x")
        self.fails_on_its_line("onMessagesReady", "onMessagesReady: Runtime exception: at onMessagesReady")

    def test_on_subscription_closed(self):
        client = self.client()
        self.echo(client, b"onSubscriptionClosed\n")
        self.server.web().do("channel/delete", "faulty_in", "c")
        self.fails(client, "onSubscriptionClosed",
                   "onSubscriptionClosed: Runtime exception: at onSubscriptionClosed")

    def test_tasks_of_a_connection(self):
        for place in ("task", "atTurnEnd", "afterTurnEnd"):
            with self.subTest(place):
                if place != "task":
                    self.setUp()
                self.fails_on_its_line(place, "a task: Runtime exception: task")

    def test_a_flood(self):
        before = self.server.rss_bytes()
        client = self.client(receive_buffer=4096)
        client.send(b"flood\n")
        self.wait_log("the faulty session failed and is closed: it wrote on with more than 20971520 bytes unsent")
        self.assertLess(self.server.rss_bytes() - before, memory_limit(MAX_FLOOD_GROWTH))
        self.fails(client, "flood", "it wrote on with more than 20971520 bytes unsent")


class WithoutConnection(FaultyCase):
    def test_on_authorization(self):
        self.start("--auth-http-address=127.0.0.1:1")
        client = self.client()
        client.send(b"onAuthorization\n")
        self.wait_log("the faulty session failed and is closed: "
                      "onAuthorization: Runtime exception: at onAuthorization")
        with self.assertRaises(Closed):
            self.receive(client)
        self.server.stop()

    def test_create_session(self):
        self.start()
        client = self.client(magic=b"NONE")
        with self.assertRaises(Closed):
            self.receive(client)
        self.wait_log("the faulty session failed and is closed: plugin faulty: Runtime exception: no session")
        listed = self.plugin("faulty")
        self.assertEqual([listed[key] for key in ("connection_count", "connection_total", "error_count")], [0, 0, 1])
        self.server.stop()

    def test_a_task_of_no_connection(self):
        self.start()
        client = self.client()
        self.echo(client, b"orphan\n")
        self.wait_log("plugin faulty failed: a task: Runtime exception: task")
        self.echo(client, b"still here\n")
        self.assertEqual(self.plugin("faulty")["last_error"], "a task: Runtime exception: task")
        self.server.stop()

    def test_a_destructor_ends_the_process_and_is_named(self):
        self.start()
        client = self.client()
        self.echo(client, b"destructor\n")
        client.close()
        self.assertEqual(self.server.wait(), -signal.SIGABRT)
        self.assertIn("nsqd: plugin faulty: an exception that nothing can catch: Runtime exception: at destructor",
                      self.server.log)

    def test_handlers(self):
        self.start()
        for path in ("/faulty/worker", "/faulty/quick"):
            self.assertEqual(self.server.web().get(path).status, 500)
            self.wait_log(f"HTTP GET {path}: the handler failed: plugin faulty: Runtime exception: handler")
        listed = self.plugin("faulty")
        self.assertEqual((listed["request_count"], listed["error_count"]), (2, 2))
        self.assertEqual(listed["last_error"], "Runtime exception: handler")
        self.server.stop()

    def test_statistics(self):
        self.start()
        web = self.server.web()
        web.post("/faulty/statistics?how=throw")
        self.assertEqual(self.plugin("faulty")["statistics"], [])
        self.wait_log("plugin faulty: its statistics failed: Runtime exception: statistics")
        web.post("/faulty/statistics?how=names")
        self.assertEqual([entry["name"] for entry in self.plugin("faulty")["statistics"]], ["good_name"])
        self.wait_log('plugin faulty: a statistic has the name "Bad name", needs')
        self.assertEqual(self.plugin("faulty")["error_count"], 3)
        self.server.stop()


class Listed(FaultyCase):
    def test_a_plugin_that_starts_sees_those_before_it(self):
        self.start(plugins=("good", "faulty", "fine"))
        self.wait_log("faulty sees V2 http_api good")
        self.server.stop()

    def test_what_plugins_tells(self):
        self.start(plugins=("good", "faulty"))
        with self.client(magic=b"  V2") as v2, self.client() as faulty:
            v2.command(pub("t", b"x"))
            self.echo(faulty, b"hello\n")
            listed = self.server.web().json("GET", "/plugins")["plugins"]
        self.assertEqual([entry["name"] for entry in listed], ["V2", "http_api", "good", "faulty"])
        v2, http_api, _, faulty = listed
        self.assertEqual({**v2, "version": ""}, {
            "name": "V2", "version": "", "sdk_version": faulty["sdk_version"], "kinds": ["protocol"], "built_in": True,
            "file": "", "magics": ["  V2"], "routes": [], "connection_count": 1, "connection_total": 1,
            "request_count": 0, "error_count": 0, "last_error": "", "statistics": []})
        self.assertEqual(faulty, {
            "name": "faulty", "version": "1.0", "sdk_version": faulty["sdk_version"], "kinds": ["protocol", "http"],
            "built_in": False, "file": "faulty.so", "magics": ["FLTY", "NONE"],
            "routes": ["GET /faulty/worker", "GET /faulty/quick", "POST /faulty/statistics"], "connection_count": 1,
            "connection_total": 1, "request_count": 0, "error_count": 0, "last_error": "", "statistics": []})
        self.assertIn("GET /plugins", http_api["routes"])
        self.assertEqual((http_api["kinds"], http_api["request_count"]), (["http"], 1))
        wait_until(lambda: self.plugin("V2")["connection_count"] == 0, "V2's connection is gone")
        self.server.stop()

    def test_statistics_of_a_plugin(self):
        self.start()
        self.assertNotIn("plugins", self.server.stats())
        self.server.web().post("/faulty/statistics?how=values")
        statistics = [{"name": "frames", "help": "frames seen", "type": "counter", "value": 3},
                      {"name": "load", "help": "", "type": "gauge", "value": 0.5}]
        self.assertEqual(self.plugin("faulty")["statistics"], statistics)
        self.assertEqual(self.server.stats()["plugins"], [{"name": "faulty", "statistics": statistics}])
        self.server.stop()


if __name__ == "__main__":
    main()
