#!/usr/bin/env python3
"""The guide of sdk/README.md, "From an empty folder", done word by word: its files are written, its commands given to
bash in that order, and what it shows as their output is compared with what they print.

Only this is replaced: /opt/nsqd by where the server is installed, its ports by free ones.

Environment: see installed.py."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import installed
from nsqtest import Server, main, run_to_exit

BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`([\w.]+)`:[^`]*$")
APPENDED = re.compile(r"At the end of `([\w.]+)`:\s*$")
RUN_SERVER = "/opt/nsqd/bin/nsqd "
DATA_PATH = "--data-path=$(mktemp -d) "


def dedent(block):
    """Without the list's indentation, which is that of the block's fence."""
    return re.sub(r"^ {3}", "", block, flags=re.MULTILINE)


def steps(text):
    """(what, name or None, content): what is "write", "append", "sh" or "text"."""
    text = text.split("## From an empty folder\n", 1)[1].split("\n## ", 1)[0]
    end = 0
    for block in BLOCK.finditer(text):
        before, end = text[end:block.start()], block.end()
        language, content = block.group(1), dedent(block.group(2))
        if language in ("sh", "text"):
            yield language, None, content
        elif appended := APPENDED.search(before):
            yield "append", appended.group(1), content
        else:
            yield "write", FILE.search(before).group(1), content


class Guide(unittest.TestCase):
    maxDiff = None
    server = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="nsq-guide-")
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        self.folder = self.root
        self.prefix = installed.install(self.root)
        self.environment = {**os.environ, "CXX": os.environ["NSQ_CXX"], "CXXFLAGS": os.environ["NSQ_CXX_FLAGS"]}
        self.environment.pop("NSQD")
        self.printed = None

    def start_server(self, command):
        self.assertTrue(command.startswith(RUN_SERVER + DATA_PATH), command)
        flags = command.removeprefix(RUN_SERVER + DATA_PATH).replace("$PWD", str(self.folder)).split()
        self.server = Server(*flags)
        self.addCleanup(self.server.kill)

    def give_to_bash(self, command):
        command = command.replace("/opt/nsqd", str(self.prefix))
        if self.server:
            command = re.sub(r"127\.0\.0\.1([:/])4150", rf"127.0.0.1\g<1>{self.server.tcp_port}", command)
            command = re.sub(r"127\.0\.0\.1([:/])4151", rf"127.0.0.1\g<1>{self.server.http_port}", command)
        done = subprocess.run(["bash", "-e", "-c", command + '\npwd > "$GUIDE_PWD"'], cwd=self.folder, text=True,
                              env={**self.environment, "GUIDE_PWD": str(self.root / "pwd")}, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}")
        self.folder = pathlib.Path((self.root / "pwd").read_text(encoding="utf-8").strip())
        self.printed = done.stdout

    def refuses_where_auth_is_required(self):
        """Whoever copies the protocol does not open a server with it."""
        with tempfile.TemporaryDirectory(prefix="nsqd-test-") as directory:
            code, _, stderr = run_to_exit(
                "--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0", f"--data-path={directory}",
                f"--plugin={self.folder / 'build/note.so'}", "--auth-http-address=127.0.0.1:1")
        self.assertEqual(code, 1, stderr)
        self.assertIn("NOTE has neither AUTH nor TLS, which are required", stderr)

    def test_every_step(self):
        done = []
        for what, name, content in steps((installed.SOURCE / "sdk/README.md").read_text(encoding="utf-8")):
            done.append(what)
            if what == "write":
                (self.folder / name).write_text(content, encoding="utf-8")
            elif what == "append":
                with open(self.folder / name, "a", encoding="utf-8") as file:
                    file.write(content)
            elif what == "text":
                # But for spaces at the end of lines, which a document does not show.
                self.assertEqual([line.rstrip() for line in self.printed.splitlines()], content.splitlines())
            elif content.startswith(RUN_SERVER):
                self.start_server(content)
            else:
                self.give_to_bash(content)
        self.assertEqual(done, "sh write write sh sh sh text sh text write append sh".split())
        self.assertIn("100% tests passed", self.printed)
        self.assertIn("note 1.0", self.server.log)
        self.server.stop()
        self.refuses_where_auth_is_required()
        self.assertEqual(installed.foreign_files(self.folder / "build"), [])

    def test_links_of_the_installed_guide_lead_somewhere(self):
        guide = next(self.prefix.glob("share/doc/*/sdk/README.md"))
        links = re.findall(r"\]\(([^)#:]+)\)", guide.read_text(encoding="utf-8"))
        self.assertTrue(links)
        for link in links:
            self.assertTrue((guide.parent / link).exists(), link)


if __name__ == "__main__":
    main()
