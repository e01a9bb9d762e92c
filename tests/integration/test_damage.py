"""Every byte of a small data directory flipped, every file cut at every length: the server starts, serves what was not
hit, says what it lost, delivers nothing that is not whole, and stops well.

A sample of it, or all with `--all` (half an hour). `--seed=N` takes another sample."""

import collections
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import Server, dpub, drain, key_of, main, make_body, mpub, take_flag, wait_until  # noqa: E402
from nsqtest.damage import Damage, every_damage, files_below, some_damage  # noqa: E402

ALL = take_flag("--all")
SEED = next((int(a.partition("=")[2]) for a in sys.argv if a.startswith("--seed=") and take_flag(a)), 1)
FLIPS_A_FILE, CUTS_A_FILE = 8, 4
FLAGS = ("--max-bytes-per-file=700",)
FAILURES_A_FILE = 5  # then the file's other damages are left out
# A case takes a tenth of a second; beyond this the server hangs.
DEADLINE_S = 20


# What the server says of a lost batch.
LOST = re.compile(r" skipped: | messages (?:before|behind) it are missing| is not there")


class World:
    """A small data directory with a bit of everything, and what is in it."""

    # Topics and their channels; what is published to `lonely` waits for one.
    CHANNELS = {"t": ("idle", "used"), "lonely": ("first",)}

    def __init__(self, directory, killed):
        self.killed = killed
        self.batch_of = {}  # by key: topic and number of the batch
        self.finished = collections.defaultdict(set)  # by channel
        server = Server(*FLAGS, data_path=directory)
        try:
            self._fill(server)
            # It follows the topics, and is all that knows a channel whose state is damaged.
            wait_until(lambda: self._is_written(os.path.join(directory, "nsqd.dat")), "nsqd.dat has all channels")
            server.kill() if killed else server.stop()
        finally:
            server.kill()
        self.files = files_below(directory)

    def _is_written(self, path):
        """Whether nsqd.dat has all topics, and the channels of `t`."""
        if not os.path.exists(path):
            return False
        with open(path, encoding="utf-8") as file:
            topics = json.load(file)["topics"] or ()
        known = {topic["name"]: {channel["name"] for channel in topic["channels"] or ()} for topic in topics}
        return known.keys() == self.CHANNELS.keys() and known["t"] == set(self.CHANNELS["t"])

    def _fill(self, server):
        for channel in self.CHANNELS["t"]:
            server.client().subscribe("t", channel).close()
        publisher = server.client()
        for number in range(6):
            publisher.command(mpub("t", self._batch("t", number, 3)))
        for number in range(2):
            publisher.command(mpub("lonely", self._batch("lonely", number, 3)))
        for number in (6, 7):
            publisher.command(dpub("t", 400, self._batch("t", number, 1)[0]))
        publisher.close()
        consumer = server.client().subscribe("t", "used", 9)
        messages = consumer.read_messages(9)
        consumer.ready(0)
        for message in messages[:5]:
            consumer.fin(message)
            self.finished["used"].add(key_of(message.body))
        consumer.req(messages[5], 300)
        server.wait_channel("t", "used", in_flight_count=3)

    def _batch(self, topic, number, count):
        keys = [f"{topic}-{number}-{i}" for i in range(count)]
        self.batch_of.update({key: (topic, number) for key in keys})
        return [make_body(key) for key in keys]

    def keys(self, topic):
        return {key for key, (its_topic, _) in self.batch_of.items() if its_topic == topic}

    def groups(self, file):
        """The messages in a file by batch, in order: [(end of the last one, keys)]. Empty for a file of other things."""
        content = self.files[file]
        found = sorted((content.find(make_body(key)) + len(make_body(key)), key) for key in self.batch_of
                       if make_body(key) in content)
        groups = []
        for end, key in found:
            if groups and self.batch_of[groups[-1][1][0]] == self.batch_of[key]:
                groups[-1] = (end, groups[-1][1] + [key])
            else:
                groups.append((end, [key]))
        return groups

    def hit_by(self, damage):
        """The keys that may be lost: their batch was hit."""
        groups = self.groups(damage.file)
        behind = [keys for end, keys in groups if end > damage.position]
        return {key for keys in (behind[:1] if damage.mask else behind) for key in keys}


