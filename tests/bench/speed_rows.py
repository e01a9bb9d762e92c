"""How fast messages go through, and how soon they come."""

import dataclasses
import os
import re
import shutil
import subprocess
import tempfile

from bench_server import all_in_memory, cpu_over, load, make_channels, rate_and_cpu, waiting_load
from nsqtest import Authority, wait_until
from storage_rows import MILLION

HTTP_S = 5
LATENCY_S = 5
FAN_OUT_DEADLINE_S = 300
IDLE_S = 40  # each connection has its heartbeat at least once


@dataclasses.dataclass
class Publish:
    """Of 200 B with `window` publishes ahead on each connection."""

    name: str
    title: str
    batch: int
    connections: int
    messages: int
    window: int = 1
    size: int = 200

    def run(self, contender):
        with contender.running() as server:
            return rate_and_cpu(load(server, "pub", self.messages, batch=self.batch, window=self.window, size=self.size,
                                     connections=self.connections))


@dataclasses.dataclass
class Consume:
    """A backlog of 200 B, in memory."""

    name: str
    title: str
    ready: int
    messages: int

    def run(self, contender):
        with contender.running(*all_in_memory(contender)) as server:
            make_channels(server, 1)
            load(server, "pub", self.messages)
            wait_until(lambda: server.channel("bench", "ch0")["depth"] == self.messages, "all wait in the channel")
            return rate_and_cpu(load(server, "sub", self.messages, channel="ch0", rdy=self.ready))


@dataclasses.dataclass
class Transport:
    """MPUBs of 200 x 200 B through TLS or compression, then publishing and consuming at once. The bodies are one byte
    again and again, which compresses well."""

    name: str
    title: str

    def run(self, contender):
        with tempfile.TemporaryDirectory(prefix="nsqd-bench-") as directory:
            certificate, key = Authority(directory).sign("server")
            flags = (f"--tls-cert={certificate}", f"--tls-key={key}")
            with contender.running(*flags) as server:
                make_channels(server, 1)
                both = rate_and_cpu(load(server, "both", MILLION, channel="ch0", transport=self.name))
            with contender.running(*flags) as server:
                publishing = rate_and_cpu(load(server, "pub", MILLION, transport=self.name))
        return {f"{what}: {metric}": value for what, result in (("publishing", publishing), ("and consuming at once", both))
                for metric, value in result.items()}


class Both:
    name = "both"
    title = "publishing and consuming at once, MPUB of 200 x 200 B"

    @staticmethod
    def run(contender):
        with contender.running() as server:
            make_channels(server, 1)
            return rate_and_cpu(load(server, "both", MILLION, channel="ch0"))


