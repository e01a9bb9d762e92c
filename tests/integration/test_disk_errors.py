"""Disk full, write, sync and read errors, too many open files: true errors while they last, nothing lost, and all is
well again without anybody's doing when they end.

Most errors come from a library in front of libc (tests/support/faultfs), a full disk also from a small tmpfs."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from faultfs import Faults, available  # noqa: E402
from nsqtest import (ERROR, OK, WAYS, Acknowledged, Publisher, Server, drain, key_of, main, make_body,  # noqa: E402
                     wait_until)

FULL, BROKEN, NO_FILES = "No space left on device", "Input/output error", "Too many open files"
# Within which /ping must turn; the server has "a second or two", a slow machine some more.
HEALTH_S = 5
SMALL_SEGMENTS = "--max-bytes-per-file=65536"


class DiskCase(unittest.TestCase):
    FLAGS = (SMALL_SEGMENTS,)

    def setUp(self):
        self.data_path = self.make_data_path()
        self.acknowledged = Acknowledged()
        self.finished = set()
        self.refused = set()
        self.round = 0

    def make_data_path(self):
        path = tempfile.mkdtemp(prefix="nsqd-disk-")
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def start(self, *flags, environment=None):
        server = Server(*self.FLAGS, *flags, data_path=self.data_path, environment=environment)
        self.addCleanup(server.kill)
        return server

    def publish(self, server, way, size=700):
        """Publishes to topic t, on a new connection. Returns None if all was acknowledged, or else the error."""
        publish, batch, each, over_http = WAYS[way]
        self.round += 1
        keys = [f"{way}-{self.round}-{number}" for number in range(batch)]
        connection = server.web() if over_http else server.client()
        try:
            for number, answer in enumerate(publish(connection, "t", [make_body(key, size) for key in keys])):
                if answer != OK:
                    self.assertEqual(answer.type, ERROR)
                    self.refused.update([keys[number]] if each else keys)
                    if not over_http:
                        connection.expect_closed()
                    return answer.data.decode()
                self.acknowledged.add("t", [keys[number]] if each else keys, 0)
            return None
        finally:
            if not over_http:
                connection.close()

    def publish_all_ways(self, server):
        for way in WAYS:
            self.assertIsNone(self.publish(server, way), way)

    def assert_refused(self, server, reason, size=700):
        """Publishing fails in every way, sooner or later, and says why."""
        for way in WAYS:
            error = wait_until(lambda way=way: self.publish(server, way, size), f"{way} fails")
            self.assertIn(reason, error)
            if not WAYS[way].over_http:
                self.assertTrue(error.startswith(f"E_{way}_FAILED {way} failed"), error)

    def assert_unhealthy(self, server, reason):
        def unhealthy():
            reply = server.web().get("/ping")
            return reply.status == 500 and reply.body.startswith(b"NOK - ") and reason in reply.body.decode()
        wait_until(unhealthy, f"/ping is NOK: {reason}; it is {server.web().get('/ping')}", HEALTH_S)

    def assert_recovers(self, server):
        """Nobody publishes, and /ping becomes OK; then publishes succeed."""
        wait_until(lambda: server.web().get("/ping").body == b"OK", "/ping is OK again", HEALTH_S)
        self.publish_all_ways(server)

    def finish_all(self, server, consumer):
        """Consumes all that was acknowledged so far, and nothing that is not whole."""
        missing = self.acknowledged.keys("t") - self.finished
        while missing:
            message = consumer.read_message()
            self.finished.add(key_of(message.body))
            missing.discard(key_of(message.body))
            consumer.fin(message)

    def assert_none(self, keys, what):
        if keys:
            self.fail(f"{len(keys)} messages {what}, such as {sorted(keys)[:5]}")

    def assert_all_there_after_a_start(self, finished_stays_finished, refused_stays_refused=False):
        """Starts without faults: channel `held` has all, `read` what was not finished."""
        server = self.start()
        held = set(drain(server, "t", "held"))
        self.assert_none(self.acknowledged.keys("t") - held, "acknowledged and lost")
        if refused_stays_refused:
            self.assert_none(self.refused & held, "refused and delivered")
        again = set(drain(server, "t", "read"))
        self.assert_none(self.acknowledged.keys("t") - again - self.finished, "acknowledged, not finished and lost")
        if finished_stays_finished:
            self.assert_none(again & self.finished, "finished and delivered again")
        server.stop()
        bad = [name for _, _, names in os.walk(self.data_path) for name in names if name.endswith(".bad")]
        self.assertFalse(bad)


@unittest.skipUnless(available(), "FAULTFS does not name libfaultfs.so (there is none in sanitizer builds)")
class Injected(DiskCase):
    """Errors switched on in a running server."""

    def setUp(self):
        super().setUp()
        self.faults = Faults(self.data_path)
        self.addCleanup(self.faults.close)

    def start_faulty(self, *flags):
        server = self.start(*flags, environment=self.faults.environment)
        for channel in ("held", "read"):
            server.client().subscribe("t", channel).close()
        return server

    def fail_and_recover(self, reason, *rules, flags=(), killed=False):
        server = self.start_faulty(*flags)
        consumer = server.client().subscribe("t", "read", 100)
        self.addCleanup(consumer.close)
        self.publish_all_ways(server)
        with self.faults.on(*rules):
            self.assert_refused(server, reason)
            self.assert_unhealthy(server, reason)
            self.finish_all(server, consumer)
        self.assert_recovers(server)
        if killed:
            server.kill()
        else:
            server.stop()
        # What could be written, but not synced, is refused and there.
        written = any(rule.startswith("sync") for rule in rules)
        self.assert_all_there_after_a_start(finished_stays_finished=not killed, refused_stays_refused=not written)

    def test_full(self):
        self.fail_and_recover(FULL, "write,allocate,create,mkdir ENOSPC")

    def test_full_and_killed(self):
        self.fail_and_recover(FULL, "write,allocate,create,mkdir ENOSPC", killed=True)

    def test_full_in_the_middle_of_a_write(self):
        self.fail_and_recover(FULL, "write ENOSPC room=20001", killed=True)

    def test_full_under_power(self):
        self.fail_and_recover(FULL, "write,allocate,create ENOSPC", flags=("--durability=power",), killed=True)

    def test_write_error(self):
        self.fail_and_recover(BROKEN, "write EIO", killed=True)

    def test_sync_error_under_power(self):
        self.fail_and_recover(BROKEN, "sync EIO", flags=("--durability=power",), killed=True)

    def test_no_more_files(self):
        self.fail_and_recover(NO_FILES, "open EMFILE")

    def test_no_more_files_and_killed(self):
        self.fail_and_recover(NO_FILES, "open EMFILE", killed=True)

    def test_errors_now_and_then(self):
        """Every third write fails under many publishers; each gets its own true answer."""
        self.load("write ENOSPC every=3")

    def test_errors_now_and_then_under_power(self):
        self.load("write EIO every=5", "sync EIO every=4", flags=("--durability=power",))

    def test_short_writes_are_no_errors(self):
        self.load("write SHORT")
        self.assertEqual(self.refusals, [])

    def load(self, *rules, flags=()):
        """Publishers of all kinds meet the errors, and the server is killed when they have ended."""
        server = self.start_faulty(*flags)
        self.faults.set(*rules)
        publishers = [Publisher(server, way, way, iter(lambda: "t", None), self.acknowledged) for way in WAYS]
        for publisher in publishers:
            publisher.start()
        wait_until(lambda: len(self.acknowledged) > 2000, "two thousand messages", 300)
        for publisher in publishers:
            publisher.stop()
        self.refusals = [error for publisher in publishers for error in publisher.refusals]
        self.faults.clear()
        self.assert_recovers(server)
        server.kill()
        self.assert_all_there_after_a_start(finished_stays_finished=False)

    def test_what_cannot_be_made(self):
        """Topics and channels: an error, or it is there after a kill."""
        server = self.start_faulty()
        web = server.web()
        with self.faults.on("write,allocate,create,mkdir ENOSPC"):
            replies = {f"new{number}": web.post(f"/topic/create?topic=new{number}") for number in range(3)}
            client = server.client()
            client.send(b"SUB t new\n")
            subscribed = client.read_frame()
            client.close()
        self.assert_recovers(server)
        web.do("topic/create", "after")
        server.kill()
        for topic, reply in replies.items():
            self.assertTrue(reply.status == 200 or reply.status == 500 and FULL in reply.body.decode(), (topic, reply))
        self.assertTrue(subscribed == OK or subscribed.data.startswith(b"E_SUB_FAILED"), subscribed)
        server = self.start()
        for topic in ["after"] + [topic for topic, reply in replies.items() if reply.status == 200]:
            self.assertIsNotNone(server.topic(topic), topic)
        if subscribed == OK:
            self.assertIsNotNone(server.channel("t", "new"))
        server.stop()

    def test_topics_that_cannot_be_removed(self):
        """What is left of one, of an earlier run too, is not in the way of the next one of that name."""
        topics = os.path.join(self.data_path, "topics")

        def left():
            return [name for name in os.listdir(topics) if name.startswith(".deleted-")]
        for runs in (1, 2):
            with self.faults.on("unlink EIO"):
                server = self.start_faulty()
                self.assertIsNone(self.publish(server, "PUB"))
                reply = server.web().post("/topic/delete?topic=t")
                self.assertEqual((reply.status, BROKEN in reply.body.decode()), (500, True), reply)
                self.assertIsNone(server.topic("t"))
                self.assertEqual(len(left()), runs)
                server.stop()
        with self.faults.on("unlink EIO"):
            server = self.start_faulty()
        server.web().do("topic/create", "t")
        server.web().do("topic/delete", "t")
        self.assertEqual(len(left()), 2)
        server.stop()
        self.start().stop()
        self.assertEqual(left(), [])

    @contextlib.contextmanager
    def read_through(self, *rules):
        """A backlog far larger than what is kept in memory is consumed while it cannot be read, and after."""
        server = self.start_faulty("--mem-queue-size=10")
        for _ in range(100):
            self.assertIsNone(self.publish(server, "MPUB", 4000))
        consumer = server.client()
        with self.faults.on(*rules):
            consumer.subscribe("t", "read", 10)
            yield server
            self.publish(server, "PUB")
        self.finish_all(server, consumer)
        self.assert_recovers(server)
        consumer.close()
        server.stop()
        self.assert_all_there_after_a_start(finished_stays_finished=True)

    def test_read_error(self):
        with self.read_through("read EIO") as server:
            self.assert_unhealthy(server, BROKEN)

    def test_read_error_of_what_is_emptied(self):
        """Then there is nothing left that could not be read."""
        server = self.start_faulty("--mem-queue-size=10")
        for _ in range(100):
            self.assertIsNone(self.publish(server, "MPUB", 4000))
        with self.faults.on("read EIO"):
            consumer = server.client().subscribe("t", "read", 10)
            self.assert_unhealthy(server, BROKEN)
            consumer.close()
        server.web().do("channel/empty", "t", "read")
        self.assert_recovers(server)
        server.stop()

    def test_read_error_now_and_then(self):
        with self.read_through("read EIO every=3"):
            pass

    def test_no_more_files_for_reading(self):
        with self.read_through("open EMFILE"):
            pass


class SmallDisk(DiskCase):
    """A real full disk: a tmpfs of 4 MB. Without the right to mount one it is skipped, but not by CI."""

    def make_data_path(self):
        path = super().make_data_path()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.assertNotEqual(os.environ.get("CI"), "true", mounted.stderr)
            self.skipTest(f"no tmpfs can be mounted: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", path], check=True)
        return path

    def setUp(self):
        super().setUp()
        self.server = self.start()
        for channel in ("held", "read"):
            self.server.client().subscribe("t", channel).close()

    def fill(self):
        """Takes all the space there is with a file that is not the server's."""
        path = os.path.join(self.data_path, "filler")
        with open(path, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError as error:
                self.assertEqual(error.strerror, FULL)
        return path

    def test_space_returns(self):
        self.publish_all_ways(self.server)
        for _ in range(3):
            filler = self.fill()
            self.assert_refused(self.server, FULL)
            self.assert_unhealthy(self.server, FULL)
            os.unlink(filler)
            self.assert_recovers(self.server)
        self.server.stop()
        self.assert_all_there_after_a_start(finished_stays_finished=True)

    def test_consumers_make_space(self):
        """Writing down what is finished needs space too, of which there is none."""
        self.assert_refused(self.server, FULL, size=3000)
        self.assert_unhealthy(self.server, FULL)
        for channel in ("held", "read"):
            consumer = self.server.client().subscribe("t", channel, 100)
            self.finished.clear()
            self.finish_all(self.server, consumer)
            consumer.close()
        self.assert_recovers(self.server)
        self.acknowledged = Acknowledged()
        self.publish_all_ways(self.server)
        self.server.stop()
        self.assert_all_there_after_a_start(finished_stays_finished=True)

    def test_a_start_while_it_is_full(self):
        for _ in range(50):
            self.assertIsNone(self.publish(self.server, "MPUB", 3000))
        self.server.kill()
        self.fill()
        server = self.start()
        for channel in ("held", "read"):
            consumer = server.client().subscribe("t", channel, 100)
            self.finished.clear()
            self.finish_all(server, consumer)
            consumer.close()
        self.assert_recovers(server)
        server.stop()

    def test_a_stop_while_it_is_full(self):
        self.publish_all_ways(self.server)
        filler = self.fill()
        self.assert_refused(self.server, FULL)
        self.server.terminate()
        self.server.wait()
        os.unlink(filler)
        self.assert_all_there_after_a_start(finished_stays_finished=False)


if __name__ == "__main__":
    main()
