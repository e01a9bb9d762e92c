"""How fast messages go through, and how soon they come."""

import os
import re
import shutil
import subprocess

from bench_server import cpu_over, load, load_program, make_channels, rate_and_cpu
from nsqtest import wait_until
from storage_rows import IN_MEMORY, MILLION

HTTP_S = 5
LATENCY_S = 5
FAN_OUT_DEADLINE_S = 300


class Pub:
    """Each connection waits for the answer to one message before it sends the next."""

    NAME = "pub-2"
    TITLE = "PUB one by one of 200 B, 2 connections"
    CONNECTIONS = 2
    MESSAGES = 100_000

    @classmethod
    def run(cls, contender):
        with contender.running() as server:
            return rate_and_cpu(load(server, "pub", cls.MESSAGES, batch=1, window=1, connections=cls.CONNECTIONS))


class PubMany(Pub):
    NAME = "pub-256"
    TITLE = "the same, 256 connections"
    CONNECTIONS = 256
    MESSAGES = 200_000


class PubLarge:
    NAME = "mpub-64k"
    TITLE = "MPUB of 20 x 64 KB"

    @staticmethod
    def run(contender):
        with contender.running() as server:
            return rate_and_cpu(load(server, "pub", 20_000, batch=20, size=65536, window=2))


class Sub:
    NAME = "sub"
    TITLE = "consuming a backlog of 200 B, RDY 2500, stock with all in memory"
    READY = 2500
    MESSAGES = MILLION

    @classmethod
    def run(cls, contender):
        with contender.running(*((IN_MEMORY,) if contender.is_stock else ())) as server:
            make_channels(server, 1)
            load(server, "pub", cls.MESSAGES)
            wait_until(lambda: server.channel("bench", "ch0")["depth"] == cls.MESSAGES, "all wait in the channel")
            return rate_and_cpu(load(server, "sub", cls.MESSAGES, channel="ch0", rdy=cls.READY))


class SubOne(Sub):
    NAME = "sub-1"
    TITLE = "the same, RDY 1"
    READY = 1
    MESSAGES = 100_000


class Both:
    NAME = "both"
    TITLE = "publishing and consuming at once, MPUB of 200 x 200 B"

    @staticmethod
    def run(contender):
        with contender.running() as server:
            make_channels(server, 1)
            return rate_and_cpu(load(server, "both", MILLION, channel="ch0"))


class Latency:
    """Of one publisher and one consumer with a client's default settings."""

    NAME = "latency-1k"
    TITLE = "1,000/s of 200 B, default settings"
    RATE = 1000
    OPTIONS = {}

    @classmethod
    def run(cls, contender):
        with contender.running() as server:
            make_channels(server, 1)
            result = load(server, "latency", 0, channel="ch0", rate=cls.RATE, seconds=LATENCY_S, rdy=200, **cls.OPTIONS)
            return {f"{until}, {name}": (result[key][part] / 1e6, "s")
                    for until, key in (("to its OK", "acknowledged_us"), ("to the consumer", "received_us"))
                    for name, part in (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"))}


class LatencyUnbuffered(Latency):
    NAME = "latency-1k-unbuffered"
    TITLE = "1,000/s, output_buffer_size -1"
    OPTIONS = {"unbuffered": "true"}


class LatencyFast(Latency):
    NAME = "latency-10k"
    TITLE = "10,000/s of 200 B, default settings"
    RATE = 10_000


class LatencyFastUnbuffered(LatencyFast):
    NAME = "latency-10k-unbuffered"
    TITLE = "10,000/s, output_buffer_size -1"
    OPTIONS = {"unbuffered": "true"}


class LatencyFastest(Latency):
    NAME = "latency-100k"
    TITLE = "100,000/s of 200 B, default settings"
    RATE = 100_000


class FanOut:
    """Until every channel has all messages."""

    NAME = "fanout-1"
    TITLE = "MPUB of 200 x 200 B until all are available to 1 channel"
    CHANNELS = 1
    MESSAGES = {True: MILLION, False: MILLION}

    @classmethod
    def run(cls, contender):
        messages = cls.MESSAGES[contender.is_stock]
        with contender.running(*((IN_MEMORY,) if contender.is_stock else ())) as server:
            make_channels(server, cls.CHANNELS)
            with cpu_over(server) as spent:
                load(server, "pub", messages)
                wait_until(lambda: all(channel["depth"] == messages for channel in server.topic("bench")["channels"]),
                           "all channels have all", FAN_OUT_DEADLINE_S)
            return {"rate": (messages / spent.seconds, "/s"),
                    "server CPU a message": (spent.cpu_s * 1e6 / messages, "µs")}


class FanOutTen(FanOut):
    NAME = "fanout-10"
    TITLE = "the same, 10 channels"
    CHANNELS = 10
    MESSAGES = {True: 200_000, False: MILLION}


class FanOutHundred(FanOut):
    NAME = "fanout-100"
    TITLE = "the same, 100 channels"
    CHANNELS = 100
    MESSAGES = {True: 50_000, False: MILLION}


class Idle:
    NAME = "idle"
    TITLE = "10,000 idle subscriptions, heartbeats every 30 s"
    CONNECTIONS = 10_000
    SECONDS = 40  # each connection has its heartbeat at least once

    @classmethod
    def run(cls, contender):
        with contender.running() as server:
            make_channels(server, 1)
            before = server.rss_bytes()
            command = [load_program(), "idle", f"--port={server.tcp_port}", f"--connections={cls.CONNECTIONS}",
                       "--topic=bench", "--channel=ch0", "--rdy=1"]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as clients:
                clients.stdout.readline()
                with cpu_over(server, cls.SECONDS) as spent:
                    pass
                after = server.rss_bytes()
                clients.stdin.close()
            return {"memory a connection": ((after - before) / cls.CONNECTIONS / 1024, "KB"),
                    "CPU": (spent.cpu_s / spent.seconds * 100, "% of a core")}


class Http:
    NAME = "http-pub"
    TITLE = "HTTP /pub of 100 B, 16 connections"
    TARGET = "/pub?topic=bench"
    LINES = 1

    @classmethod
    def run(cls, contender):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "post.lua")
        with contender.running() as server:
            make_channels(server, 0)
            url = f"http://127.0.0.1:{server.http_port}{cls.TARGET}"
            with cpu_over(server) as spent:
                done = subprocess.run(["wrk", "-t1", "-c16", f"-d{HTTP_S}s", "-s", script, url, "--", str(cls.LINES), "100"],
                                      stdout=subprocess.PIPE, text=True, check=True)
            requests = int(re.search(r"(\d+) requests in", done.stdout)[1])
            if "Non-2xx" in done.stdout:
                raise RuntimeError(done.stdout)
            if server.topic("bench")["message_count"] < requests * cls.LINES:
                raise RuntimeError("fewer messages than requests")
            return {"requests": (float(re.search(r"Requests/sec: +([\d.]+)", done.stdout)[1]), "/s"),
                    "server CPU a request": (spent.cpu_s * 1e6 / requests, "µs")}


class HttpMany(Http):
    NAME = "http-mpub"
    TITLE = "HTTP /mpub of 100 x 100 B, 16 connections"
    TARGET = "/mpub?topic=bench"
    LINES = 100


ROWS = [Pub, PubMany, PubLarge, Sub, SubOne, Both, Latency, LatencyUnbuffered, LatencyFast, LatencyFastUnbuffered,
        LatencyFastest, FanOut, FanOutTen, FanOutHundred, Idle]
if shutil.which("wrk"):
    ROWS += [Http, HttpMany]
