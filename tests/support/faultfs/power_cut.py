"""Builds what a power cut would have left of a data directory.

    python3 tests/support/faultfs/power_cut.py JOURNAL IMAGE [--seed=N] [--until=POSITION]
"""

import argparse
import os
import random
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from faultfs.disk import Disk  # noqa: E402
from faultfs.journal import read_journal  # noqa: E402

NOTHING, EVERYTHING = 0, 1


class Luck:
    """Which of the things that were not synced reached the disk. Seed NOTHING: none; EVERYTHING: all, as if there had
    been no cut; any other: some, at random."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        certain = {NOTHING: 0.0, EVERYTHING: 1.0}
        self._chance = certain[seed] if seed in certain else self._random.choice((0.1, 0.5, 0.9))

    def happens(self):
        return self._random.random() < self._chance

    def version(self, count):
        """Which of a sector's `count` versions: 0 is the synced one, `count` the last."""
        if not self.happens():
            return 0
        return count if self.happens() else self._random.randint(1, count)

    def size(self, durable, later):
        """A file's size, when it was `durable` and then each of `later`."""
        if not later or not self.happens():
            return durable
        return later[-1] if self.happens() else self._random.randint(min(durable, *later), max(durable, *later))


def build_image(journal, path, seed, until=None):
    """Makes the directory `path` as a power cut at the position `until` of the journal (its end) could leave it."""
    Disk(read_journal(journal, until)).build(path, Luck(seed))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("journal")
    parser.add_argument("image", help="a directory to make")
    parser.add_argument("--seed", type=int, default=NOTHING, help="0: only what was synced; 1: all; else: at random")
    parser.add_argument("--until", type=int, help="the position in the journal where the power goes (its end)")
    arguments = parser.parse_args()
    build_image(arguments.journal, arguments.image, arguments.seed, arguments.until)


if __name__ == "__main__":
    main()
