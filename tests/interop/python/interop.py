"""pynsq against the server at NSQD_TCP and NSQD_HTTP."""

import asyncio
import json
import logging
import os
import time
import unittest
import urllib.parse
import urllib.request

import nsq

# Far beyond what anything here takes.
DEADLINE_S = 60


def post(path, **arguments):
    query = urllib.parse.urlencode(arguments)
    request = urllib.request.Request(f"http://{os.environ['NSQD_HTTP']}{path}?{query}", data=b"", method="POST")
    urllib.request.urlopen(request, timeout=DEADLINE_S).close()


def stats(topic, channel):
    url = f"http://{os.environ['NSQD_HTTP']}/stats?format=json&topic={urllib.parse.quote(topic)}"
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
        topics = json.load(answer)["topics"] or []
    return next((c for t in topics for c in t["channels"] if c["channel_name"] == channel), None)


def finished(channel):
    return channel and not (channel["depth"] or channel["in_flight_count"] or channel["deferred_count"])


async def wait_for(what, condition):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not in time: {what}")
        await asyncio.sleep(0.01)


class PynsqCase(unittest.IsolatedAsyncioTestCase):
    """What tests need of pynsq."""

    def setUp(self):
        self.topic = "py-" + self._testMethodName

    async def writer(self):
        writer = nsq.Writer([os.environ["NSQD_TCP"]], heartbeat_interval=1)
        await wait_for("the writer is connected", lambda: writer.conns)
        self.addAsyncCleanup(self.close, writer)
        return writer

    def reader(self, channel, handler, **settings):
        settings = {"max_in_flight": 100, "requeue_delay": 0, "max_backoff_duration": 1, "msg_timeout": 1, **settings}
        reader = nsq.Reader(self.topic, channel, message_handler=handler,
                            nsqd_tcp_addresses=[os.environ["NSQD_TCP"]], **settings)
        self.addAsyncCleanup(self.close, reader)
        return reader

    async def close(self, client):
        for connection in list(client.conns.values()):
            connection.close()

    def collect(self, channel, **settings):
        """A reader that finishes everything, and the queue of what it got."""
        messages = asyncio.Queue()

        def handle(message):
            messages.put_nowait(message)
            return True
        return self.reader(channel, handle, **settings), messages

    async def publish(self, writer, command, *arguments):
        done = asyncio.get_running_loop().create_future()
        getattr(writer, command)(self.topic, *arguments, callback=lambda _, data: done.set_result(data))
        self.assertEqual(await asyncio.wait_for(done, DEADLINE_S), b"OK")

    async def receive(self, messages, count=1):
        return [await asyncio.wait_for(messages.get(), DEADLINE_S) for _ in range(count)]

    async def receive_bodies(self, messages, count):
        return sorted(message.body for message in await self.receive(messages, count))


