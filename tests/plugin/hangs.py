#!/usr/bin/env python3
"""Code of a plugin that never returns: a real nsqd names it, saves all, and ends.

Environment: NSQD, the program; NSQ_TEST_PLUGINS, the directory of the plugins made for the tests."""

import os
import pathlib
import re
import tempfile
import unittest

from nsqtest import Server, main, run_to_exit, wait_until

PLUGINS = pathlib.Path(os.environ["NSQ_TEST_PLUGINS"])
HANGING = PLUGINS / "hanging.so"


class Hangs(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="nsqd-test-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def flags(self, where):
        file = self.directory / "nsqd.cfg"
        file.write_text(f'[plugin.hanging]\nwhere = "{where}"\n', encoding="utf-8")
        return [f"--config={file}", f"--plugin={PLUGINS / 'good.so'}", f"--plugin={HANGING}",
                "--plugin-timeout=200ms"]

    def start(self, where):
        """A server with a message that must be saved."""
        server = Server(*self.flags(where), f"--pidfile={self.directory / 'pid'}", "--durability=memory",
                        data_path=str(self.directory))
        self.addCleanup(server.kill)
        web = server.web()
        web.do("topic/create", "kept")
        web.do("channel/create", "kept", "c")
        web.publish("kept", b"x")
        return server

    def ends(self, server, line):
        """It stops with exit code 1, this line, and everything saved."""
        server.terminate()
        self.assertEqual(server.wait(), 1, server.log)
        self.assertIn(line, server.log)
        self.assertNotIn("not everything was saved", server.log)
        self.assertFalse((self.directory / "pid").exists())
        after = Server(data_path=str(self.directory))
        self.addCleanup(after.kill)
        self.assertEqual(after.channel("kept", "c")["depth"], 1)
        after.stop()

    def test_start(self):
        code, _, stderr = run_to_exit("--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0",
                                      f"--data-path={self.directory}", *self.flags("start"))
        self.assertEqual(code, 1, stderr)
        self.assertIn(f"plugin {HANGING}: start has taken 0.2 s", stderr)
        self.assertIn("good stopped", stderr)
        self.assertIn("NSQ: saving topics", stderr)

    def test_stop(self):
        server = self.start("stop")
        self.ends(server, "PLUGIN: hanging: stop does not return: waited 0.2 s for its code")
        self.left_as_they_are(server)

    def test_destructor(self):
        self.ends(self.start("destructor"), "PLUGIN: hanging: its end does not come: waited 0.2 s for its code")

    def test_a_handler_on_a_worker(self):
        server = self.start("worker")
        connection = server.web().connection()
        self.addCleanup(connection.close)
        connection.request("GET", "/hanging/worker")
        self.wait_hanging(server)
        self.ends(server, "PLUGIN: hanging: a request is not answered: waited 0.2 s for its code")
        self.left_as_they_are(server)

    def test_a_handler_on_a_loop(self):
        server = self.start("quick")
        connection = server.web().connection()
        self.addCleanup(connection.close)
        connection.request("GET", "/hanging/quick")
        self.wait_hanging(server)
        self.hangs_on_a_loop(server)

    def test_a_session(self):
        server = self.start("session")
        self.speak(server)
        self.wait_hanging(server)
        self.hangs_on_a_loop(server)

    def test_a_sessions_destructor(self):
        server = self.start("session's destructor")
        self.speak(server).close()
        self.wait_hanging(server)
        self.hangs_on_a_loop(server)

    def test_a_task(self):
        server = self.start("task")
        self.speak(server)
        self.wait_hanging(server)
        self.hangs_on_a_loop(server)

    def speak(self, server):
        client = server.client(magic=b"HANGhello")
        self.addCleanup(client.close)
        return client

    @staticmethod
    def wait_hanging(server):
        wait_until(lambda: "hanging: here it hangs" in server.log, "it hangs")

    def hangs_on_a_loop(self, server):
        server.terminate()
        server.wait()
        loop = re.search(r"PLUGIN: hanging: (loop-\d+) does not stop: waited 0.2 s for its code", server.log)
        self.assertIsNotNone(loop, server.log)
        self.ends(server, loop[0])
        self.left_as_they_are(server)

    def left_as_they_are(self, server):
        """Code that hangs may use any plugin: none is stopped."""
        self.assertIn("plugins that were not stopped yet are left as they are", server.log)
        for what in ("good stopped", "good destroyed", "LOOKUP: closing"):
            self.assertNotIn(what, server.log)


if __name__ == "__main__":
    main()
