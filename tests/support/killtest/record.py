"""All that the clients did and saw. Times are time.monotonic(); a run is one life of the server, numbered from 0.

Every client appends what it did before it does it and adds the outcome later, so that what a kill interrupts is there
with its outcome unknown. THREAD: any; appending to a list is atomic."""

import collections
import dataclasses
import itertools
import time

NEVER = float("inf")


@dataclasses.dataclass(slots=True)
class Request:
    """Took effect at some moment between `sent` and `end`. Without `acked` perhaps not at all."""
    run: int
    sent: float
    acked: float | None = None
    refused: bool = False  # surely without effect
    given_up: float = NEVER  # when the server was gone, if no answer came

    @property
    def ok(self):
        return self.acked is not None

    @property
    def end(self):
        return self.acked if self.acked is not None else self.given_up

    def acknowledge(self):
        self.acked = time.monotonic()


@dataclasses.dataclass(slots=True, kw_only=True)
class Publication(Request):
    number: int
    topic: str
    how: str  # PUB, MPUB, DPUB or an HTTP path
    delay: float = 0.0
    body: bytes = b""


@dataclasses.dataclass(slots=True, kw_only=True)
class Operation(Request):
    """On a topic, or with `channel` on one of its channels."""
    kind: str  # create, delete, empty, pause, unpause
    topic: str
    channel: str = ""
    first: bool = False  # the first channel its topic ever had, which gets all the topic kept
    observed: bool = False  # not a request: seen in /stats after a kill, when an answer had been lost


@dataclasses.dataclass(slots=True)
class Delivery:
    run: int
    at: float
    attempts: int


@dataclasses.dataclass(slots=True)
class Answer:
    """A consumer's FIN, REQ or TOUCH."""
    run: int
    kind: str
    attempts: int  # of the delivery it answers
    sent: float
    written: float | None = None  # when the socket had taken it
    delay: float = 0.0
    refused: bool = False


@dataclasses.dataclass(slots=True)
class Run:
    """`ended`: the moment before the signal was sent."""
    started: float
    ended: float = NEVER


class Record:
    def __init__(self):
        self.runs = []
        self.publications = {}  # by number
        self.operations = []
        self.deliveries = collections.defaultdict(list)  # by (topic, channel, number)
        self.answers = collections.defaultdict(list)  # by (topic, channel, number)
        self.strangers = []  # (topic, channel, time, body) of messages that were never published, or are damaged
        self.drained_from = {}  # when the last consumer of (topic, channel) was ready
        self._numbers = itertools.count(1)
        self._by_topic = collections.defaultdict(list)  # publications

    @property
    def run(self):
        return len(self.runs) - 1

    def start_run(self):
        self.runs.append(Run(time.monotonic()))

    def end_run(self):
        """To be called before the signal."""
        self.runs[-1].ended = time.monotonic()

    def close_run(self):
        """To be called when the server and all clients are gone: what has no answer now never gets one."""
        now = time.monotonic()
        for request in itertools.chain(self.publications.values(), self.operations):
            if request.acked is None and request.given_up == NEVER:
                request.given_up = now

    def publish(self, topic, how, delay=0.0, padding=0):
        """A new publication with its body, about to be sent."""
        number = next(self._numbers)
        now = time.monotonic()
        body = b"%d %s %.3f %s" % (number, topic.encode(), now + delay if delay else 0, b"." * padding)
        new = Publication(self.run, now, number=number, topic=topic, how=how, delay=delay, body=body)
        self.publications[number] = new
        self._by_topic[topic].append(new)
        return new

    def operate(self, kind, topic, channel=""):
        """A new operation, about to be sent."""
        first = kind == "create" and channel != "" and not any(
            each.kind == "create" and each.channel for each in self.operations_on(topic))
        new = Operation(self.run, time.monotonic(), kind=kind, topic=topic, channel=channel, first=first)
        self.operations.append(new)
        return new

    def observe(self, kind, topic, channel=""):
        """A fact that /stats told after a start, before there were clients."""
        now = time.monotonic()
        self.operations.append(Operation(self.run - 1, now, now, kind=kind, topic=topic, channel=channel,
                                         observed=True))

    def deliver(self, topic, channel, message):
        """Returns the message's number, or None if this message was never published to the topic."""
        now = time.monotonic()
        number = _number(message.body)
        publication = self.publications.get(number)
        if publication is None or publication.body != message.body or publication.topic != topic:
            self.strangers.append((topic, channel, now, message.body))
            return None
        self.deliveries[topic, channel, number].append(Delivery(self.run, now, message.attempts))
        return number

    def answer(self, topic, channel, number, kind, attempts, delay=0.0):
        """A new answer, about to be sent."""
        new = Answer(self.run, kind, attempts, time.monotonic(), delay=delay)
        self.answers[topic, channel, number].append(new)
        return new

    def operations_on(self, topic, channel=None):
        """Those on the topic itself and on all channels, or only those on the topic and this channel."""
        return [each for each in list(self.operations) if each.topic == topic and not each.refused
                and (channel is None or each.channel in ("", channel))]

    def published(self, topic):
        """All that may have reached the topic."""
        return [each for each in list(self._by_topic.get(topic, ())) if not each.refused]

    def topics(self):
        return sorted({each.topic for each in self.operations} | set(self._by_topic))

    def channels(self):
        """(topic, channel) of all that somebody ever tried to create."""
        return sorted({(each.topic, each.channel) for each in self.operations if each.channel})


def _number(body):
    head = body.partition(b" ")[0]
    return int(head) if head.isdigit() else None


def is_ephemeral(*names):
    return any(name.endswith("#ephemeral") for name in names)
