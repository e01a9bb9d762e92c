#!/usr/bin/env python3
"""Plugins, the V2 protocol and the SDK itself include nothing of the server but their own folder's files and nsq/sdk;
lookupd has the shapes of its answers from http_api.

Environment: NSQ_SOURCE_DIR."""

import os
import pathlib
import re
import unittest

from nsqtest import main

SOURCE = pathlib.Path(os.environ["NSQ_SOURCE_DIR"])
SERVER = SOURCE / "server"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
FOLDERS = [*sorted(folder for folder in (SOURCE / "plugins").iterdir() if folder.is_dir()),
           SERVER / "protocol/v2", SOURCE / "sdk"]
SHARED = {SOURCE / "plugins/lookupd": [SOURCE / "plugins/http_api"]}  # other plugins' folders, by who uses them


def meant(file, quote, name):
    """The file of this tree that is included, or None for one of the system's. What lies in server/ wins."""
    beside = [file.parent / name, *(folder / name for folder in SHARED.get(file.parent, ()))] if quote == '"' else []
    for candidate in (SERVER / name, *beside, SOURCE / "sdk/include" / name, SOURCE / "plugins" / name):
        if candidate.is_file():
            return candidate.resolve()
    return None


def is_allowed(folder, file, quote, name):
    if (folder / "include" / name).is_file() or name.startswith("nsq/sdk/"):
        return True
    target = meant(file, quote, name)
    if target is None:
        return quote == "<"
    return any(target.is_relative_to(each.resolve()) for each in (folder, *SHARED.get(folder, ())))


class Includes(unittest.TestCase):
    maxDiff = None

    def test_nothing_private_is_included(self):
        for folder in FOLDERS:
            with self.subTest(folder=folder.relative_to(SOURCE)):
                files = [file for file in folder.rglob("*") if file.suffix in (".h", ".cpp")]
                self.assertTrue(files)
                wrong = []
                for file in files:
                    for quote, name in INCLUDE.findall(file.read_text(encoding="utf-8")):
                        if not is_allowed(folder, file, quote, name):
                            wrong.append(f"{file.relative_to(SOURCE)} includes {name}")
                self.assertEqual(wrong, [])

    def test_nothing_of_the_server_lies_where_the_sdk_is_included_from(self):
        # A folder nsq/ in server/ would be found by an include of nsq/sdk/.
        self.assertFalse((SERVER / "nsq").exists())


if __name__ == "__main__":
    main()
