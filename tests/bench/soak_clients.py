"""The clients of the soak: each function here is the whole life of one process."""

import os
import random
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from ledger import Ledger, body, parse  # noqa: E402
from nsqtest import (BARRIER, ERROR, MESSAGE, RESPONSE, Client, Closed, Frame, Web, dpub, mpub,  # noqa: E402
                     parse_message, pub)

MSG_TIMEOUT_MS = 1000


class Plan:
    """What all clients know. Given to each process."""

    def __init__(self, tcp_port, http_port, topics, channels, seed):
        self.tcp_port, self.http_port = tcp_port, http_port
        self.topics, self.channels = topics, channels
        self.seed = seed


class Report:
    """What a client did."""

    def __init__(self):
        self.ledger = Ledger()
        self.published = {}  # by topic
        self.finished = {}  # by (topic, channel)
        self.sessions = 0
        self.failure = None

    def count(self, counters, key, number=1):
        counters[key] = counters.get(key, 0) + number

    def update(self, other):
        self.ledger.update(other.ledger)
        for mine, theirs in ((self.published, other.published), (self.finished, other.finished)):
            for key, number in theirs.items():
                self.count(mine, key, number)
        self.sessions += other.sessions
        self.failure = self.failure or other.failure


def run(client, plan, number, stop, throttle, progress, reports):
    """Runs one of the functions below until `stop` and hands in its report."""
    report = Report()
    try:
        client(plan, number, stop, throttle, progress, report)
    except Exception:  # whatever it was, the soak has failed, and must say why
        report.failure = f"{client.__name__} {number}: {traceback.format_exc()}"
        stop.set()
    reports.put(report)


def publish(plan, number, stop, throttle, progress, report):
    """PUB, MPUB, DPUB and HTTP, in pipelines of random length, from connections that come and go."""
    source = random.Random(f"{plan.seed} publisher {number}")
    sequence = 0
    while not stop.is_set():
        report.sessions += 1
        with Client(plan.tcp_port) as client:
            client.send(b"  V2")
            for _ in range(source.randrange(1, 200)):
                if stop.is_set():
                    break
                while throttle.is_set() and not stop.wait(0.01):
                    pass
                topic = source.choice(plan.topics)
                sent, answers, data = [], 0, b""
                for _ in range(source.randrange(1, 20)):
                    bodies = [body(number, sequence + i, source.randrange(500)) for i in
                              range(source.choice((1, 1, 1, 10, 50)))]
                    data += command(source, topic, bodies)
                    answers += 1
                    sent += range(sequence, sequence + len(bodies))
                    sequence += len(bodies)
                client.send(data)
                for _ in range(answers):
                    client.expect(Frame(RESPONSE, b"OK"))
                if source.random() < 0.05:
                    Web(plan.http_port).publish(topic, body(number, sequence, 10), defer=source.randrange(200))
                    sent.append(sequence)
                    sequence += 1
                for each in sent:
                    report.ledger.add(topic, "", number, each)
                report.count(report.published, topic, len(sent))
                with progress.get_lock():
                    progress.value += len(sent)


def command(source, topic, bodies):
    if len(bodies) > 1:
        return mpub(topic, bodies)
    if source.random() < 0.2:
        return dpub(topic, source.randrange(500), bodies[0])
    return pub(topic, bodies[0])


class Consumer:
    """One consumer's connection and its exact count of what it finished."""

    def __init__(self, plan, topic, channel, source, report):
        self.topic, self.channel, self.source, self.report = topic, channel, source, report
        self.finished = 0
        self.client = Client(plan.tcp_port)
        self.client.send(b"  V2")
        self.client.identify(msg_timeout=MSG_TIMEOUT_MS, client_id="soak")
        self.client.subscribe(topic, channel)
        self.at_barrier = False
        self.held = []

    def consume(self, seconds, stop):
        """Handles messages for this long, or until `stop`."""
        end = time.monotonic() + seconds
        self.client.ready(self.source.choice((1, 10, 100, 500)))
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            if self.client.wait_readable(min(left, 0.1)):
                self.take(self.respond)

    def take(self, respond):
        frame = self.client.read_frame()
        if frame.type == MESSAGE:
            message = parse_message(frame.data)
            self.report.ledger.add(self.topic, self.channel, *parse(message.body))
            respond(message)
        elif frame.type == ERROR:
            self.error(frame.data)

    def error(self, text):
        if text == b"E_FIN_FAILED FIN " + BARRIER + b" failed ID not in flight":
            self.at_barrier = True
        elif text.startswith(b"E_FIN_FAILED ") and text.endswith((b"ID not in flight", b"does not own message")):
            self.finished -= 1
        elif not text.startswith((b"E_REQ_FAILED ", b"E_TOUCH_FAILED ")):
            raise AssertionError(text)

    def respond(self, message):
        choice = self.source.random()
        if choice < 0.90:
            self.finish(message)
        elif choice < 0.95:
            self.client.req(message, self.source.choice((0, 10, 300)))
        elif choice < 0.98:
            self.client.touch(message)
            self.held.append(message)
            if len(self.held) > 5:
                self.finish(self.held.pop(0))
        # The others are left to their timeout.

    def finish(self, message):
        self.client.fin(message)
        self.finished += 1

    def leave(self):
        """Goes in one of several ways, with messages in flight, but only once it is known what was finished."""
        way = self.source.choice(("close", "reset", "half close", "cls"))
        if way == "cls":
            self.client.send(b"CLS\n")
        self.client.send(b"FIN " + BARRIER + b"\n")
        while not self.at_barrier:
            self.take(lambda message: None)
        self.report.count(self.report.finished, (self.topic, self.channel), self.finished)
        if way == "reset":
            self.client.reset()
        else:
            if way == "half close":
                self.client.finish_sending()
            self.client.close()


