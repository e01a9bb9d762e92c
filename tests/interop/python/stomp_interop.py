"""stomp.py and pynsq, each to each and to itself, by the server at NSQD_TCP and NSQD_HTTP."""

import itertools
import os

import interop
import stomp
from interop import finished, stats, wait_for

VERSIONS = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}


class Collector(stomp.ConnectionListener):
    """What comes to a connection. Its methods are called on the connection's thread."""

    def __init__(self):
        self.messages, self.receipts, self.errors, self.heart_beats = [], [], [], 0

    def on_message(self, frame):
        self.messages.append(frame)

    def on_receipt(self, frame):
        self.receipts.append(frame.headers["receipt-id"])

    def on_error(self, frame):
        self.errors.append(frame.headers)

    def on_heartbeat(self):
        self.heart_beats += 1


class StompPy(interop.PynsqCase):
    numbers = itertools.count(1)

    def connect(self, version="1.2", **settings):
        """A connection and its Collector."""
        host, port = os.environ["NSQD_TCP"].split(":")
        connection = VERSIONS[version]([(host, int(port))], auto_decode=False, **settings)
        collector = Collector()
        connection.set_listener("collector", collector)
        connection.connect("login", "passcode", wait=True)
        self.addCleanup(connection.disconnect)
        return connection, collector

    async def confirmed(self, client, method, *arguments, **keywords):
        """Calls a method of the connection's with a receipt, and waits for that."""
        connection, collector = client
        receipt = f"r{next(self.numbers)}"
        getattr(connection, method)(*arguments, receipt=receipt, **keywords)
        await wait_for("the receipt", lambda: receipt in collector.receipts)

    async def subscribed(self, destination, version="1.2", ack="client-individual"):
        client = self.connect(version)
        await self.confirmed(client, "subscribe", destination, id="s", ack=ack)
        return client

    async def bodies(self, client, count):
        """So many, each of which is acknowledged."""
        connection, collector = client
        await wait_for("the messages", lambda: len(collector.messages) >= count)
        for message in collector.messages:
            self.answer(connection, message)
        return sorted(message.body for message in collector.messages)

    def answer(self, connection, message, answer="ack"):
        headers = message.headers
        if isinstance(connection, stomp.Connection12):
            getattr(connection, answer)(headers["ack"])
        elif isinstance(connection, stomp.Connection11):
            getattr(connection, answer)(headers["message-id"], headers["subscription"])
        else:
            getattr(connection, answer)(headers["message-id"])

    async def test_from_stomp_to_pynsq(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                self.topic = f"py-to-pynsq-{version}"
                _, messages = self.collect("c")
                client = self.connect(version)
                for body in (b"hello", b"a\0b\n", b"x" * 1_000_000):
                    await self.confirmed(client, "send", f"/topic/{self.topic}", body)
                self.assertEqual(await self.receive_bodies(messages, 3), [b"a\0b\n", b"hello", b"x" * 1_000_000])

    async def test_from_pynsq_to_stomp(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                self.topic = f"py-to-stomp-{version}"
                ack = "client" if version == "1.0" else "client-individual"
                client = await self.subscribed(f"/queue/{self.topic}/c", version, ack)
                await self.publish(await self.writer(), "mpub", [b"hello", b"a\0b\n", b"x" * 1_000_000])
                self.assertEqual(await self.bodies(client, 3), [b"a\0b\n", b"hello", b"x" * 1_000_000])
                await wait_for("finished", lambda: finished(stats(self.topic, "c")))

    async def test_from_stomp_to_stomp(self):
        for publisher, consumer in itertools.product(VERSIONS, VERSIONS):
            with self.subTest(publisher=publisher, consumer=consumer):
                topic = f"py-stomp-{publisher}-{consumer}"
                _, collector = await self.subscribed(f"/topic/{topic}", consumer, "auto")
                await self.confirmed(self.connect(publisher), "send", f"/topic/{topic}", b"x")
                await wait_for("the message", lambda: [each.body for each in collector.messages] == [b"x"])

    async def test_nack(self):
        connection, collector = await self.subscribed(f"/queue/{self.topic}/c")
        await self.publish(await self.writer(), "pub", b"again")
        for attempts in (1, 2):
            await wait_for("an attempt", lambda: len(collector.messages) == attempts)
            self.assertEqual(collector.messages[-1].headers["attempts"], str(attempts))
            self.answer(connection, collector.messages[-1], "nack" if attempts == 1 else "ack")
        await wait_for("finished", lambda: finished(stats(self.topic, "c")))

    async def test_transaction(self):
        _, messages = self.collect("c")
        client = self.connect()
        connection = client[0]
        kept, dropped = connection.begin(), connection.begin()
        for transaction in (kept, dropped):
            connection.send(f"/topic/{self.topic}", transaction.encode(), transaction=transaction)
        connection.abort(dropped)
        await self.confirmed(client, "send", f"/topic/{self.topic}", b"before")
        self.assertEqual(await self.receive_bodies(messages, 1), [b"before"])
        await self.confirmed(client, "commit", kept)
        self.assertEqual(await self.receive_bodies(messages, 1), [kept.encode()])

    async def test_heart_beats(self):
        connection, collector = self.connect(heartbeats=(1000, 1000))
        await wait_for("heart-beats", lambda: collector.heart_beats == 3)
        self.assertTrue(connection.is_connected())

    async def test_unsubscribe(self):
        client = await self.subscribed(f"/queue/{self.topic}/c")
        await self.publish(await self.writer(), "mpub", [b"1", b"2"])
        await wait_for("the messages", lambda: len(client[1].messages) == 2)
        await self.confirmed(client, "unsubscribe", id="s")
        _, messages = self.collect("c")
        self.assertEqual([message.attempts for message in await self.receive(messages, 2)], [2, 2])

    async def test_error(self):
        connection, collector = self.connect()
        connection.send("/nowhere", b"x", receipt="r")
        await wait_for("the error", lambda: collector.errors)
        self.assertEqual(collector.errors[0]["receipt-id"], "r")
        self.assertIn("is neither /topic/TOPIC nor /queue/TOPIC/CHANNEL", collector.errors[0]["message"])


if __name__ == "__main__":
    interop.main()
