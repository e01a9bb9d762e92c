"""One run of the server, as its clients see it."""

import collections
import contextlib
import http.client
import random
import sys
import threading
import traceback

from nsqtest import Client, Closed, Web

from .record import is_ephemeral

# How a client learns that the server, or what it was connected to, is gone.
GONE = (Closed, OSError, http.client.HTTPException)

LASTING = tuple((topic, channel) for topic in ("alpha", "beta") for channel in ("one", "two", "three"))
EPHEMERAL = (("alpha", "watch#ephemeral"), ("brief#ephemeral", "one"))


def is_lasting(topic):
    """Nobody deletes it, so that it never refuses anything."""
    return not topic.startswith("scrap") and not is_ephemeral(topic)


class Scene:
    def __init__(self, server, record, mix, seed, longest_delay_s):
        self.server, self.record, self.mix = server, record, mix
        self.seed = f"{seed} run {record.run}"
        self.longest_delay_s = longest_delay_s
        self.web = Web(server.http_port)
        self.over = threading.Event()  # set before the signal: from now on anything may fail
        self.failed = threading.Event()
        self.failures = []
        self._threads = []
        self._locks = collections.defaultdict(threading.Lock)
        # A topic without channels for two runs. The first one is created at the start of the third.
        self.lonely = f"lonely{record.run // 2}"

    def client(self):
        client = Client(self.server.tcp_port)
        client.send(b"  V2")
        return client

    @contextlib.contextmanager
    def alone(self, *place):
        """For managers: yields whether no other one has this topic or channel in its hands."""
        lock = self._locks[place]
        mine = lock.acquire(blocking=False)
        try:
            yield mine
        finally:
            if mine:
                lock.release()

    def topic_to_publish(self, source):
        return source.choices(("alpha", "beta", self.lonely, "scrap0", "brief#ephemeral"), (45, 35, 10, 5, 5))[0]

    def place_to_consume(self, source):
        """(topic, channel)"""
        extra = [(topic, f"extra{number}") for topic in ("alpha", "beta") for number in range(2)]
        # The topic of the runs before: its channel was created at the start of this one.
        lonely = [each for each in self.record.channels() if each[0].startswith("lonely")]
        return source.choice(LASTING * 3 + EPHEMERAL + tuple(extra) + tuple(lonely[-1:]))

    def start(self, session, count):
        """Starts clients that live one session after the other until the server is gone."""
        for number in range(count):
            thread = threading.Thread(target=self._live, args=(session, number), daemon=True)
            thread.start()
            self._threads.append(thread)

    def join(self, deadline_s):
        for thread in self._threads:
            thread.join(deadline_s)
            if thread.is_alive():
                stack = "".join(traceback.format_stack(sys._current_frames()[thread.ident]))
                self.fail(f"a client hangs:\n{stack}")

    def fail(self, text):
        self.failures.append(text)
        self.failed.set()

    def wait(self, seconds):
        """Lets the clients work. Returns early when one fails."""
        self.failed.wait(seconds)

    def _live(self, session, number):
        source = random.Random(f"{self.seed} {session.__name__} {number}")
        try:
            while not self.failed.is_set():
                try:
                    session(self, source)
                except GONE:
                    if not self.over.is_set():
                        raise
                    return
        except Exception:
            self.fail(f"{session.__name__} {number}: {traceback.format_exc()}")
