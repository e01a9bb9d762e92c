"""A server process with a data directory and ports of its own."""

import atexit
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from .v2 import Client
from .waiting import DEADLINE_S, wait_until
from .web import Web

# A sanitizer's report fails the test even if the process went on and ended well.
SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")
_LISTENING = {
    "tcp": re.compile(r"TCP: listening on (\S+):(\d+)"),
    "http": re.compile(r"HTTP: listening on (\S+):(\d+)"),
    "https": re.compile(r"HTTPS: listening on (\S+):(\d+)"),
}


def raise_file_limit():
    """Lets this process, and the servers it starts, open as many files as it is allowed. Returns that number."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def binary():
    """The program under test, from the environment variable NSQD."""
    path = os.environ.get("NSQD")
    if not path or not os.access(path, os.X_OK):
        raise RuntimeError(f"NSQD must name the nsqd to test; it is {path!r}")
    return path


def is_stock():
    """Whether the program under test is the Go nsqd, against which these tests were written."""
    if "value" not in _known:
        version = subprocess.run([binary(), "--version"], capture_output=True, text=True, timeout=DEADLINE_S)
        _known["value"] = "built w/go" in version.stdout
    return _known["value"]


_known = {}


def is_sanitized():
    """Whether the program under test was built with a sanitizer."""
    if "sanitized" not in _known:
        with open(binary(), "rb") as program:
            content = program.read()
        _known["sanitized"] = any(name in content for name in (b"__asan_init", b"__tsan_init"))
    return _known["sanitized"]


def memory_limit(size):
    """`size` in bytes, and in sanitizer builds, which keep what was freed for a while, 512 MB more."""
    return size + (512 << 20 if is_sanitized() else 0)


def run_to_exit(*flags, cwd=None, deadline_s=DEADLINE_S):
    """Runs the program with only these flags until it exits by itself. Returns (exit code, stdout, stderr)."""
    done = subprocess.run([binary(), *flags], capture_output=True, text=True, timeout=deadline_s, cwd=cwd)
    check_sanitizers(done.stderr)
    return done.returncode, done.stdout, done.stderr


def check_sanitizers(text):
    for report in SANITIZER_REPORTS:
        if report in text:
            raise AssertionError(f"sanitizer report in the server's output:\n{text[-20000:]}")


def cpu_s(pid):
    """User and system time a process has spent so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """Starts at once; stop() checks that it ends well. Use it from one thread, which must outlive the process."""

    def __init__(self, *flags, data_path=None, addresses=True, deadline_s=DEADLINE_S, environment=None, ready=True,
                 program=None, files=None, names=None):
        """Waits until it listens, unless not `ready`: then it has no ports. `program` instead of the one in NSQD.
        It may have so many `files` open, connections among them. It sees these Names (names.py)."""
        program = program or binary()
        self._owns_data_path = data_path is None
        self.data_path = data_path or tempfile.mkdtemp(prefix="nsqd-test-")
        command = [program, f"--data-path={self.data_path}"]
        if addresses:
            command += ["--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0"]
        if files:
            command = ["prlimit", f"--nofile={files}:{files}", *command]
        if names:
            command = [*names.prefix, *command]
        # The kernel ends the server if the test itself is killed.
        command = ["setpriv", "--pdeathsig", "KILL", *command, *flags]
        self._lines = []
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env={**os.environ, **(environment or {})})
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        atexit.register(self.kill)
        if not ready:
            return
        try:
            self.tcp_port = self._port("tcp", deadline_s)
            self.http_port = self._port("http", deadline_s)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return "".join(self._lines)

    @property
    def log_lines(self):
        return list(self._lines)

    def alive(self):
        return self.process.poll() is None

    def client(self, magic=b"  V2", **kwargs):
        """A connection that has sent `magic`."""
        client = Client(self.tcp_port, **kwargs)
        if magic:
            client.send(magic)
        return client

    def connect(self):
        """A bare TCP connection."""
        return socket.create_connection(("127.0.0.1", self.tcp_port), timeout=DEADLINE_S)

    def web(self):
        return Web(self.http_port)

    def https_port(self):
        """Of a server with a certificate."""
        return self._port("https", DEADLINE_S)

    def stats(self, query=""):
        return self.web().json("GET", "/stats?format=json" + query)

    def topic(self, topic):
        """The topic's part of /stats, or None."""
        topics = self.stats(f"&include_mem=false&topic={topic.replace('#', '%23')}")["topics"] or []
        return topics[0] if topics else None

    def channel(self, topic, channel):
        """The channel's part of /stats, or None."""
        found = self.topic(topic)
        channels = [c for c in found["channels"] if c["channel_name"] == channel] if found else []
        return channels[0] if channels else None

    def wait_channel(self, topic, channel, **expected):
        """Waits until the channel's stats have these values. Returns its stats."""
        def matches():
            stats = self.channel(topic, channel)
            return stats if stats and all(stats[key] == value for key, value in expected.items()) else None
        try:
            return wait_until(matches, f"{topic}:{channel} {expected}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.channel(topic, channel)}") from None

    def rss_bytes(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("the server is gone")

    def cpu_s(self):
        return cpu_s(self.pid)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, deadline_s=DEADLINE_S):
        """Waits for the end of the process. Returns the exit code."""
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop within {deadline_s:g} s\n{self.log[-5000:]}") from None
        self._reader.join(DEADLINE_S)
        return code

    def stop(self, keep_data=False, deadline_s=DEADLINE_S):
        """Stops it with SIGTERM and checks that it ended well and no sanitizer complained."""
        died = not self.alive()
        if not died:
            self.terminate()
        code = self.wait(deadline_s)
        self._forget(keep_data)
        check_sanitizers(self.log)
        if died or code != 0:
            raise AssertionError(f"the server {'died' if died else 'stopped'} with code {code}\n{self.log[-20000:]}")

    def kill(self):
        """Ends it at once, without any check."""
        if self.alive():
            self.process.kill()
        self.process.wait()
        self._forget(keep_data=False)

    def _forget(self, keep_data):
        atexit.unregister(self.kill)
        if self._owns_data_path and not keep_data:
            shutil.rmtree(self.data_path, ignore_errors=True)

    def _collect(self):
        with self.process.stderr as stderr:
            for line in stderr:
                self._lines.append(line.decode("utf-8", "replace"))

    def _port(self, what, deadline_s):
        end = time.monotonic() + deadline_s

        def listening():
            match = _LISTENING[what].search(self.log)
            if match:
                return int(match.group(2))
            if not self.alive() and not self._reader.is_alive():
                raise AssertionError(f"the server did not start (code {self.process.returncode}):\n{self.log}")
            return None
        return wait_until(listening, f"{what} listening", end - time.monotonic())
