"""What other clients notice of a storm: how late messages of another topic come while it lasts, and how late they come
meanwhile on a second server of the same kind, which has nothing else to do: that much is the machine's."""

import concurrent.futures
import time

from bench_server import all_in_memory, background_load, load, make_channels, waiting_load
from nsqtest import wait_until
from storage_rows import MILLION

RATE = 1000  # messages a second of the other clients
REQUEUE_S = 8
# The least a message may wait for its answer, and a client's longest by default.
TIMEOUT_MS = 10_000
HOLDERS = 400
# Until then the slower of the servers has taken a million.
DUE_MS = 30_000
AROUND_S = 5  # before a storm, and what it may last


def other_clients(server, seconds):
    """A publisher and a consumer, which ask for no buffering. Returns how late messages came, in microseconds."""
    make_channels(server, 1, topic="other")
    return load(server, "latency", 0, topic="other", channel="ch0", rate=RATE, seconds=seconds, rdy=200,
                unbuffered="true")["received_us"]


def noticed(contender, server, seconds):
    with contender.running() as idle, concurrent.futures.ThreadPoolExecutor(1) as pool:
        beside = pool.submit(other_clients, idle, seconds)
        results = {"another client's": other_clients(server, seconds)}
        results["the same on an idle server beside it:"] = beside.result()
    return {f"{whose} {name}": (result[part] / 1e6, "s") for whose, result in results.items()
            for name, part in (("p99", "p99"), ("p99.9", "p999"), ("longest pause", "max"))}


class Requeue:
    name = "storm-requeue"
    title = "two clients requeue all they get at once, RDY 2500"

    @staticmethod
    def run(contender):
        with contender.running(*all_in_memory(contender)) as server:
            make_channels(server, 1)
            load(server, "pub", MILLION // 10)
            with background_load(server, "requeue", messages=1000 * MILLION, channel="ch0"):
                wait_until(lambda: server.channel("bench", "ch0")["requeue_count"] > 0, "it has begun")
                before, began = server.channel("bench", "ch0")["requeue_count"], time.monotonic()
                result = noticed(contender, server, REQUEUE_S)
                requeued = server.channel("bench", "ch0")["requeue_count"] - before
                result["requeued"] = (requeued / (time.monotonic() - began), "/s")
            return result


class Timeouts:
    name = "storm-timeouts"
    title = "1 million in flight time out, and are delivered again"

    @staticmethod
    def run(contender):
        with contender.running(*all_in_memory(contender)) as server:
            make_channels(server, 1)
            load(server, "pub", MILLION)
            with waiting_load(server, "hold", messages=MILLION, channel="ch0", connections=HOLDERS, rdy=MILLION // HOLDERS,
                              msg_timeout=TIMEOUT_MS):
                result = noticed(contender, server, TIMEOUT_MS // 1000 + AROUND_S)
                result["timed out by then"] = (server.channel("bench", "ch0")["timeout_count"], "messages")
            return result


class Deferred:
    name = "storm-deferred"
    title = "1 million deferred messages come due at once"

    @staticmethod
    def run(contender):
        with contender.running(*all_in_memory(contender)) as server:
            make_channels(server, 1)
            due = time.monotonic() + DUE_MS / 1000
            load(server, "pub", MILLION, due=DUE_MS, window=100)
            time.sleep(max(0, due - AROUND_S - time.monotonic()))
            result = noticed(contender, server, 2 * AROUND_S)
            wait_until(lambda: server.channel("bench", "ch0")["deferred_count"] == 0, "all came due")
            return result


ROWS = [Requeue, Timeouts, Deferred]
