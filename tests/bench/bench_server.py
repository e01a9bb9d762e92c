"""Servers to be measured, and what can be measured of them."""

import atexit
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import types

from nsqtest import Server
from nsqtest.server import binary

IN_MEMORY = "--mem-queue-size=10000000"
# Servers with millions of messages take their time.
DEADLINE_S = 600
IDLE_S = 10
# Until then everything is saved and synced, and quiet topics have let go of their memory.
SETTLE_S = 10


class Contender:
    """A server program, and how it is started."""

    def __init__(self, name, program, is_stock):
        self.name, self.program, self.is_stock = name, program, is_stock

    def start(self, *flags, data_path, **options):
        return Server(*flags, data_path=data_path, program=self.program, deadline_s=DEADLINE_S, **options)

    def measure(self, row):
        """Returns {metric: (value, unit)}."""
        return row.run(self)

    @contextlib.contextmanager
    def running(self, *flags):
        """A server with a data directory of its own."""
        with data_directory() as path:
            server = self.start(*flags, data_path=path)
            try:
                yield server
            finally:
                server.kill()


@contextlib.contextmanager
def data_directory(until_the_end=False):
    """A new directory, removed afterwards, or at the end of the program."""
    path = tempfile.mkdtemp(prefix="nsqd-bench-")
    if until_the_end:
        atexit.register(shutil.rmtree, path, ignore_errors=True)
    try:
        yield path
    finally:
        if not until_the_end:
            shutil.rmtree(path, ignore_errors=True)


def load_program():
    return os.path.join(os.path.dirname(binary()), "nsq_load")


def check_programs():
    """RuntimeError: something that is needed has not been built."""
    if not os.access(load_program(), os.X_OK):
        raise RuntimeError(f"{load_program()} is missing: build with -DBENCH=ON")


def all_in_memory(contender):
    """Flags for rows in which a stock server has everything in memory."""
    return (IN_MEMORY,) if contender.is_stock else ()


def load_command(server, mode, options):
    return [load_program(), mode, f"--port={server.tcp_port}", f"--http-port={server.http_port}", f"--pid={server.pid}",
            *(f"--{name.replace('_', '-')}={value}" for name, value in options.items())]


def load(server, mode, messages, **options):
    """Runs nsq_load. Returns what it printed."""
    command = load_command(server, mode, {"messages": messages, **options})
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


@contextlib.contextmanager
def background_load(server, mode, **options):
    """nsq_load, which goes on until the body ends."""
    with subprocess.Popen(load_command(server, mode, options), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def waiting_load(server, mode, **options):
    """nsq_load in a mode that says when it is ready, and then goes on until the body ends."""
    with background_load(server, mode, **options) as process:
        if not process.stdout.readline():
            raise RuntimeError(f"nsq_load {mode} failed")
        yield process


def rate_and_cpu(result):
    return {"rate": (result["rate"], "/s"), "server CPU a message": (result["server_cpu_us"], "µs")}


def make_channels(server, count, topic="bench"):
    """Channels ch0, ch1, ..."""
    server.web().do("topic/create", topic)
    for number in range(count):
        server.web().do("channel/create", topic, f"ch{number}")


@contextlib.contextmanager
def cpu_over(server, at_least_s=0):
    """What the body takes: gives an object that has `seconds` and `cpu_s` afterwards."""
    spent = types.SimpleNamespace()
    cpu, began = server.cpu_s(), time.monotonic()
    yield spent
    time.sleep(max(0, began + at_least_s - time.monotonic()))
    spent.seconds, spent.cpu_s = time.monotonic() - began, server.cpu_s() - cpu


def stop_s(server):
    began = time.monotonic()
    server.terminate()
    server.wait(DEADLINE_S)
    return time.monotonic() - began


def idle_cpu(server):
    """Percent of a core, once what came before has settled."""
    time.sleep(SETTLE_S)
    with cpu_over(server, IDLE_S) as spent:
        pass
    return spent.cpu_s / spent.seconds * 100


def disk_bytes(path):
    return sum(os.stat(os.path.join(directory, name)).st_blocks * 512
               for directory, _, names in os.walk(path) for name in names)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def first_delivery_s(contender, path, topic="bench", channel="ch0"):
    """Starts a server that has messages, and ends it. Returns how long it took until one was delivered."""
    port = free_port()
    began = time.monotonic()
    server = contender.start("--http-address=127.0.0.1:0", f"--tcp-address=127.0.0.1:{port}", data_path=path,
                             addresses=False, ready=False)
    try:
        with connect(port, began + DEADLINE_S) as connection:
            connection.sendall(f"  V2SUB {topic} {channel}\nRDY 1\n".encode())
            received = b""
            while len(received) <= 10:  # the answer to SUB
                received += connection.recv(65536)
            return time.monotonic() - began
    finally:
        server.kill()


def connect(port, until):
    """A connection, as soon as somebody listens."""
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.0005)
