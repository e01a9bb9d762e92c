"""The replay: what a power cut can leave of a file and of names."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
from faultfs.names import Names  # noqa: E402
from faultfs.power_cut import EVERYTHING, NOTHING, Luck  # noqa: E402
from faultfs.stored_file import SECTOR, StoredFile  # noqa: E402

SEEDS = range(300)


def contents(file):
    return {file.content(Luck(seed)) for seed in SEEDS}


class File(unittest.TestCase):
    def test_a_sync_covers_what_was_written_before_it_began(self):
        file = StoredFile()
        file.write(0, 0, b"a" * SECTOR)
        file.write(10, SECTOR, b"b" * SECTOR)
        file.sync(covers=10)
        self.assertEqual(file.content(Luck(NOTHING)), b"a" * SECTOR)
        self.assertEqual(file.content(Luck(EVERYTHING)), b"a" * SECTOR + b"b" * SECTOR)
        file.sync(covers=20)
        self.assertEqual(contents(file), {b"a" * SECTOR + b"b" * SECTOR})

    def test_sectors_come_in_any_order_and_gaps_are_zeros(self):
        file = StoredFile()
        file.write(0, 0, b"a" * SECTOR + b"b" * SECTOR)
        found = contents(file)
        self.assertIn(bytes(SECTOR) + b"b" * SECTOR, found)
        self.assertIn(b"a" * SECTOR + bytes(SECTOR), found)
        self.assertIn(b"", found)
        self.assertTrue(any(0 < len(content) < SECTOR for content in found))

    def test_a_sector_has_any_version_since_the_sync(self):
        file = StoredFile(b"0" * 10)
        for position, byte in enumerate((b"1", b"2", b"3")):
            file.write(position, 0, byte * 10)
        self.assertEqual(contents(file), {byte * 10 for byte in (b"0", b"1", b"2", b"3")})

    def test_truncated_and_grown_again(self):
        file = StoredFile(b"x" * 1000)
        file.truncate(0, 100)
        file.truncate(10, 1000)
        self.assertEqual(file.content(Luck(NOTHING)), b"x" * 1000)
        self.assertEqual(file.content(Luck(EVERYTHING)), b"x" * 100 + bytes(900))
        file.sync(covers=20)
        self.assertEqual(contents(file), {b"x" * 100 + bytes(900)})

    def test_a_failed_sync_is_not_made_good_by_another(self):
        file = StoredFile()
        file.write(0, 0, b"a" * 10)
        file.sync_failed(covers=10)
        file.sync(covers=20)
        self.assertEqual(file.content(Luck(NOTHING)), bytes(10))
        file.write(30, 0, b"a" * 10)
        file.sync(covers=40)
        self.assertEqual(contents(file), {b"a" * 10})


class Directory(unittest.TestCase):
    def left(self, names):
        return {tuple(sorted(names.entries(Luck(seed)).items())) for seed in SEEDS}

    def test_each_change_may_be_there(self):
        names = Names()
        names.change(0, {("d", "a"): 1})
        names.change(10, {("d", "b"): 2})
        a, b = (("d", "a"), 1), (("d", "b"), 2)
        self.assertEqual(self.left(names), {(), (a,), (b,), (a, b)})
        names.sync("d", covers=10)
        self.assertEqual(self.left(names), {(a,), (a, b)})

    def test_changes_of_one_name_keep_their_order(self):
        names = Names()
        names.change(0, {("d", "new"): 1})
        names.change(10, {("d", "new"): None, ("d", "old"): 1})
        names.change(20, {("d", "new"): 2})
        first, moved, last = (("d", "new"), 1), (("d", "old"), 1), (("d", "new"), 2)
        self.assertEqual(self.left(names), {(), (first,), (moved,), (last, moved)})

    def test_a_move_needs_both_directories(self):
        names = Names()
        names.present("d", "a", 1)
        names.change(0, {("d", "a"): None, ("e", "a"): 1})
        names.sync("e", covers=10)
        self.assertEqual(self.left(names), {((("d", "a"), 1),), ((("e", "a"), 1),)})
        names.sync("d", covers=10)
        self.assertEqual(self.left(names), {((("e", "a"), 1),)})


if __name__ == "__main__":
    unittest.main(verbosity=2)