@dataclasses.dataclass
class Latency:
    """Of one publisher and one consumer with a client's default settings, unless it asks for no buffering."""

    name: str
    title: str
    rate: int
    unbuffered: bool = False

    def run(self, contender):
        with contender.running() as server:
            make_channels(server, 1)
            result = load(server, "latency", 0, channel="ch0", rate=self.rate, seconds=LATENCY_S, rdy=200,
                          unbuffered=str(self.unbuffered).lower())
            return {f"{until}, {name}": (result[key][part] / 1e6, "s")
                    for until, key in (("to its OK", "acknowledged_us"), ("to the consumer", "received_us"))
                    for name, part in (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"))}


@dataclasses.dataclass
class FanOut:
    """Until every channel has all messages. A stock server takes long for many: it gets fewer messages."""

    name: str
    title: str
    channels: int
    stock_messages: int

    def run(self, contender):
        messages = self.stock_messages if contender.is_stock else MILLION
        with contender.running(*all_in_memory(contender)) as server:
            make_channels(server, self.channels)
            with cpu_over(server) as spent:
                load(server, "pub", messages)
                wait_until(lambda: all(channel["depth"] == messages for channel in server.topic("bench")["channels"]),
                           "all channels have all", FAN_OUT_DEADLINE_S)
            return {"rate": (messages / spent.seconds, "/s"),
                    "server CPU a message": (spent.cpu_s * 1e6 / messages, "µs")}


@dataclasses.dataclass
class Idle:
    name: str
    title: str
    connections: int

    def run(self, contender):
        with contender.running() as server:
            make_channels(server, 1)
            before = server.rss_bytes()
            with waiting_load(server, "idle", connections=self.connections, channel="ch0", rdy=1):
                with cpu_over(server, IDLE_S) as spent:
                    pass
                after = server.rss_bytes()
            return {"memory a connection": ((after - before) / self.connections / 1024, "KB"),
                    "CPU": (spent.cpu_s / spent.seconds * 100, "% of a core")}


@dataclasses.dataclass
class Http:
    name: str
    title: str
    target: str
    connections: int
    lines: int  # of 100 B, each a message; none is a GET

    def run(self, contender):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "post.lua")
        post = ["-s", script] if self.lines else []
        with contender.running() as server:
            make_channels(server, 0)
            url = f"http://127.0.0.1:{server.http_port}{self.target}"
            with cpu_over(server) as spent:
                done = subprocess.run(["wrk", "-t1", f"-c{self.connections}", f"-d{HTTP_S}s", *post, url,
                                       "--", str(self.lines), "100"], stdout=subprocess.PIPE, text=True, check=True)
            requests = int(re.search(r"(\d+) requests in", done.stdout)[1])
            if "Non-2xx" in done.stdout:
                raise RuntimeError(done.stdout)
            if server.topic("bench")["message_count"] < requests * self.lines:
                raise RuntimeError("fewer messages than requests")
            return {"requests": (float(re.search(r"Requests/sec: +([\d.]+)", done.stdout)[1]), "/s"),
                    "server CPU a request": (spent.cpu_s * 1e6 / requests, "µs")}


ROWS = [
    Publish("pub-1", "PUB one by one of 200 B, 1 connection", 1, 1, 50_000),
    Publish("pub-2", "the same, 2 connections", 1, 2, 100_000),
    Publish("pub-16", "the same, 16 connections", 1, 16, 200_000),
    Publish("pub-256", "the same, 256 connections", 1, 256, 200_000),
    Publish("mpub-20", "MPUB of 20 x 200 B, 2 connections", 20, 2, MILLION, window=8),
    Publish("mpub-16", "MPUB of 200 x 200 B, 16 connections", 200, 16, MILLION, window=8),
    Publish("mpub-256", "MPUB of 200 x 200 B, 256 connections", 200, 256, MILLION, window=2),
    Publish("mpub-100b", "MPUB of 200 x 100 B, 2 connections", 200, 2, MILLION, window=8, size=100),
    Publish("mpub-4k", "MPUB of 200 x 4 KB, 2 connections", 200, 2, 200_000, window=2, size=4096),
    Publish("mpub-64k", "MPUB of 20 x 64 KB, 2 connections", 20, 2, 20_000, window=2, size=65536),
    Consume("sub", "consuming a backlog of 200 B, RDY 2500, stock with all in memory", 2500, MILLION),
    Consume("sub-100", "the same, RDY 100", 100, MILLION),
    Consume("sub-1", "the same, RDY 1", 1, 100_000),
    Both,
    Transport("tls", "MPUB of 200 x 200 B over TLS"),
    Transport("snappy", "MPUB of 200 x 200 B with snappy"),
    Transport("deflate", "MPUB of 200 x 200 B with deflate"),
    Latency("latency-1k", "1,000/s of 200 B, default settings", 1000),
    Latency("latency-1k-unbuffered", "1,000/s, output_buffer_size -1", 1000, unbuffered=True),
    Latency("latency-10k", "10,000/s of 200 B, default settings", 10_000),
    Latency("latency-10k-unbuffered", "10,000/s, output_buffer_size -1", 10_000, unbuffered=True),
    Latency("latency-100k", "100,000/s of 200 B, default settings", 100_000),
    FanOut("fanout-1", "MPUB of 200 x 200 B until all are available to 1 channel", 1, MILLION),
    FanOut("fanout-10", "the same, 10 channels", 10, 200_000),
    FanOut("fanout-100", "the same, 100 channels", 100, 50_000),
    Idle("idle-1k", "1,000 idle subscriptions, heartbeats every 30 s", 1000),
    Idle("idle", "10,000 idle subscriptions, heartbeats every 30 s", 10_000),
]
if shutil.which("wrk"):
    ROWS += [
        Http("http-ping", "HTTP /ping, 16 connections", "/ping", 16, 0),
        Http("http-pub-1", "HTTP /pub of 100 B, 1 connection", "/pub?topic=bench", 1, 1),
        Http("http-pub", "the same, 16 connections", "/pub?topic=bench", 16, 1),
        Http("http-pub-256", "the same, 256 connections", "/pub?topic=bench", 256, 1),
        Http("http-mpub", "HTTP /mpub of 100 x 100 B, 16 connections", "/mpub?topic=bench", 16, 100),
    ]
