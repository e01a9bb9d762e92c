"""A few messages that keep an old file are copied to the end of the log, and the file is given up: nothing is lost and
nothing that was finished comes again, whenever that is interrupted."""

import glob
import itertools
import os
import shutil
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from faultfs import available  # noqa: E402
from faultfs.journal import Kind, read_journal  # noqa: E402
from faultfs.power_cut import NOTHING  # noqa: E402
from nsqtest import ERROR, OK, Server, dpub, drain, main, make_body, mpub, wait_until  # noqa: E402
from nsqtest.power import PowerCase  # noqa: E402

# What a batch of moved messages begins with: storage/disk_format.h.
MOVED = b"NSQM"
BATCH, BODY = 20, 300
HOUR_MS = 3600000


class Files:
    """The files of topic t."""

    def __init__(self, data_path):
        self.directory = os.path.join(data_path, "topics", "t")

    @property
    def state(self):
        return os.path.join(self.directory, "state")

    def segments(self):
        return sorted(glob.glob(os.path.join(self.directory, "*.log")))

    def has_moved(self):
        return any(MOVED in content(path) for path in self.segments())


def content(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:  # it was given up
        return b""


class Flow:
    """Publishes to topic t, and finishes on some channels what comes."""

    def __init__(self, server, *channels):
        self._server = server
        self._consumers = [server.client().subscribe("t", channel, 200) for channel in channels]
        self._numbers = itertools.count()

    def run(self):
        """One batch. Returns the answer to it."""
        client = self.send()
        answer = client.read_frame()
        client.close()
        return answer

    def send(self):
        """One batch. Returns the connection with the answer to it, which need not come before the next batch."""
        client = self._server.client()
        client.send(mpub("t", [make_body(f"flow-{next(self._numbers)}", BODY) for _ in range(BATCH)]))
        for consumer in self._consumers:
            for message in consumer.read_messages(BATCH):
                consumer.fin(message)
        return client

    def run_until(self, condition, what, step=None):
        """Batch after batch; `step` instead of run() makes one."""
        def reached():
            if condition():
                return True
            (step or self.run)()
            return False
        wait_until(reached, what)


@unittest.skipUnless(available(), "FAULTFS does not name libfaultfs.so (there is none in sanitizer builds)")
class Power(PowerCase):
    """A message that is in flight for long, while others come and go."""

    def setUp(self):
        super().setUp()
        self.files = Files(self.data_path)
        self.server = self.start()
        web = self.server.web()
        web.do("topic/create", "t")
        web.do("channel/create", "t", "c")
        web.publish("t", make_body("held"))
        holder = self.server.client().subscribe("t", "c", 1)
        holder.read_message()
        holder.ready(0)
        self.first = self.files.segments()[0]
        self.flow = Flow(self.server, "c")
        for _ in range(5):
            self.assertEqual(self.flow.run(), OK)

    def wait_until_first_is_gone(self):
        wait_until(lambda: not os.path.exists(self.first), "the first file is given up")

    def assert_held_is_there(self, seed, until):
        with self.restarted(seed, until) as restarted:
            self.assert_none_lost(restarted, "t", "c", {"held"})

    def copies(self):
        """How many moved messages were written, also to files that are gone."""
        return sum(record.data.count(MOVED) for record in read_journal(self.faults.journal)
                   if record.kind == Kind.WRITE)

    def looks(self):
        """How often was tried whether the disk can be written again."""
        return sum(record.kind == Kind.CREATE and record.name == b"room.tmp"
                   for record in read_journal(self.faults.journal))

    def test_a_cut_at_every_moment(self):
        self.flow.run_until(self.files.has_moved, "it is copied")
        self.wait_until_first_is_gone()
        self.server.kill()
        records = list(read_journal(self.faults.journal))
        moved = next(i for i, record in enumerate(records) if record.kind == Kind.WRITE and MOVED in record.data)
        gone = next(i for i, record in enumerate(records) if record.kind == Kind.UNLINK)
        for record in records[moved + 1:gone + 2]:
            for seed in range(2, 4):
                self.assert_held_is_there(seed, record.position)

    def test_a_sync_fails_meanwhile(self):
        with self.faults.on("sync EIO"):
            self.flow.run_until(self.files.has_moved, "it is copied")
            for _ in range(5):
                self.assertEqual(self.flow.run().type, ERROR)
            # Before each look at the disk it could have been copied again.
            looks = self.looks() + 3
            self.flow.run_until(lambda: self.looks() >= looks, "the disk is looked at")
            self.assertEqual(self.copies(), 1)
        web = self.server.web()
        wait_until(lambda: web.get("/ping").body == b"OK", "/ping is OK again")
        self.wait_until_first_is_gone()
        self.assertEqual(self.flow.run(), OK)
        until = self.faults.recorded()
        self.server.kill()
        self.assert_held_is_there(NOTHING, until)

    def assert_held_after_a_kill(self):
        """While a sync is held: the next state is not on the disk, but a new server reads it and gives up the file."""
        saved = os.stat(self.files.state).st_mtime_ns
        self.flow.run_until(lambda: os.stat(self.files.state).st_mtime_ns != saved, "it is saved", self.flow.send)
        self.assertTrue(os.path.exists(self.first))
        self.server.kill()
        self.faults.clear()
        server = self.start()
        self.wait_until_first_is_gone()
        until = self.faults.recorded()
        server.kill()
        for seed in range(12):
            self.assert_held_is_there(seed, until)

    def test_a_kill_before_the_copies_are_synced(self):
        """The next server finds copies, which are not on the disk yet."""
        self.faults.set("sync HOLD")
        self.flow.run_until(self.files.has_moved, "it is copied", self.flow.send)
        self.assert_held_after_a_kill()

    def copies_are_synced(self):
        moved = False
        for record in read_journal(self.faults.journal):
            if record.kind == Kind.WRITE and MOVED in record.data:
                moved = True
            elif moved and record.kind == Kind.SYNC:
                return True
        return False

    def test_a_kill_before_the_state_that_names_the_copies_is_synced(self):
        """The next server reads it, and no copies: they are behind it. It is not on the disk yet all the same."""
        self.flow.run_until(self.files.has_moved, "it is copied")
        wait_until(self.copies_are_synced, "the copies are synced")
        self.faults.set("sync HOLD")
        wait_until(self.faults.is_holding, "the next sync")
        self.assert_held_after_a_kill()


class Crash(unittest.TestCase):
    def setUp(self):
        self.data_path = tempfile.mkdtemp(prefix="nsqd-test-")
        self.addCleanup(shutil.rmtree, self.data_path, ignore_errors=True)
        self.files = Files(self.data_path)

    def start(self):
        server = Server("--max-bytes-per-file=65536", "--mem-queue-size=1000", data_path=self.data_path)
        self.addCleanup(server.kill)
        return server

    def test_long_turns_do_not_keep_a_file(self):
        """Messages are deferred for an hour in the middle of what others publish without a pause."""
        server = self.start()
        server.web().do("topic/create", "t")
        server.web().do("channel/create", "t", "c#ephemeral")
        stop = threading.Event()
        rounds = itertools.count()
        batch = mpub("t", [b"x" * 200] * 200)
        others = [threading.Thread(target=self.publish, args=(server, batch * 25, 25, stop, rounds)) for _ in range(3)]
        for thread in others:
            thread.start()
        client = server.client()
        deferred = 0
        while next(rounds) < 300:
            client.command(dpub("t", HOUR_MS, b"late"))
            deferred += 1
        stop.set()
        for thread in others:
            thread.join()

        def few():
            client.command(batch)
            return len(self.files.segments()) < 10
        wait_until(few, "old files are given up")
        self.assertEqual(server.channel("t", "c#ephemeral")["deferred_count"], deferred)
        server.stop()

    def publish(self, server, data, answers, stop, rounds):
        with server.client() as client:
            while not stop.is_set():
                client.send(data)
                for _ in range(answers):
                    assert client.read_frame() == OK
                next(rounds)

    def test_what_was_finished_on_one_channel_does_not_come_again(self):
        """Killed between the copy of a message that another channel needs and the next state."""
        server = self.start()
        web = server.web()
        web.do("topic/create", "t")
        for channel in ("finished", "deferred"):
            web.do("channel/create", "t", channel)
        web.publish("t", make_body("one"))
        finishing, deferring = (server.client().subscribe("t", channel, 1) for channel in ("finished", "deferred"))
        finishing.fin(finishing.read_message())
        deferring.req(deferring.read_message(), HOUR_MS)
        for client in (finishing, deferring):
            client.ready(0)
        flow = Flow(server, "finished", "deferred")
        flow.run()
        for channel in ("finished", "deferred"):
            server.wait_channel("t", channel, in_flight_count=0)
        web.do("topic/pause", "t")  # which saves all
        web.do("topic/unpause", "t")
        before = content(self.files.state)
        flow.run_until(self.files.has_moved, "it is copied")
        server.kill()
        with open(self.files.state, "wb") as file:
            file.write(before)
        server = self.start()
        self.assertEqual(server.channel("t", "finished")["deferred_count"], 0)
        self.assertNotIn("one", drain(server, "t", "finished"))
        self.assertEqual(server.channel("t", "deferred")["deferred_count"], 1)
        server.stop()


if __name__ == "__main__":
    main()