class DamageCase(unittest.TestCase):
    KILLED = False

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="nsqd-damage-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.original = os.path.join(self.directory, "original")
        os.mkdir(self.original)
        self.world = World(self.original, self.KILLED)

    def check_all(self):
        chance = random.Random(SEED)
        files = self.world.files
        self.check(Damage("nsqd.dat", len(files["nsqd.dat"]), 0))  # which is none: all is there then
        damages = list(every_damage(files, chance) if ALL
                       else some_damage(files, chance, FLIPS_A_FILE, CUTS_A_FILE))
        started, failures = time.monotonic(), collections.Counter()
        for damage in damages:
            if failures[damage.file] < FAILURES_A_FILE:
                with self.subTest(str(damage)):
                    failures[damage.file] += 1
                    self.check(damage)
                    failures[damage.file] -= 1
        print(f"{len(damages)} damages, {len(files)} files of {sum(map(len, files.values()))} bytes, "
              f"{time.monotonic() - started:.0f} s; failures: {dict(+failures)}")

    def check(self, damage):
        data_path = os.path.join(self.directory, "damaged")
        shutil.copytree(self.original, data_path)
        try:
            damage.apply(data_path)
            server = Server(*FLAGS, data_path=data_path, deadline_s=DEADLINE_S)
            try:
                self.check_server(server, damage)
                server.stop(deadline_s=DEADLINE_S)
            finally:
                server.kill()
        except AssertionError as error:
            self.fail(f"{damage}\n{error}")
        finally:
            shutil.rmtree(data_path)

    def check_server(self, server, damage):
        self.assertRegex(server.web().get("/ping").body, b"^(OK$|NOK - )")
        lost = set()
        for topic, channels in self.world.CHANNELS.items():
            for channel in channels:
                lost |= self.check_channel(server, damage, topic, channel)
        if lost and not self.is_as_if_killed_earlier(damage):
            wait_until(lambda: os.path.basename(damage.file) in server.log or LOST.search(server.log),
                       f"{sorted(lost)} lost, and the log says so", DEADLINE_S)
        self.check_count(server)
        server.web().publish("t", make_body("new"))
        for channel in self.world.CHANNELS["t"]:
            self.assertEqual(drain(server, "t", channel, DEADLINE_S), ["new"], channel)

    def is_as_if_killed_earlier(self, damage):
        """The state is behind the log: where the log has been cut behind a batch, nothing may know of more."""
        ends = [end for end, _ in self.world.groups(damage.file)]
        return self.KILLED and not damage.mask and damage.position in ends

    def check_count(self, server):
        """What the log says was left out, or is missing, is what /stats counts."""
        def counts():
            stats = server.stats()
            return sum(topic["damaged_batches"] for topic in stats["topics"]), stats["health"]
        damaged, health = wait_until(lambda: found if (found := counts())[0] == len(LOST.findall(server.log)) else None,
                                     f"as many damaged batches as the log tells of; it is {counts()}")
        if damaged and not health.startswith("NOK"):
            self.assertEqual(health, f"OK - damaged batches left out: {damaged}")

    def check_channel(self, server, damage, topic, channel):
        """Returns what was lost."""
        got = drain(server, topic, channel, DEADLINE_S)
        finished = self.world.finished[channel]
        lost = self.world.keys(topic) - finished - set(got)
        unhit = lost - self.world.hit_by(damage)
        if unhit:
            self.fail(f"{topic}:{channel} lost {sorted(unhit)}, which was not hit; the log:\n{server.log[-3000:]}")
        is_state = not self.world.groups(damage.file)
        if not is_state:
            self.assertEqual(len(got), len(set(got)), f"{topic}:{channel} got messages twice: {sorted(got)}")
        if not is_state and not self.KILLED:
            self.assertFalse(finished & set(got), f"{topic}:{channel}: finished, and delivered again")
        return lost


class Stopped(DamageCase):
    """After a graceful stop."""

    def test_damage(self):
        self.check_all()


class Killed(DamageCase):
    """After kill -9."""

    KILLED = True

    def test_damage(self):
        self.check_all()


