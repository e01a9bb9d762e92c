"""The library itself: what it records, what it replays, what it makes fail.

    FAULTFS=build/tests/libfaultfs.so FAULTFS_EVERY_CALL=build/bin/faultfs_every_call \\
        python3 tests/support/faultfs/selftest/test_faultfs.py
"""

import errno
import filecmp
import os
import select
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", ".."))
from faultfs import Faults, available, build_image  # noqa: E402
from faultfs.power_cut import EVERYTHING, NOTHING  # noqa: E402
from nsqtest import wait_until  # noqa: E402
from toy_writer import RECORD, record  # noqa: E402

# What a child does with its argument, a directory; it prints each call's result.
TRY = """
import errno, os, sys
def tried(call, *arguments):
    try:
        result = call(*arguments)
        print("ok" if result is None else result)
    except OSError as error:
        print(errno.errorcode[error.errno])
    sys.stdout.flush()
here = sys.argv[1] + "/"
fd = os.open(here + "file", os.O_CREAT | os.O_RDWR)
print("ready", flush=True)
for line in sys.stdin:
    tried(*eval(line))
"""


class FaultFs(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="faultfs-test-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.data = os.path.join(self.directory, "data")
        os.mkdir(self.data)
        self.images = 0

    def faults(self, record):
        faults = Faults(self.data, record)
        self.addCleanup(faults.close)
        return faults

    def start(self, faults, *command):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   env={**os.environ, **faults.environment})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        return process

    def image(self, faults, seed, until=None):
        self.images += 1
        path = os.path.join(self.directory, f"image{self.images}")
        build_image(faults.journal, path, seed, until)
        return path


