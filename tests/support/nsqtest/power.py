"""Test cases that cut the power: see faultfs/README.md."""

import contextlib
import os
import random
import shutil
import tempfile
import unittest

from faultfs import Faults, build_image
from faultfs.power_cut import EVERYTHING, NOTHING

from .draining import drain
from .publishing import Acknowledged
from .server import Server


class PowerCase(unittest.TestCase):
    """A data directory of which the journal is kept."""

    FLAGS = ("--durability=power", "--max-bytes-per-file=65536", "--mem-queue-size=100")

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="nsqd-power-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data_path = os.path.join(self.directory, "data")
        os.mkdir(self.data_path)
        self.faults = Faults(self.data_path, record=True)
        self.addCleanup(self.faults.close)
        self.random = random.Random(self.id())
        self.acknowledged = Acknowledged(self.faults.recorded)

    def start(self):
        """The server on the disk that is to fail."""
        server = Server(*self.FLAGS, data_path=self.data_path, environment=self.faults.environment)
        self.addCleanup(server.kill)
        return server

    def cuts(self, first, count):
        """(seed, position in the journal): moments from `first` to the end; the end itself with the worst luck."""
        end = self.faults.recorded()
        yield NOTHING, end
        for seed in range(EVERYTHING, count):
            yield seed, self.random.randint(first, end)

    @contextlib.contextmanager
    def restarted(self, seed, until):
        """A server on what a power cut left, which must start, and must stop well."""
        image = tempfile.mkdtemp(prefix="image-", dir=self.directory) + "/data"
        with self.subTest(seed=seed, until=until):
            build_image(self.faults.journal, image, seed, until)
            server = Server(*self.FLAGS, data_path=image)
            self.addCleanup(server.kill)
            yield server
            server.stop()
            shutil.rmtree(image)

    def assert_none_lost(self, server, topic, channel, expected, finished=()):
        """`finished`: keys that may be missing."""
        lost = expected - set(drain(server, topic, channel)) - set(finished)
        if lost:
            self.fail(f"{len(lost)} of {len(expected)} acknowledged messages lost on {topic}:{channel}, such as "
                      f"{sorted(lost)[:5]}; the server's log:\n{server.log[-3000:]}")
