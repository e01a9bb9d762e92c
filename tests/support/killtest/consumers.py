"""Clients that consume: they finish, requeue at once and with delay, touch, hold silently, leave."""

import collections
import heapq
import itertools
import time

from nsqtest import BARRIER, ERROR, MESSAGE, RESPONSE, Frame, parse_message

from .scene import GONE, LASTING

MSG_TIMEOUT_S = 1.0  # the shortest that may be asked for
# A message is not delivered again sooner than this after a delivery: then a state written every 250 ms is never more
# than one attempt behind.
SLOWEST_S = 0.3


class Consumer:
    """One connection, subscribed to one channel."""

    def __init__(self, scene, topic, channel, ready):
        self.scene, self.record, self.topic, self.channel = scene, scene.record, topic, channel
        self.client = scene.client()
        self._answers = collections.defaultdict(collections.deque)  # by (command, id), for refusals
        self._later = []  # heap of (when, tie-break, command, number, message)
        self._ties = itertools.count()
        self._at_barrier = False
        self.client.identify(msg_timeout=round(MSG_TIMEOUT_S * 1000))
        creation = self.record.operate("create", topic, channel)
        self.client.subscribe(topic, channel)
        creation.acknowledge()
        self.client.ready(ready)

    def consume(self, respond, until):
        """Until `until()`, which is asked at least every 0.1 s."""
        while not until():
            wait = min(0.1, self._later[0][0] - time.monotonic()) if self._later else 0.1
            if self.client.wait_readable(max(0.0, wait)):
                self.take(respond)
            while self._later and self._later[0][0] <= time.monotonic():
                _, _, command, number, message = heapq.heappop(self._later)
                self.answer(command, number, message)

    def take(self, respond):
        frame = self.client.read_frame()
        if frame.type == MESSAGE:
            message = parse_message(frame.data)
            number = self.record.deliver(self.topic, self.channel, message)
            if number is None:
                self.client.fin(message)
            else:
                respond(self, number, message)
        elif frame.type == ERROR:
            self.refuse(frame.data)
        elif frame != Frame(RESPONSE, b"CLOSE_WAIT"):
            raise AssertionError(frame)

    def refuse(self, text):
        """The message had timed out, as a rule. Refusals come in the order of the commands."""
        code, command, message_id = text.split(b" ")[:3]
        if message_id == BARRIER:
            self._at_barrier = True
        elif code == b"E_" + command + b"_FAILED":
            self._answers[command.decode(), message_id].popleft().refused = True
        else:
            raise AssertionError(text)

    def answer(self, command, number, message, delay=0.0):
        answer = self.record.answer(self.topic, self.channel, number, command, message.attempts, delay)
        self._answers[command, message.id].append(answer)
        parameter = b" %d" % round(delay * 1000) if command == "REQ" else b""
        self.client.send(command.encode() + b" " + message.id + parameter + b"\n")
        answer.written = time.monotonic()

    def answer_later(self, after, command, number, message):
        heapq.heappush(self._later, (time.monotonic() + after, next(self._ties), command, number, message))

    def leave(self, reset=False):
        """Leaves messages in flight, but not before the server has dealt with all that was answered."""
        self.client.send(b"CLS\nFIN " + BARRIER + b"\n")
        while not self._at_barrier:
            self.take(lambda *_: None)
        (self.client.reset if reset else self.client.close)()


def finish(consumer, number, message):
    consumer.answer("FIN", number, message)


def consume(scene, source):
    """One consumer's life."""
    topic, channel = scene.place_to_consume(source)
    end = time.monotonic() + source.choice((0.3, 1.0, 3.0))

    def respond(consumer, number, message):
        choice = source.random()
        if choice < 0.70:
            finish(consumer, number, message)
        elif choice < 0.76:
            consumer.answer_later(SLOWEST_S, "REQ", number, message)
        elif choice < 0.84:
            longest = min(3.0, scene.longest_delay_s)
            consumer.answer("REQ", number, message, round(source.uniform(SLOWEST_S, longest), 3))
        elif choice < 0.90:
            consumer.answer_later(0.6, "TOUCH", number, message)
            consumer.answer_later(source.uniform(0.7, 1.4), "FIN", number, message)
        elif choice < 0.95:
            consumer.answer_later(source.uniform(0.05, 0.8), "FIN", number, message)
        # The others are held until they time out.

    try:
        consumer = Consumer(scene, topic, channel, ready=source.choice((1, 20, 200)))
        try:
            consumer.consume(respond, lambda: time.monotonic() > end or scene.failed.is_set())
            consumer.leave(reset=source.random() < 0.5)
        finally:
            consumer.client.close()
    except GONE:
        if (topic, channel) in LASTING or scene.over.is_set():
            raise
    except AssertionError as error:
        # A channel that is being deleted refuses consumers.
        if (topic, channel) in LASTING or "E_SUB_FAILED" not in str(error):
            raise
