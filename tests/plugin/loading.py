#!/usr/bin/env python3
"""Good plugins in a real nsqd: found by name, given their settings, spoken to, stopped in reverse order.

Environment: NSQD, the program; NSQ_TEST_PLUGINS, the directory of the plugins made for the tests."""

import os
import pathlib
import socket
import tempfile
import unittest

from nsqtest import DEADLINE_S, Server, main, pub, wait_until
from nsqtest.lookupd import RealLookupd, our_lookupd

PLUGINS = pathlib.Path(os.environ["NSQ_TEST_PLUGINS"])


class Loading(unittest.TestCase):
    def start(self, *flags):
        server = Server(*flags)
        self.addCleanup(server.kill)
        return server

    def test_a_plugin_by_its_path(self):
        server = self.start(f"--plugin={PLUGINS / 'good.so'}")
        web = server.web()
        self.assertEqual(web.get("/good").body, b"good")
        self.assertEqual(web.get("/ping").body, b"OK")
        self.assertIn(f'good 1.0 ({PLUGINS / "good.so"}): protocol magic "GOOD", 2 routes', server.log)

    def test_a_plugin_by_its_name(self):
        # The server's own plugins are found beside those of another directory.
        server = self.start(f"--plugin-dir={PLUGINS}", "--plugin=good")
        web = server.web()
        self.assertEqual(web.get("/good").body, b"good")
        self.assertEqual(web.get("/ping").body, b"OK")

    def test_a_connection_with_a_plugins_magic_stays_open(self):
        server = self.start(f"--plugin={PLUGINS / 'good.so'}")
        with server.client(magic=b"GOOD") as client, server.client() as other:
            client.send(b"anything")
            other.command(pub("t", b"x"))
            self.assertTrue(client.nothing_to_read())
        with server.client(magic=b"FINE") as client:
            client.expect_fatal(b"E_BAD_PROTOCOL")

    def test_an_exception_of_a_handler_is_a_500_and_a_log_line(self):
        server = self.start(f"--plugin={PLUGINS / 'good.so'}")
        self.assertEqual(server.web().post("/good").status, 500)
        self.assertEqual(server.web().get("/good").status, 200)
        server.stop()
        self.assertIn("plugin good: no answer today", server.log)

    def test_settings_come_from_the_configuration_file(self):
        with tempfile.TemporaryDirectory(prefix="nsqd-test-") as directory:
            file = pathlib.Path(directory) / "nsqd.cfg"
            file.write_text('[plugin.good]\ngreeting = "hello"\n', encoding="utf-8")
            server = self.start(f"--config={file}", f"--plugin={PLUGINS / 'good.so'}",
                                f"--plugin={PLUGINS / 'fine.so'}")
        self.assertIn("good started, greeting hello", server.log)
        self.assertIn("fine started, greeting none", server.log)

    def test_lookupds_that_a_plugin_sets_are_those_that_count(self):
        with tempfile.TemporaryDirectory(prefix="nsqd-test-") as directory:
            file = pathlib.Path(directory) / "nsqd.cfg"
            file.write_text("[plugin.good]\npeers = '[\"127.0.0.1:2\"]'\n", encoding="utf-8")
            server = self.start(f"--config={file}", f"--plugin={PLUGINS / 'good.so'}",
                                "--lookupd-tcp-address=127.0.0.1:1")
        self.assertEqual(server.web().json("GET", "/config/nsqlookupd_tcp_addresses"), ["127.0.0.1:2"])
        said = wait_until(lambda: len(lines := [line.partition(": ")[2] for line in server.log_lines
                                                if "ing peer" in line]) == 3 and lines, "three lines of peers")
        self.assertEqual(said, ["LOOKUP(127.0.0.1:1): adding peer\n", "LOOKUP(127.0.0.1:2): adding peer\n",
                                "LOOKUP(127.0.0.1:1): removing peer\n"])
        server.stop()

    def test_plugins_stop_in_reverse_order_and_are_destroyed_after_all_are_stopped(self):
        server = self.start(f"--plugin={PLUGINS / 'good.so'}", f"--plugin={PLUGINS / 'fine.so'}")
        server.stop()
        lines = [line for line in server.log.splitlines() if line.endswith((" stopped", " destroyed"))]
        said = [line.partition(": ")[2] for line in lines if "good" in line or "fine" in line]
        self.assertEqual(said, ["fine stopped", "good stopped", "fine protocol destroyed", "fine destroyed",
                                "good protocol destroyed", "good destroyed"])

    def test_a_plugin_whose_stop_throws_does_not_keep_the_server_from_stopping(self):
        server = self.start(f"--plugin={PLUGINS / 'stop_throws.so'}")
        server.stop()
        self.assertIn("stop failed: stumbled", server.log)

    def test_a_program_without_messages_has_a_broker_that_refuses(self):
        lookupd = RealLookupd(our_lookupd(), f"--plugin={PLUGINS / 'line_protocol.so'}")
        self.addCleanup(lookupd.close)
        with socket.create_connection(("127.0.0.1", lookupd.port), timeout=DEADLINE_S) as client:
            client.sendall(b"LINEgreetings hello\n")
            with client.makefile("rb") as answers:
                self.assertEqual(answers.readline(), b"error this server keeps no messages\n")
        lookupd.stop()


if __name__ == "__main__":
    main()