class ManyFiles(unittest.TestCase):
    """Damages that the small directory of the others has no room for."""

    FLAGS = ("--max-bytes-per-file=5000",)

    def setUp(self):
        self.data_path = tempfile.mkdtemp(prefix="nsqd-damage-")
        self.addCleanup(shutil.rmtree, self.data_path, ignore_errors=True)

    def start(self):
        server = Server(*self.FLAGS, data_path=self.data_path, deadline_s=DEADLINE_S)
        self.addCleanup(server.kill)
        return server

    def publish(self, server, keys):
        """Each as a batch of its own."""
        for key in keys:
            server.web().publish("t", make_body(key, 1000))

    def make(self, keys, kills=0):
        """A data directory with these messages and the channel `c`, after so many kills. Returns the files of
        messages."""
        server = self.start()
        server.web().do("topic/create", "t")
        server.web().do("channel/create", "t", "c")
        for _ in range(kills):
            server.kill()
            server = self.start()
        self.publish(server, keys)
        server.kill() if kills else server.stop()
        return [file for file in sorted(files_below(self.data_path)) if file.endswith(".log")]

    def damage(self, file, position, mask=0):
        Damage(file, position, mask).apply(self.data_path)

    def test_cut_behind_a_batch(self):
        """Such a file is as good as new, but the next one begins with a later message."""
        keys = [str(number) for number in range(20)]
        file = self.make(keys)[1]
        content = files_below(self.data_path)[file]
        here = [key for key in keys if make_body(key, 1000) in content]
        self.assertGreater(len(here), 2)
        first = make_body(here[0], 1000)
        self.damage(file, content.index(first) + len(first))
        server = self.start()
        self.assertEqual(drain(server, "t", "c", DEADLINE_S), [key for key in keys if key not in here[1:]])
        self.assertEqual(server.topic("t")["damaged_batches"], 1)
        self.assertEqual(len(LOST.findall(server.log)), 1, server.log)
        self.assertEqual(server.stats()["health"], "OK - damaged batches left out: 1")
        server.stop()

    def test_the_lease_and_the_last_file(self):
        """Kills put the numbers of messages ahead of the clock, and nothing tells any more how far."""
        old, new = ([f"{when}-{number}" for number in range(10)] for when in ("old", "new"))
        last = self.make(old, kills=3)[-1]
        self.damage("sequence.lease", 3, 1)
        for position in (12, 52):  # in both headers
            self.damage(last, position, 1)
        kept = [key for key in old if make_body(key, 1000) not in files_below(self.data_path)[last]]
        self.assertGreater(len(kept), 2)
        server = self.start()
        self.publish(server, new)
        self.assertEqual(drain(server, "t", "c", DEADLINE_S), kept + new)
        server.stop()


class Torn(unittest.TestCase):
    """What a write that came only halfway has left behind the last batch is told of and cut off, once."""

    def test_a_torn_end_is_told_of_once(self):
        directory = tempfile.mkdtemp(prefix="nsqd-damage-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        keys = []
        server = self.start(directory)
        server.client().subscribe("t", "c").close()
        self.publish(server, keys)
        server.stop()
        log = next(name for name in files_below(directory) if name.startswith("topics/t/") and name.endswith(".log"))
        with open(os.path.join(directory, log), "ab") as file:
            file.write(b"torn" * 20)
        for torn in (1, 0, 0):
            server = self.start(directory)
            self.assertEqual(len(LOST.findall(server.log)), torn, server.log)
            self.assertEqual(server.topic("t")["damaged_batches"], torn)
            self.publish(server, keys)
            server.kill()
            with open(os.path.join(directory, log), "rb") as file:
                self.assertNotIn(b"torntorn", file.read())
        server = self.start(directory)
        self.assertEqual(drain(server, "t", "c"), keys)
        self.assertEqual(server.topic("t")["damaged_batches"], 0)
        server.stop()

    def start(self, directory):
        server = Server(data_path=directory, deadline_s=DEADLINE_S)
        self.addCleanup(server.kill)
        return server

    @staticmethod
    def publish(server, keys):
        keys.append(f"key-{len(keys)}")
        server.web().publish("t", make_body(keys[-1]))


if __name__ == "__main__":
    main()