def consume(plan, number, stop, throttle, progress, report):
    """Consumers of the lasting channels, one after the other."""
    source = random.Random(f"{plan.seed} consumer {number}")
    places = [(topic, channel) for topic in plan.topics for channel in plan.channels]
    turn = number
    while not stop.is_set():
        turn += 1
        report.sessions += 1
        consumer = Consumer(plan, *places[turn % len(places)], source, report)
        consumer.consume(source.choice((0.05, 0.3, 1)), stop)
        consumer.leave()


def drain(plan, number, stop, throttle, progress, report):
    """Finishes everything in one of the channels until it is empty."""
    places = [(topic, channel) for topic in plan.topics for channel in plan.channels]
    topic, channel = places[number]
    consumer = Consumer(plan, topic, channel, random.Random(0), report)
    consumer.client.ready(500)
    web = Web(plan.http_port)

    def left():
        stats = web.json("GET", f"/stats?format=json&include_clients=false&topic={topic}&channel={channel}")
        found = stats["topics"][0]["channels"][0]
        return found["depth"] + found["in_flight_count"] + found["deferred_count"]
    while left():
        while consumer.client.wait_readable(0.05):
            consumer.take(consumer.finish)
    consumer.leave()


def disturb(plan, number, stop, throttle, progress, report):
    """Ephemeral channels, topics made and deleted under their clients, silent and rude connections, /stats."""
    source = random.Random(f"{plan.seed} disturber {number}")
    web = Web(plan.http_port)
    while not stop.is_set():
        report.sessions += 1
        scrap = f"scrap{number}" + source.choice(("", "#ephemeral"))
        clients = []
        try:
            for topic, channel in ((source.choice(plan.topics), f"short{number}#ephemeral"), (scrap, "c"),
                                   (scrap, "d#ephemeral")):
                clients.append(Client(plan.tcp_port))
                clients[-1].send(b"  V2")
                clients[-1].subscribe(topic, channel, ready=50)
            publisher = Client(plan.tcp_port)
            clients.append(publisher)
            publisher.send(b"  V2")
            publisher.command(mpub(scrap, [b"scrap"] * 100))
            rude = Client(plan.tcp_port)
            clients.append(rude)
            rude.send(source.choice((b"", b"  V", b"  V2PUB x\n", b"  V2junk\n", b"GET / HTTP/1.1\r\n\r\n")))
            for _ in range(20):
                clients[1].fin(clients[1].read_message())
                if not clients[0].nothing_to_read():
                    clients[0].read_frame()
            web.post(f"/topic/{source.choice(('empty', 'pause', 'delete'))}?topic={scrap.replace('#', '%23')}")
            web.get("/stats?format=json")
            web.get("/stats")
        except (Closed, ConnectionError):
            pass  # what it deletes may close any of its own connections
        except AssertionError as error:
            # A channel that is on its way out refuses consumers.
            if "E_SUB_FAILED" not in str(error):
                raise
        for client in clients:
            source.choice((client.close, client.reset))()
        web.post(f"/topic/delete?topic={scrap.replace('#', '%23')}")


def pause(plan, number, stop, throttle, progress, report):
    """Pauses topics and channels for a moment."""
    source = random.Random(f"{plan.seed} pauser {number}")
    web = Web(plan.http_port)
    while not stop.is_set():
        what = ("topic", source.choice(plan.topics))
        if source.random() < 0.7:
            what = ("channel", source.choice(plan.topics), source.choice(plan.channels))
        web.do(f"{what[0]}/pause", *what[1:])
        stop.wait(source.random() * 0.3)
        web.do(f"{what[0]}/unpause", *what[1:])
        stop.wait(source.random())