class Replay(FaultFs):
    def assert_same_tree(self, one, other):
        compared = filecmp.dircmp(one, other)
        self.assertFalse(compared.left_only + compared.right_only)
        _, different, unreadable = filecmp.cmpfiles(one, other, compared.common_files, shallow=False)
        self.assertFalse(different + unreadable)
        for name in compared.common_dirs:
            self.assert_same_tree(os.path.join(one, name), os.path.join(other, name))

    def run_every_call(self, faults, where):
        subprocess.run([os.environ["FAULTFS_EVERY_CALL"], where], check=True,
                       env={**os.environ, **faults.environment})

    def test_all_that_was_done_is_the_directory(self):
        faults = self.faults(record=True)
        self.run_every_call(faults, os.path.join(self.data, "first"))
        self.assertGreater(len(os.listdir(os.path.join(self.data, "first"))), 4)
        self.assert_same_tree(self.data, self.image(faults, EVERYTHING))
        # A second process goes on with the journal of the first.
        self.run_every_call(faults, os.path.join(self.data, "second"))
        self.assert_same_tree(self.data, self.image(faults, EVERYTHING))

    def test_what_was_there_before_is_durable(self):
        os.makedirs(os.path.join(self.data, "old", "er"))
        with open(os.path.join(self.data, "old", "er", "file"), "wb") as file:
            file.write(b"kept" * 1000)
        before = os.path.join(self.directory, "before")
        shutil.copytree(self.data, before)
        faults = self.faults(record=True)
        self.run_every_call(faults, os.path.join(self.data, "new"))
        shutil.rmtree(os.path.join(self.data, "old"))
        self.assert_same_tree(before, self.image(faults, NOTHING))

    def test_every_seed_and_moment_gives_an_image(self):
        faults = self.faults(record=True)
        self.run_every_call(faults, os.path.join(self.data, "first"))
        for seed in range(40):
            self.image(faults, seed, until=seed * faults.recorded() // 40)


class ToyWriter(FaultFs):
    """Programs that keep their word over a power cut, and programs that do not."""

    def lost(self, habit, *rules):
        """Runs a toy until it has acknowledged 100 records. Returns how many of them each of 30 images lacks."""
        faults = self.faults(record=True)
        path = os.path.join(self.data, "topic", "log")
        process = self.start(faults, sys.executable, os.path.join(HERE, "toy_writer.py"), path, habit)
        acknowledged = []
        for line in process.stdout:
            acknowledged.append((int(line), faults.recorded()))
            if len(acknowledged) == 10:
                faults.set(*rules)
            if len(acknowledged) == 100:
                break
        process.kill()
        process.wait()
        return [self.missing(faults, seed, acknowledged) for seed in range(30)]

    def missing(self, faults, seed, acknowledged):
        until = acknowledged[-1 - seed][1]
        found = os.path.join(self.image(faults, seed, until), "topic", "log")
        content = b""
        if os.path.exists(found):
            with open(found, "rb") as file:
                content = file.read()
        return sum(1 for number, position in acknowledged
                   if position <= until and content[number * RECORD:(number + 1) * RECORD] != record(number))

    def test_one_that_syncs_never_loses(self):
        self.assertEqual(self.lost("syncs"), [0] * 30)

    def test_one_that_forgets_the_file_loses(self):
        lost = self.lost("forgets-file")
        self.assertEqual((lost[NOTHING] > 50, lost[EVERYTHING]), (True, 0))
        self.assertGreater(sum(1 for count in lost if count), 20, lost)
        self.assertGreater(len(set(lost)), 5, "images differ")

    def test_one_that_forgets_the_directory_loses_all(self):
        lost = self.lost("forgets-directory")
        self.assertEqual((lost[NOTHING] > 50, lost[EVERYTHING]), (True, 0))

    def test_one_that_only_repeats_a_failed_sync_loses(self):
        self.assertGreater(self.lost("retries-sync", "sync EIO every=2")[NOTHING], 20)


class Errors(FaultFs):
    def setUp(self):
        super().setUp()
        self.control = self.faults(record=False)
        self.child = self.start(self.control, sys.executable, "-c", TRY, self.data)
        self.assertEqual(self.child.stdout.readline(), "ready\n")

    def tried(self, call):
        self.child.stdin.write(call + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()

    def test_each_kind_of_call(self):
        calls = {
            "write": ("os.write, fd, b'x'", "os.pwrite, fd, b'x', 0", "os.writev, fd, [b'x']"),
            "read": ("os.read, fd, 1", "os.pread, fd, 1, 0"),
            "sync": ("os.fsync, fd", "os.fdatasync, fd"),
            "truncate": ("os.ftruncate, fd, 10", "os.truncate, here + 'file', 10"),
            "allocate": ("os.posix_fallocate, fd, 0, 10",),
            "look": ("os.open, here + 'file', os.O_RDONLY",),
            "open": ("os.open, here + 'file', 0", "os.open, here + 'new', os.O_CREAT"),
            "create": ("os.open, here + 'newer', os.O_CREAT",),
            "mkdir": ("os.mkdir, here + 'directory'",),
            "rename": ("os.rename, here + 'new', here + 'renamed'",),
            "unlink": ("os.unlink, here + 'renamed'", "os.rmdir, here + 'directory'"),
        }
        for kind, all_calls in calls.items():
            for call in all_calls:
                with self.subTest(call=call):
                    self.control.set(f"{kind} EIO")
                    self.assertEqual(self.tried(call), "EIO")
                    self.control.set(*(f"{other} EIO" for other in calls if other not in (kind, "look", "open", "create")))
                    self.assertNotIn(self.tried(call), errno.errorcode.values())
            self.control.clear()

    def test_every_third(self):
        self.control.set("write ENOSPC every=3")
        self.assertEqual([self.tried("os.write, fd, b'x'") for _ in range(6)], ["1", "1", "ENOSPC"] * 2)

    def test_twice(self):
        self.control.set("write ENOSPC every=2 times=2")
        self.assertEqual([self.tried("os.write, fd, b'x'") for _ in range(6)], ["1", "ENOSPC"] * 2 + ["1", "1"])

    def test_short_writes(self):
        self.control.set("write SHORT")
        self.assertEqual(self.tried("os.write, fd, b'x' * 100"), "50")
        self.assertEqual(self.tried("os.write, fd, b'x'"), "1")

    def test_room_ends_within_a_write(self):
        self.control.set("write ENOSPC room=150")
        self.assertEqual([self.tried("os.write, fd, b'x' * 100") for _ in range(3)], ["100", "50", "ENOSPC"])

    def test_a_held_call_waits_for_other_rules(self):
        sync, look = "os.fsync, fd\n", "os.path.getsize, os.open(here + 'file', 0)\n"
        for call, rules, expected in ((sync, ["sync HOLD"], "ok"), (sync, ["sync HOLD", "sync EIO"], "EIO"),
                                      (look, ["look HOLD"], "0")):
            self.control.set(*rules)
            self.child.stdin.write(call)
            self.child.stdin.flush()
            wait_until(self.control.is_holding, "it is held")
            self.assertFalse(select.select([self.child.stdout], [], [], 0)[0])
            self.control.clear()
            self.assertEqual(self.child.stdout.readline().strip(), expected)
        self.assertFalse(self.control.is_holding())

    def test_only_below_the_data_directory(self):
        self.control.set("write,open,sync,mkdir EIO")
        self.assertEqual(self.tried(f"os.mkdir, {self.directory!r} + '/elsewhere'"), "ok")
        self.assertNotEqual(self.tried(f"os.open, {self.directory!r} + '/other', os.O_CREAT"), "EIO")

    def test_what_could_not_be_recorded_is_refused(self):
        self.assertEqual(self.tried("os.link, here + 'file', here + 'link'"), "EPERM")
        self.assertEqual(self.tried("os.symlink, 'file', here + 'link'"), "EPERM")
        self.assertEqual(self.tried(f"os.rename, {self.directory!r}, here + 'directory'"), "EXDEV")


if __name__ == "__main__":
    if not available():
        print("SKIPPED: FAULTFS does not name the library")
        sys.exit(77)
    unittest.main(verbosity=2)
