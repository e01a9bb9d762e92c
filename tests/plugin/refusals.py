#!/usr/bin/env python3
"""Each bad plugin stops the start of a real nsqd: one line that names the file and the reason, an exit code other
than 0, no crash. The exact reasons are in tests/unit/plugin; these are parts of them.

Environment: NSQD, the program; NSQ_TEST_PLUGINS, the directory of the plugins made for the tests."""

import os
import pathlib
import re
import tempfile
import unittest

from nsqtest import main, run_to_exit

PLUGINS = pathlib.Path(os.environ["NSQ_TEST_PLUGINS"])
GOOD = PLUGINS / "good.so"

REASONS = {
    "changing_descriptor": "its descriptor in memory is not the one in the file",
    "duplicate_magic": '"  V2"',
    "duplicate_route": "GET /ping",
    "endless_name": 'has the name "nnn',
    "factory_null": "its factory returned no plugin",
    "factory_throws": "its factory failed: no luck today",
    "fallback_without_http": "the fallback needs the kind HTTP (0x2), has kind 0x1",
    "kind_none": "has kind 0x0, needs",
    "kind_unknown": "has kind 0x41, needs",
    "newer_minor": "built with SDK 1.2, needs SDK 1.1",
    "no_descriptor": "exports no nsq_plugin_descriptor, needs one",
    "no_factory": "exports no nsq_plugin_factory, needs one",
    "no_name": 'has the name "", needs',
    "null_handler": "route GET /none needs a handler, has none",
    "null_protocol": 'protocol magic "NONE" needs a protocol, has none',
    "plain_factory": "its nsq_plugin_factory is not a Boost.DLL alias",
    "protocol_without_kind": 'protocol magic "SNKY" needs the kind protocol (0x1), has kind 0x2',
    "route_without_http": "route GET /sneaky needs the kind HTTP (0x2), has kind 0x1",
    "short_descriptor": "its nsq_plugin_descriptor is not constant data",
    "start_error": "start failed: the moon is missing",
    "start_throws": "start failed: Runtime exception: thrown in start",
    "unresolved_symbol": "cannot be loaded: undefined symbol: nsq_test_function_that_is_nowhere",
    "wrong_fingerprint": 'built as "Kompiler ',
    "wrong_magic_number": "descriptor has magic number 0x0000000000001234, needs",
    "wrong_major": "built with SDK 2.1, needs SDK 1.1",
    "wrong_size": "descriptor has 100 bytes, needs",
}

# What the server says while nothing is wrong.
_QUIET = re.compile(r"^\[nsqd\] \S+ \S+ (DEBUG|INFO|WARNING): ")


class Refusals(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="nsqd-test-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def refused(self, file, reason, before=()):
        """Starts nsqd with the plugins `before` and then `file`."""
        code, _, stderr = run_to_exit(
            "--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0", f"--data-path={self.directory}",
            *(f"--plugin={plugin}" for plugin in (*before, file)))
        errors = [line for line in stderr.splitlines() if line and not _QUIET.match(line)]
        self.assertEqual(len(errors), 1, stderr)
        self.assertIn(f"plugin {file}: ", errors[0])
        self.assertIn(reason, errors[0])
        self.assertGreater(code, 0, stderr)
        self.assertNotEqual(code, 77, "code of a refused plugin was run")

    def write(self, content):
        file = self.directory / "written.so"
        file.write_bytes(content)
        return file

    def test_a_name_that_is_taken(self):
        self.refused(PLUGINS / "duplicate_name.so", f'has the name "good", which {GOOD} has already', before=[GOOD])

    def test_a_magic_of_another_plugin(self):
        self.refused(PLUGINS / "twin.so", "(plugin good has it)", before=[GOOD])

    def test_a_missing_file(self):
        self.refused(self.directory / "none.so", "no such file")

    def test_a_name_without_a_file(self):
        self.refused("no_plugin_of_this_name", "no such file")

    def test_a_directory(self):
        self.refused(self.directory, "is a directory, not an ELF shared object")

    def test_an_empty_file(self):
        self.refused(self.write(b""), "not an ELF shared object: the file is empty")

    def test_a_file_that_is_not_elf(self):
        self.refused(self.write(b"#!/bin/sh\nexit 0\n"), "not an ELF shared object")

    def test_a_truncated_file(self):
        self.refused(self.write(GOOD.read_bytes()[:20000]), "truncated or damaged ELF file")

    def test_a_program(self):
        self.refused(os.environ["NSQD"], "exports no nsq_plugin_descriptor")


def _refusal_test(name, reason):
    return lambda self: self.refused(PLUGINS / f"{name}.so", reason)


for _name, _reason in REASONS.items():
    setattr(Refusals, f"test_{_name}", _refusal_test(_name, _reason))


if __name__ == "__main__":
    main()
