"""A nats-server to compare with: core publish and subscribe, which stores and acknowledges nothing. Its load is `nats bench`
of its own command line tool."""

import contextlib
import re
import shutil
import subprocess
import time

from bench_server import connect, cpu_over, free_port
from nsqtest.server import cpu_s
from nsqtest.waiting import DEADLINE_S

# What comes nearest to nsq_load's rows: clients, messages, and the line with the rate.
BENCHES = {"mpub": (("--pub=2",), 3_000_000, "Pub stats"),
           "both": (("--pub=2", "--sub=1"), 1_000_000, "Sub stats")}
SIZE = 200


class NatsContender:
    name = "nats-server"

    def __init__(self, program):
        self.program = program
        if not shutil.which("nats"):
            raise RuntimeError("--nats needs `nats` in PATH: github.com/nats-io/natscli")

    def measure(self, row):
        """Nothing for rows that it has no counterpart of."""
        if row.name not in BENCHES:
            return {}
        clients, messages, line = BENCHES[row.name]
        with self.running() as server, cpu_over(server) as spent:
            done = subprocess.run(["nats", f"--server=nats://127.0.0.1:{server.port}", "bench", "bench", *clients,
                                   f"--size={SIZE}", f"--msgs={messages}", "--no-progress"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
        rate = re.search(rf"{line}: ([\d,]+) msgs/sec", done.stdout)[1]
        return {"rate": (float(rate.replace(",", "")), "/s"), "server CPU a message": (spent.cpu_s * 1e6 / messages, "µs")}

    @contextlib.contextmanager
    def running(self):
        process = NatsProcess(self.program)
        try:
            yield process
        finally:
            process.end()


class NatsProcess:
    def __init__(self, program):
        self.port = free_port()
        self.process = subprocess.Popen([program, "--addr=127.0.0.1", f"--port={self.port}"], stderr=subprocess.DEVNULL)
        connect(self.port, time.monotonic() + DEADLINE_S).close()

    def cpu_s(self):
        return cpu_s(self.process.pid)

    def end(self):
        self.process.kill()
        self.process.wait()
