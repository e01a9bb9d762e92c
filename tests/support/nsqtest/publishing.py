"""Publishers that remember what was acknowledged, and when."""

import collections
import http.client
import itertools
import threading
import time

from .bodies import make_body
from .v2 import ERROR, RESPONSE, Closed, Frame, dpub, mpub, mpub_body, pub

# `sent`: the time before it was sent. `mark`: what Acknowledged's `mark` gave when its OK was there.
Publish = collections.namedtuple("Publish", "topic key sent mark")


class Acknowledged:
    """What the server said OK to. `mark` is called at each OK. THREAD: any."""

    def __init__(self, mark=lambda: None):
        self._mark = mark
        self._lock = threading.Lock()
        self.publishes = []

    def add(self, topic, keys, sent):
        with self._lock:
            mark = self._mark()
            self.publishes += [Publish(topic, key, sent, mark) for key in keys]

    def __len__(self):
        return len(self.publishes)

    def keys(self, topic, since=0.0, condition=lambda publish: True):
        """The keys published to `topic`, sent at `since` or later."""
        return {publish.key for publish in self.publishes
                if publish.topic == topic and publish.sent >= since and condition(publish)}


def publish_pub(client, topic, bodies):
    client.send(b"".join(pub(topic, body) for body in bodies))
    for _ in bodies:
        yield client.read_frame()


def publish_mpub(client, topic, bodies):
    client.send(mpub(topic, bodies))
    yield client.read_frame()


def publish_dpub(client, topic, bodies):
    client.send(b"".join(dpub(topic, 300, body) for body in bodies))
    for _ in bodies:
        yield client.read_frame()


def publish_http(web, topic, bodies):
    reply = web.post(f"/pub?topic={topic}", bodies[0])
    yield Frame(RESPONSE if reply.status == 200 else ERROR, reply.body)


def publish_http_batch(web, topic, bodies):
    reply = web.post(f"/mpub?topic={topic}&binary=true", mpub_body(bodies))
    yield Frame(RESPONSE if reply.status == 200 else ERROR, reply.body)


# `publish` takes a connection, a topic and `batch` bodies and yields the answers: one, or with `each` one a body.
Way = collections.namedtuple("Way", "publish batch each over_http")
WAYS = {
    "PUB": Way(publish_pub, 5, True, False),
    "MPUB": Way(publish_mpub, 8, False, False),
    "DPUB": Way(publish_dpub, 2, True, False),
    "/pub": Way(publish_http, 1, False, True),
    "/mpub": Way(publish_http_batch, 6, False, True),
}
OK = Frame(RESPONSE, b"OK")


class Publisher(threading.Thread):
    """Publishes in one way to the topics that `topics` gives, one after the other, until stop() or the server is gone.
    An error ends a connection, not the publisher: it opens the next."""

    def __init__(self, server, way, name, topics, acknowledged, sizes=(0, 40, 700, 3000)):
        """`way`: of WAYS. `topics`: an iterator. `sizes`: of the bodies, in turn."""
        super().__init__(name=name)
        self.refusals = []  # answers that were not OK
        self._server = server
        self._way = WAYS[way]
        self._topics = topics
        self._sizes = itertools.cycle(sizes)
        self._acknowledged = acknowledged
        self._stopping = threading.Event()
        self._numbers = itertools.count()

    def stop(self):
        self._stopping.set()
        self.join()

    def run(self):
        while not self._stopping.is_set() and self._server.alive():
            try:
                self._publish_on_one_connection()
            except (Closed, OSError, http.client.HTTPException):
                pass

    def _publish_on_one_connection(self):
        connection = self._server.web() if self._way.over_http else self._server.client()
        try:
            while not self._stopping.is_set():
                self._publish_once(connection, next(self._topics))
        finally:
            if not self._way.over_http:
                connection.close()

    def _publish_once(self, connection, topic):
        keys = [f"{self.name}-{next(self._numbers)}" for _ in range(self._way.batch)]
        bodies = [make_body(key, next(self._sizes)) for key in keys]
        sent = time.monotonic()
        for number, answer in enumerate(self._way.publish(connection, topic, bodies)):
            if answer == OK:
                self._acknowledged.add(topic, [keys[number]] if self._way.each else keys, sent)
            else:
                self.refusals.append(answer)
