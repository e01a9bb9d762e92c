"""What keeping messages costs."""

import dataclasses
import time

from bench_server import (DEADLINE_S, IN_MEMORY, all_in_memory, data_directory, disk_bytes, first_delivery_s, idle_cpu,
                          load, make_channels, rate_and_cpu, stop_s)
from nsqtest import wait_until

MILLION = 1_000_000


class Mpub:
    name = "mpub"
    title = "MPUB of 200 x 200 B, defaults of both"
    MESSAGES = {True: MILLION, False: 3 * MILLION}  # is it a stock server
    STOCK_FLAGS = OUR_FLAGS = ()

    @classmethod
    def run(cls, contender):
        with contender.running(*(cls.STOCK_FLAGS if contender.is_stock else cls.OUR_FLAGS)) as server:
            return rate_and_cpu(load(server, "pub", cls.MESSAGES[contender.is_stock]))


class MpubMemory(Mpub):
    name = "mpub-memory"
    title = "the same, stock with all in memory"
    STOCK_FLAGS = (IN_MEMORY,)


class MpubDurable(Mpub):
    name = "mpub-durable"
    title = "each MPUB on the disk before its OK: stock `--mem-queue-size=0 --sync-every=1`, ours `--durability=power`"
    MESSAGES = {True: 2000, False: MILLION}
    STOCK_FLAGS = ("--mem-queue-size=0", "--sync-every=1")
    OUR_FLAGS = ("--durability=power",)


class Drain:
    """After a restart nothing of the backlog is in the server's memory."""

    name = "drain"
    title = "draining 1 million of 200 B from the disk"

    @staticmethod
    def run(contender):
        with data_directory() as path:
            server = contender.start(data_path=path)
            make_channels(server, 1)
            load(server, "pub", MILLION)
            stop_s(server)
            server = contender.start(data_path=path)
            try:
                return rate_and_cpu(load(server, "sub", MILLION, channel="ch0"))
            finally:
                server.kill()


class OneChannel:
    name = "waiting-1"
    title = "5 million of 200 B waiting on one channel (stock: in memory)"

    @staticmethod
    def run(contender):
        with contender.running(*all_in_memory(contender)) as server:
            make_channels(server, 1)
            load(server, "pub", 5 * MILLION)
            time.sleep(1)
            return {"resident memory": (server.rss_bytes(), "MB"), "SIGTERM": (stop_s(server), "s")}


class FiveChannels:
    """A stock server would take 17 GB in memory for all of them: it gets a tenth."""

    name = "waiting-5"
    title = "10 million of 200 B waiting on 5 channels (stock: 1 million, in memory)"

    @staticmethod
    def run(contender):
        with contender.running(*all_in_memory(contender)) as server:
            make_channels(server, 5)
            load(server, "pub", (1 if contender.is_stock else 10) * MILLION)
            time.sleep(1)
            return {"resident memory": (server.rss_bytes(), "MB"), "disk": (disk_bytes(server.data_path), "MB")}


class Start:
    name = "start"
    title = "10 million waiting, from the start to the first delivery"

    @staticmethod
    def run(contender):
        with data_directory() as path:
            server = contender.start(data_path=path)
            make_channels(server, 1)
            load(server, "pub", 10 * MILLION)
            stop_s(server)
            stopped = first_delivery_s(contender, path)
            server = contender.start(data_path=path)
            # What came since the state was saved last has to be looked for.
            load(server, "pub", MILLION)
            server.kill()
            return {"after SIGTERM": (stopped, "s"), "after kill -9, right behind 1 million more": (first_delivery_s(contender, path), "s")}


@dataclasses.dataclass
class Topics:
    name: str
    title: str
    topics: int

    def run(self, contender):
        # For minutes ext4 passes over the places of deleted files, and looks for others at great length.
        with data_directory(until_the_end=True) as path:
            server = contender.start(data_path=path)
            made = load(server, "topics", self.topics)
            result = {"creating": (made["seconds"], "s"), "resident memory": (server.rss_bytes(), "MB"),
                      "idle CPU": (idle_cpu(server), "% of a core"), "SIGTERM": (stop_s(server), "s")}
            began = time.monotonic()
            server = contender.start(data_path=path)
            result["start"] = (time.monotonic() - began, "s")
            server.kill()
            return result


class Deferred:
    name = "deferred"
    title = "1 million of 200 B deferred by an hour"

    @staticmethod
    def run(contender):
        with contender.running() as server:
            make_channels(server, 1)
            made = load(server, "pub", MILLION, defer=3_600_000, window=100)
            wait_until(lambda: server.channel("bench", "ch0")["deferred_count"] == MILLION, "all are deferred",
                       DEADLINE_S)
            return {"rate": (made["rate"], "/s"), "resident memory": (server.rss_bytes(), "MB"),
                    "CPU while they wait": (idle_cpu(server), "% of a core")}


ROWS = [Mpub, MpubMemory, MpubDurable, Drain, OneChannel, FiveChannels, Start,
        Topics("topics-100", "100 topics with one channel and one message", 100),
        Topics("topics", "10,000 topics with one channel and one message", 10_000), Deferred]