class Pynsq(PynsqCase):
    async def test_publish(self):
        await self.publish(await self.writer(), "pub", b"hello")
        _, messages = self.collect("c")
        self.assertEqual(await self.receive_bodies(messages, 1), [b"hello"])
        await wait_for("finished", lambda: finished(stats(self.topic, "c")))

    async def test_multi_publish(self):
        bodies = [b"%d" % number for number in range(1000)]
        await self.publish(await self.writer(), "mpub", bodies)
        _, messages = self.collect("c")
        self.assertEqual(await self.receive_bodies(messages, 1000), sorted(bodies))
        await wait_for("finished", lambda: finished(stats(self.topic, "c")))

    async def test_deferred_publish(self):
        _, messages = self.collect("c")
        writer = await self.writer()
        started = time.monotonic()
        await self.publish(writer, "dpub", 300, b"late")
        message, = await self.receive(messages)
        self.assertGreater(time.monotonic() - started, 0.299)
        self.assertEqual((message.body, message.attempts), (b"late", 1))

    async def test_requeue_with_backoff(self):
        attempts = asyncio.Queue()

        def handle(message):
            attempts.put_nowait(message.attempts)
            return message.attempts == 4
        self.reader("c", handle)
        await self.publish(await self.writer(), "pub", b"again")
        self.assertEqual(await self.receive(attempts, 4), [1, 2, 3, 4])
        await wait_for("three requeues", lambda: (finished(stats(self.topic, "c"))
                                                  and stats(self.topic, "c")["requeue_count"] == 3))

    async def test_touch(self):
        messages = asyncio.Queue()

        def handle(message):
            message.enable_async()
            messages.put_nowait(message)
        self.reader("c", handle)
        await self.publish(await self.writer(), "pub", b"long work")
        message, = await self.receive(messages)
        started = time.monotonic()
        while time.monotonic() < started + 2:  # twice the message timeout
            message.touch()
            await asyncio.sleep(0.2)
        message.finish()
        await wait_for("finished", lambda: finished(stats(self.topic, "c")))
        self.assertEqual(stats(self.topic, "c")["timeout_count"], 0)
        self.assertTrue(messages.empty())

    async def test_timeout(self):
        messages = asyncio.Queue()

        def handle(message):
            message.enable_async()
            messages.put_nowait(message)
        self.reader("c", handle)
        await self.publish(await self.writer(), "pub", b"forgotten")
        first, second = await self.receive(messages, 2)
        self.assertEqual((first.id, second.attempts), (second.id, 2))
        second.finish()
        await wait_for("finished", lambda: finished(stats(self.topic, "c")))
        self.assertEqual(stats(self.topic, "c")["timeout_count"], 1)

    async def test_two_channels(self):
        (_, first), (_, second) = self.collect("a"), self.collect("b")
        for channel in ("a", "b"):
            await wait_for(f"channel {channel}", lambda channel=channel: stats(self.topic, channel))
        await self.publish(await self.writer(), "mpub", [b"1", b"2"])
        self.assertEqual(await self.receive_bodies(first, 2), [b"1", b"2"])
        self.assertEqual(await self.receive_bodies(second, 2), [b"1", b"2"])

    async def test_two_consumers_on_one_channel(self):
        consumers = [[], []]
        held = []

        def handler(number):
            # The first message of each is held until both have one: so both get some.
            def handle(message):
                message.enable_async()
                consumers[number].append(message.body)
                held.append(message)
                if all(consumers):
                    while held:
                        held.pop().finish()
            return handle
        for number in (0, 1):
            self.reader("c", handler(number), max_in_flight=1)
        bodies = [b"%d" % number for number in range(100)]
        await self.publish(await self.writer(), "mpub", bodies)
        await wait_for("all came", lambda: len(consumers[0]) + len(consumers[1]) >= 100)
        self.assertEqual(sorted(consumers[0] + consumers[1]), sorted(bodies))
        await wait_for("finished", lambda: finished(stats(self.topic, "c")))

    async def test_ephemeral_channel(self):
        reader, messages = self.collect("c#ephemeral")
        await wait_for("the channel", lambda: stats(self.topic, "c#ephemeral"))
        await self.publish(await self.writer(), "pub", b"x")
        self.assertEqual(await self.receive_bodies(messages, 1), [b"x"])
        await self.close(reader)
        await wait_for("the channel is gone", lambda: stats(self.topic, "c#ephemeral") is None)

    async def test_pause(self):
        _, messages = self.collect("c")
        await wait_for("the channel", lambda: stats(self.topic, "c"))
        post("/channel/pause", topic=self.topic, channel="c")
        await self.publish(await self.writer(), "pub", b"x")
        await wait_for("it waits", lambda: stats(self.topic, "c")["depth"] == 1)
        self.assertTrue(messages.empty())
        post("/channel/unpause", topic=self.topic, channel="c")
        self.assertEqual(await self.receive_bodies(messages, 1), [b"x"])


def main():
    # pynsq takes every end of a connection for an error.
    logging.getLogger("nsq").setLevel(logging.CRITICAL)
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
