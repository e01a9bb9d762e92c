"""A stop and a start on the same data directory: what was acknowledged is there again."""

import os
import shutil
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import RESPONSE, Closed, Frame, Server, dpub, main, mpub, pub, wait_until  # noqa: E402


class Restart(unittest.TestCase):
    def setUp(self):
        self.data_path = tempfile.mkdtemp(prefix="nsqd-test-")
        self.addCleanup(shutil.rmtree, self.data_path, ignore_errors=True)

    def start(self, *flags):
        server = Server(*flags, data_path=self.data_path)
        self.addCleanup(server.kill)
        return server

    def drain(self, server, topic, channel):
        """Consumes until the channel has nothing left. Returns the bodies."""
        client = server.client().subscribe(topic, channel, 1000)
        bodies = []

        def empty():
            stats = server.channel(topic, channel)
            return (not any(stats[key] for key in ("depth", "in_flight_count", "deferred_count"))
                    and server.topic(topic)["depth"] == 0)
        while not empty():
            while not client.nothing_to_read():
                message = client.read_message()
                bodies.append(message.body)
                client.fin(message)
        client.close()
        return bodies

    def test_topics_channels_and_pauses(self):
        server = self.start()
        web = server.web()
        for topic in ("plain", "paused", "gone", "short#ephemeral"):
            web.do("topic/create", topic)
        web.do("topic/pause", "paused")
        for channel in ("plain", "paused", "gone", "short#ephemeral"):
            web.do("channel/create", "plain", channel)
        web.do("channel/pause", "plain", "paused")
        web.do("channel/delete", "plain", "gone")
        web.do("topic/delete", "gone")
        server.stop()
        server = self.start()
        topics = server.stats()["topics"]
        self.assertEqual([(t["topic_name"], t["paused"]) for t in topics], [("paused", True), ("plain", False)])
        self.assertEqual([(c["channel_name"], c["paused"]) for c in topics[1]["channels"]],
                         [("paused", True), ("plain", False)])
        server.stop()

    def test_waiting_deferred_and_in_flight_messages(self):
        server = self.start()
        web = server.web()
        web.do("topic/create", "lonely")
        web.do("topic/create", "t")
        for channel in ("a", "b"):
            web.do("channel/create", "t", channel)
        client = server.client()
        client.command(mpub("lonely", [b"kept %d" % number for number in range(100)]))
        bodies = [b"%d" % number for number in range(100)]
        client.command(mpub("t", bodies))
        client.command(dpub("t", 1500, b"deferred"))
        for channel in ("a", "b"):
            server.wait_channel("t", channel, depth=100, deferred_count=1)
        consumer = server.client().subscribe("t", "a", 10)
        held = consumer.read_messages(10)
        consumer.ready(0)
        for message in held[:3]:
            consumer.fin(message)
        consumer.req(held[3], 1000)
        consumer.req(held[4], 0)
        server.wait_channel("t", "a", in_flight_count=5, depth=91, deferred_count=2)
        server.stop()
        server = self.start()
        finished = [message.body for message in held[:3]]
        self.assertEqual(sorted(self.drain(server, "t", "b")), sorted(bodies + [b"deferred"]))
        self.assertEqual(sorted(self.drain(server, "t", "a")),
                         sorted([body for body in bodies if body not in finished] + [b"deferred"]))
        self.assertEqual(len(self.drain_new_channel(server, "lonely")), 100)
        server.stop()

    def drain_new_channel(self, server, topic):
        server.web().do("channel/create", topic, "c")
        wait_until(lambda: server.topic(topic)["depth"] == 0, "the new channel has what the topic kept")
        return self.drain(server, topic, "c")

    def test_what_was_in_memory_only(self):
        """Under --durability=memory a stop writes what never was on the disk."""
        server = self.start("--durability=memory")
        for channel in ("a", "b"):
            server.web().do("topic/create", "t")
            server.web().do("channel/create", "t", channel)
        bodies = [b"%d" % number for number in range(100)]
        client = server.client()
        client.command(mpub("t", bodies))
        client.command(dpub("t", 1500, b"deferred"))
        consumer = server.client().subscribe("t", "a", 10)
        held = consumer.read_messages(10)
        consumer.ready(0)
        for message in held[:3]:
            consumer.fin(message)
        consumer.req(held[3], 0)
        server.wait_channel("t", "a", in_flight_count=6, depth=91, deferred_count=1)
        server.stop()
        server = self.start("--durability=memory")
        finished = [message.body for message in held[:3]]
        self.assertEqual(sorted(self.drain(server, "t", "b")), sorted(bodies + [b"deferred"]))
        self.assertEqual(sorted(self.drain(server, "t", "a")),
                         sorted([body for body in bodies if body not in finished] + [b"deferred"]))
        server.stop()

    def test_what_was_made_is_there_after_a_kill_at_once(self):
        """Written before the answer, not some tenths of a second later."""
        for made in range(4):
            with self.subTest(made=made):
                self.setUp()
                server = self.start()
                topic = f"t{made}"
                server.web().do("topic/create", topic)
                server.web().do("channel/create", topic, "early")
                if made == 1:
                    server.web().do("channel/create", topic, "late")
                elif made == 2:
                    server.client().subscribe(topic, "late").close()
                elif made == 3:
                    server.web().do("channel/pause", topic, "early")
                server.kill()
                server = self.start()
                self.assertIsNotNone(server.channel(topic, "early"))
                if made in (1, 2):
                    self.assertIsNotNone(server.channel(topic, "late"))
                self.assertEqual(server.channel(topic, "early")["paused"], made == 3)
                server.kill()

    def test_attempts_of_a_message_that_comes_back_at_once_again_and_again(self):
        """They are saved behind, but not further behind than one."""
        for delay_ms in (0, 1):
            with self.subTest(delay_ms=delay_ms):
                self.setUp()
                server = self.start()
                server.web().do("topic/create", "t")
                server.web().do("channel/create", "t", "c")
                client = server.client().subscribe("t", "c", 4)
                client.command(mpub("t", [b"a", b"b", b"c"]))
                seen = {}
                while min(seen.values(), default=0) < 100:
                    message = client.read_message()
                    seen[message.body] = message.attempts
                    client.req(message, delay_ms)
                server.kill()
                server = self.start()
                client = server.client().subscribe("t", "c", 4)
                while seen:
                    message = client.read_message()
                    self.assertGreaterEqual(message.attempts, seen.pop(message.body) - 1)
                    client.fin(message)
                server.wait_channel("t", "c", depth=0, in_flight_count=0, deferred_count=0)
                server.stop()

    def test_messages_beyond_the_memory_queue(self):
        server = self.start("--mem-queue-size=10")
        server.web().do("topic/create", "t")
        server.web().do("channel/create", "t", "c")
        client = server.client()
        for batch in range(20):
            client.command(mpub("t", [b"%d" % (batch * 100 + number) for number in range(100)]))
        server.wait_channel("t", "c", depth=2000)
        server.stop()
        server = self.start("--mem-queue-size=10")
        self.assertEqual(sorted(int(body) for body in self.drain(server, "t", "c")), list(range(2000)))
        server.stop()

    def test_a_stop_under_load_loses_nothing_acknowledged(self):
        for round_number in range(3):
            with self.subTest(round=round_number):
                self.stop_under_load(f"load{round_number}")

    def stop_under_load(self, topic):
        server = self.start("--mem-queue-size=100")
        for channel in ("a", "b"):
            server.web().do("topic/create", topic)
            server.web().do("channel/create", topic, channel)
        acknowledged, finished = [], []
        publishers = [threading.Thread(target=self.publish, args=(server, topic, number, acknowledged))
                      for number in range(4)]
        consumers = [threading.Thread(target=self.consume, args=(server, topic, finished)) for _ in range(2)]
        for thread in publishers + consumers:
            thread.start()
        wait_until(lambda: len(acknowledged) > 3000 and len(finished) > 500, "some thousand messages")
        server.stop()
        for thread in publishers + consumers:
            thread.join()
        server = self.start("--mem-queue-size=100")
        consumed = self.drain(server, topic, "a")
        self.assertFalse(set(acknowledged) - set(consumed), "acknowledged and lost by a channel without consumers")
        # What was on its way when the server stopped may have been finished or not.
        consumed = self.drain(server, topic, "b")
        self.assertFalse(set(acknowledged) - set(consumed) - set(finished), "acknowledged and lost")
        server.stop()

    def publish(self, server, topic, number, acknowledged):
        """Publishes until the server is gone. `acknowledged` gets the bodies it said OK to."""
        client = server.client()
        sequence = 0
        try:
            while True:
                bodies = [b"%d-%d" % (number, sequence + offset) for offset in range(10)]
                sequence += 10
                client.send(mpub(topic, bodies[:8]) + pub(topic, bodies[8]) + dpub(topic, 20, bodies[9]))
                for part in (bodies[:8], bodies[8:9], bodies[9:]):
                    if client.read_frame() != Frame(RESPONSE, b"OK"):
                        return
                    acknowledged.extend(part)
        except (Closed, OSError):
            pass
        finally:
            client.close()

    def consume(self, server, topic, finished):
        """Finishes every second message until the server is gone; gives the others back."""
        client = server.client()
        try:
            client.subscribe(topic, "b", 50)
            while True:
                message = client.read_message()
                if int(message.body.rpartition(b"-")[2]) % 2:
                    finished.append(message.body)
                    client.fin(message)
                else:
                    client.req(message, 10)
        except (Closed, OSError):
            pass
        finally:
            client.close()


if __name__ == "__main__":
    main()
