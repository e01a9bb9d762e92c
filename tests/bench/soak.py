"""Mixed load with clients coming and going: soak.py --seconds=N, with the server in NSQD.

Afterwards the counters must add up (published = finished + depth + in flight + deferred, in every channel), memory must
be flat, and every message must have come out of every channel."""

import argparse
import multiprocessing
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import soak_clients  # noqa: E402
from nsqtest import Server, raise_file_limit, wait_until  # noqa: E402

MB = 1 << 20
TOPICS = ["soak-a", "soak-b"]
CHANNELS = ["one", "two"]
# Publishers wait while a channel has more than this, so that the backlog is no reason for memory to grow.
MAX_BACKLOG = 20000
PUBLISHERS, CONSUMERS, DISTURBERS, PAUSERS = 2, 4, 2, 1
# The second half of the time may take this much more memory than the first did: noise of the allocator.
GROWTH_FACTOR, GROWTH_SLACK = 1.15, 24 * MB
DRAIN_DEADLINE_S = 300


class Workers:
    """Processes that run one function each, and their common switch."""

    def __init__(self, context, plan, throttle, progress):
        self._context, self._plan, self._throttle, self._progress = context, plan, throttle, progress
        self.stop = context.Event()
        self._reports = context.Queue()
        self._processes = []

    def start(self, function, count):
        for number in range(count):
            process = self._context.Process(target=soak_clients.run, daemon=True,
                                            args=(function, self._plan, number, self.stop, self._throttle,
                                                  self._progress, self._reports))
            process.start()
            self._processes.append(process)

    def finish(self):
        """Waits for all of them. Returns what they did, together."""
        total = soak_clients.Report()
        for _ in self._processes:
            total.update(self._reports.get(timeout=DRAIN_DEADLINE_S))
        for process in self._processes:
            process.join(DRAIN_DEADLINE_S)
        if total.failure:
            raise AssertionError(total.failure)
        return total


class Soak:
    def __init__(self, server, seconds, seed, sanitized):
        self.server, self.seconds, self.sanitized = server, seconds, sanitized
        self.context = multiprocessing.get_context("spawn")
        self.throttle = self.context.Event()
        self.progress = self.context.Value("q", 0)
        self.plan = soak_clients.Plan(server.tcp_port, server.http_port, TOPICS, CHANNELS, seed)
        self.samples = []  # (seconds since the start, resident bytes)

    def workers(self):
        return Workers(self.context, self.plan, self.throttle, self.progress)

    def channels(self):
        """{(topic, channel): its stats} of the lasting ones."""
        stats = self.server.stats("&include_clients=false&include_mem=false")
        return {(topic["topic_name"], channel["channel_name"]): channel for topic in stats["topics"]
                for channel in topic["channels"]
                if topic["topic_name"] in TOPICS and channel["channel_name"] in CHANNELS}

    def run(self):
        for topic in TOPICS:
            self.server.web().do("topic/create", topic)
            for channel in CHANNELS:
                self.server.web().do("channel/create", topic, channel)
        publishers, others = self.workers(), self.workers()
        publishers.start(soak_clients.publish, PUBLISHERS)
        others.start(soak_clients.consume, CONSUMERS)
        others.start(soak_clients.disturb, DISTURBERS)
        others.start(soak_clients.pause, PAUSERS)
        self.watch(publishers, others)
        publishers.stop.set()
        total = publishers.finish()
        others.stop.set()
        total.update(others.finish())
        print(f"{total.sessions} connections; published {total.published}; finished {total.finished}", flush=True)
        self.check_counters(total)
        self.drain(total)
        self.check_memory()

    def watch(self, *workers):
        """Lets them work for the given time; tells how it goes; holds the publishers back from a long backlog."""
        started = time.monotonic()
        tell_every = max(2.0, self.seconds / 30)
        told = 0.0
        while (elapsed := time.monotonic() - started) < self.seconds:
            if any(each.stop.wait(0.1) for each in workers):
                return  # a client failed; its report tells
            channels = self.channels()
            backlog = max(channel["depth"] + channel["deferred_count"] for channel in channels.values())
            (self.throttle.set if backlog > MAX_BACKLOG else self.throttle.clear)()
            self.samples.append((elapsed, self.server.rss_bytes()))
            if elapsed - told >= tell_every:
                told = elapsed
                print(f"{elapsed:6.0f} s: published {self.progress.value}, largest backlog {backlog}, in flight "
                      f"{sum(channel['in_flight_count'] for channel in channels.values())}, timeouts "
                      f"{sum(channel['timeout_count'] for channel in channels.values())}, resident "
                      f"{self.samples[-1][1] / MB:.1f} MB", flush=True)
        self.throttle.clear()

    def check_counters(self, total):
        for topic in TOPICS:
            published = total.published.get(topic, 0)
            if not published:
                raise AssertionError(f"nothing was published to {topic}")
            noted = total.ledger.count(topic, "")
            assert noted == published, f"{topic}: {noted} messages noted, {published} counted: a fault of this program"
            wait_until(lambda topic=topic, published=published: self.server.topic(topic)["message_count"] == published
                       and self.server.topic(topic)["depth"] == 0, f"{topic} counts {published} messages")
        for place in self.channels():
            wait_until(lambda place=place: not self.difference(place, total),
                       f"{place}: published = finished + depth + in flight + deferred")
        print("the counters add up", flush=True)

    def difference(self, place, total):
        """How far the channel's counters are from adding up. While messages time out one look may be torn."""
        channel = self.channels()[place]
        published, finished = total.published[place[0]], total.finished.get(place, 0)
        waiting = channel["depth"] + channel["in_flight_count"] + channel["deferred_count"]
        return abs(published - channel["message_count"]) + abs(published - finished - waiting)

    def drain(self, total):
        drainers = self.workers()
        drainers.start(soak_clients.drain, len(TOPICS) * len(CHANNELS))
        total.update(drainers.finish())
        for place in self.channels():
            lost = total.ledger.lost(*place)
            assert lost == 0, f"{place} lost {lost} messages"
            assert total.finished[place] == total.published[place[0]], f"{place}: {total.finished[place]} finished"
            received, published = total.ledger.count(*place), total.ledger.count(place[0], "")
            assert received == published, f"{place} gave {received} of {published} messages"
        print("nothing is lost", flush=True)

    def check_memory(self):
        """Compares the peaks of the second and the last quarter: the first is the warming up."""
        def peak(first, last):
            return max(rss for at, rss in self.samples if first <= at / self.seconds < last)
        early, late = peak(0.25, 0.5), peak(0.75, 1)
        print(f"resident memory: {early / MB:.1f} MB at most in the second quarter, {late / MB:.1f} MB in the last",
              flush=True)
        if self.sanitized:
            print("not judged: a sanitizer's own memory grows with what it has seen", flush=True)
            return
        limit = early * GROWTH_FACTOR + GROWTH_SLACK
        assert late <= limit, f"memory grows: {late / MB:.1f} MB is more than {limit / MB:.1f} MB"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--sanitized", action="store_true",
                        help="the server is a sanitizer's build: its resident memory is shown but not judged")
    arguments = parser.parse_args()
    raise_file_limit()
    server = Server()
    try:
        # An hour of connections would be a lot of lines in this process's memory.
        server.web().put("/config/log_level", b"warn")
        Soak(server, arguments.seconds, arguments.seed, arguments.sanitized).run()
    except BaseException:
        print("the end of the server's log:", "".join(server.log_lines[-50:]), sep="\n")
        raise
    server.stop()
    print("ok")


if __name__ == "__main__":
    main()
