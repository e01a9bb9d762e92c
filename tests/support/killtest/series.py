"""Several kills on one data directory, then the drain and the judgement."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

from nsqtest import Server, wait_until

from .consumers import Consumer, consume, finish
from .history import report
from .inspection import inspect, waiting
from .judge import judge
from .managers import garden, operate, pause
from .mixes import MIXES
from .publishers import publish
from .record import Record
from .scene import LASTING, Scene

SHORTEST_RUN_S, LONGEST_RUN_S = 0.05, 2.2
# Some starts are ended by the signal after a moment of at most this length, on the way to being ready.
INTERRUPTED_STARTS, LONGEST_START_S = 0.25, 0.1
# Delays of the last run are short, so that the drain is too.
LAST_DELAY_S = 1.0
START_DEADLINE_S = JOIN_DEADLINE_S = 60.0


class Failed(AssertionError):
    """The server did wrong; the text says all."""


class Series:
    """`signal_name`: KILL, or TERM for a stop after which even more must be true."""

    def __init__(self, mix, seed, kills, signal_name="KILL", flags=()):
        self.mix, self.seed, self.kills, self.graceful = mix, seed, kills, signal_name == "TERM"
        self.signal = signal.Signals[f"SIG{signal_name}"]
        self.flags = (*mix.flags, *flags)
        self.record = Record()
        self.source = random.Random(f"{seed} moments")
        self.directory = tempfile.mkdtemp(prefix="nsqd-kill-")
        self.data_path = os.path.join(self.directory, "data")
        os.mkdir(self.data_path)
        self.server = None
        self.violations = []

    def run(self):
        """Returns a line on what was done. Raises Failed; the data directory then stays, with a copy for each kill."""
        self.start()
        try:
            for number in range(self.kills):
                self.load(last=number == self.kills - 1)
                subprocess.run(["cp", "-a", "--sparse=always", self.data_path,
                                os.path.join(self.directory, f"killed-{number}")], check=True)
                if self.source.random() < INTERRUPTED_STARTS:
                    self.interrupt_start()
                self.start()
                if self.violations:
                    break
            self.drain()
            self.violations += judge(self.record, self.graceful)
            if not self.violations:
                self.server.stop()
        except (AssertionError, OSError) as error:
            raise Failed(self.describe(f"{error}\n")) from error
        finally:
            self.server.kill()
        if self.violations:
            raise Failed(self.describe())
        shutil.rmtree(self.directory)
        return self.summary()

    def start(self):
        self.server = Server(*self.flags, data_path=self.data_path, deadline_s=START_DEADLINE_S)
        self.record.start_run()
        scene = self.scene()
        if self.record.run == 0:
            for topic, channel in LASTING:
                operate(scene, "create", topic)
                operate(scene, "create", topic, channel)
            return
        self.violations += inspect(self.record, self.topics())
        if not self.violations:
            self.create_channels(scene, lambda topic: topic.startswith("lonely") and topic != scene.lonely)

    def scene(self, longest_delay_s=0.0):
        return Scene(self.server, self.record, self.mix, self.seed, longest_delay_s)

    def topics(self):
        return self.server.stats("&include_clients=false&include_mem=false")["topics"]

    def create_channels(self, scene, wanted):
        for topic in self.topics():
            if not topic["channels"] and wanted(topic["topic_name"]):
                operate(scene, "create", topic["topic_name"], "late")

    def load(self, last):
        scene = self.scene(LAST_DELAY_S if last else self.mix.longest_delay_s)
        scene.start(publish, self.mix.publishers)
        scene.start(consume, self.mix.consumers)
        scene.start(pause, self.mix.pausers)
        scene.start(garden, self.mix.gardeners)
        scene.wait(self.source.uniform(SHORTEST_RUN_S, LONGEST_RUN_S))
        scene.over.set()
        self.record.end_run()
        died = not self.server.alive()
        self.server.process.send_signal(self.signal)
        code = self.server.wait()
        self.server.kill()  # it is dead: this lets go of it
        scene.join(JOIN_DEADLINE_S)
        self.record.close_run()
        if died or scene.failures or self.graceful and code != 0:
            raise AssertionError("\n".join(["the server died"] * died + scene.failures + [f"exit code {code}"]))

    def interrupt_start(self):
        self.server = Server(*self.flags, data_path=self.data_path, ready=False)
        try:
            self.server.process.wait(self.source.uniform(0, LONGEST_START_S))
        except subprocess.TimeoutExpired:
            self.server.process.send_signal(self.signal)
        self.server.wait()
        self.server.kill()

    def drain(self):
        """Unpauses everything and finishes all that comes until nothing is left."""
        scene = self.scene()
        self.create_channels(scene, lambda topic: True)
        topics = self.topics()
        for topic in topics:
            if topic["paused"]:
                operate(scene, "unpause", topic["topic_name"])
            for channel in topic["channels"]:
                if channel["paused"]:
                    operate(scene, "unpause", topic["topic_name"], channel["channel_name"])
        places = iter([(topic["topic_name"], channel["channel_name"])
                       for topic in topics for channel in topic["channels"]])

        def empty_out(scene, _):
            topic, channel = place = next(places)
            consumer = Consumer(scene, topic, channel, ready=200)
            self.record.drained_from[place] = time.monotonic()
            consumer.consume(finish, scene.over.is_set)
            consumer.leave()
            raise ConnectionError("done")

        scene.start(empty_out, sum(len(topic["channels"]) for topic in topics))
        try:
            wait_until(lambda: scene.failures or not any(self.left()), "all channels are empty")
        except AssertionError as error:
            self.violations += judge(self.record, self.graceful)
            raise AssertionError(f"{error}; left are {self.left()}") from None
        finally:
            scene.over.set()
            scene.join(JOIN_DEADLINE_S)
        if scene.failures:
            raise AssertionError("\n".join(scene.failures))

    def left(self):
        """Messages in topics and channels."""
        return [count for topic in self.topics()
                for count in itertools.chain([topic["depth"]], map(waiting, topic["channels"]))]

    def summary(self):
        acknowledged = sum(each.ok for each in self.record.publications.values())
        return (f"{self.mix.name}: {self.kills} kills, {acknowledged} of {len(self.record.publications)} publishes "
                f"acknowledged, {sum(map(len, self.record.deliveries.values()))} deliveries, "
                f"{sum(map(len, self.record.answers.values()))} answers, {len(self.record.operations)} operations")

    def describe(self, error=""):
        log = [line for line in self.server.log_lines if "] IDENTIFY: " not in line][-30:]
        return (f"mix {self.mix.name}, seed {self.seed!r}, after {self.record.run} kills; kept with copies: "
                f"{self.data_path}\n{error}{report(self.record, self.violations)}\n"
                f"the end of the server's log:\n{''.join(log)}")


def run_many(kills, seed, seconds=float("inf"), first=0, kills_per_directory=4, signal_name="KILL", flags=(),
             mixes=MIXES, tell=print):
    """Series with one mix after the other until there were so many kills or so many seconds have passed. `first`: the
    number behind the slash of a seed in a failure's text, to begin there."""
    end = time.monotonic() + seconds
    done = 0
    for number in itertools.count(first):
        if done >= kills or time.monotonic() > end:
            return done
        some = min(kills_per_directory, kills - done)
        tell(Series(mixes[number % len(mixes)], f"{seed}/{number}", some, signal_name, flags).run())
        done += some
