"""What consumers get: copies and shares, RDY, pauses, emptying, deleting, ephemeral names, samples, ids."""

import collections
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import (MESSAGE, ServerCase, dpub, is_stock, main, mpub, parse_message, pub,  # noqa: E402
                     wait_until)


class Delivery(ServerCase):
    FLAGS = ("--mem-queue-size=1000",)

    def publish_many(self, topic, count):
        bodies = [b"%d" % number for number in range(count)]
        self.client().command(mpub(topic, bodies))
        return bodies

    def drain(self, consumer, count):
        """Finishes this many messages. Returns them."""
        messages = []
        for _ in range(count):
            messages.append(consumer.read_message())
            consumer.fin(messages[-1])
        return messages

    def test_every_channel_gets_a_copy(self):
        topic = self.name()
        consumers = [self.consumer(topic, f"c{number}", ready=100) for number in range(5)]
        bodies = self.publish_many(topic, 500)
        ids = set()
        for consumer in consumers:
            messages = self.drain(consumer, 500)
            self.assertEqual(sorted(m.body for m in messages), sorted(bodies))
            ids.add(tuple(sorted(m.id for m in messages)))
        # A message has the same id in every channel.
        self.assertEqual(len(ids), 1)

    def test_consumers_share_a_channel(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        self.web.do("channel/create", topic, "c")
        bodies = self.publish_many(topic, 300)
        consumers = [self.consumer(topic, "c", ready=100) for _ in range(3)]
        seen = [message.body for consumer in consumers for message in consumer.read_messages(100)]
        self.assertEqual(sorted(seen), sorted(bodies))
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=300)

    def test_ready_bounds_what_is_in_flight(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=3)
        self.publish_many(topic, 10)
        messages = consumer.read_messages(3)
        consumer.expect_alive()
        self.server.wait_channel(topic, "c", in_flight_count=3, depth=7)
        consumer.fin(messages[0])
        messages[0] = consumer.read_message()
        consumer.expect_alive()
        consumer.ready(5)
        messages += consumer.read_messages(2)
        consumer.ready(1)
        for message in messages[:4]:
            consumer.fin(message)
        consumer.expect_alive()
        self.server.wait_channel(topic, "c", in_flight_count=1, depth=4)
        consumer.fin(messages[4])
        consumer.fin(consumer.read_message())
        consumer.read_message()

    def test_a_topic_without_a_channel_keeps_its_messages(self):
        topic = self.name()
        bodies = self.publish_many(topic, 50)
        self.assertEqual(self.server.topic(topic)["depth"], 50)
        first = self.consumer(topic, "first", ready=100)
        self.assertEqual(sorted(m.body for m in self.drain(first, 50)), sorted(bodies))
        later = self.consumer(topic, "later", ready=100)
        self.web.publish(topic, b"new")
        self.assertEqual([m.body for m in self.drain(first, 1) + self.drain(later, 1)], [b"new", b"new"])
        later.expect_alive()

    def test_messages_wait_for_consumers(self):
        topic = self.name()
        self.consumer(topic, "c").close()
        self.server.wait_channel(topic, "c", client_count=0)
        bodies = self.publish_many(topic, 20)
        self.server.wait_channel(topic, "c", depth=20)
        consumer = self.consumer(topic, "c", ready=20)
        self.assertEqual(sorted(m.body for m in consumer.read_messages(20)), sorted(bodies))

    def test_a_paused_channel(self):
        topic = self.name()
        paused, other = self.consumer(topic, "paused", ready=10), self.consumer(topic, "other", ready=10)
        self.web.do("channel/pause", topic, "paused")
        # A message that was on its way when the pause came would be delivered: have one go through first.
        paused.expect_alive()
        self.web.publish(topic, b"x")
        other.fin(other.read_message())
        self.server.wait_channel(topic, "paused", depth=1, in_flight_count=0, paused=True)
        paused.expect_alive()
        self.web.do("channel/unpause", topic, "paused")
        self.assertEqual(paused.read_message().body, b"x")

    def test_a_paused_topic(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=10)
        self.web.do("topic/pause", topic)
        self.web.publish(topic, b"x")
        self.assertEqual(self.server.topic(topic)["depth"], 1)
        self.assertEqual(self.server.channel(topic, "c")["message_count"], 0)
        consumer.expect_alive()
        # A channel that is created in a pause gets what waits, too.
        second = self.consumer(topic, "second", ready=10)
        second.expect_alive()
        self.web.do("topic/unpause", topic)
        self.assertEqual((consumer.read_message().body, second.read_message().body), (b"x", b"x"))

    def test_a_paused_topic_still_delivers_what_its_channels_have(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        self.web.do("channel/create", topic, "c")
        self.web.publish(topic, b"x")
        self.server.wait_channel(topic, "c", depth=1)
        self.web.do("topic/pause", topic)
        self.assertEqual(self.consumer(topic, "c", ready=1).read_message().body, b"x")

    def test_emptying_a_channel(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=2)
        self.publish_many(topic, 10)
        held = consumer.read_messages(2)
        self.client().command(dpub(topic, 3600000, b"late"))
        self.server.wait_channel(topic, "c", depth=8, deferred_count=1, in_flight_count=2)
        self.web.do("channel/empty", topic, "c")
        self.server.wait_channel(topic, "c", depth=0, deferred_count=0, in_flight_count=0)
        consumer.fin(held[0])
        consumer.expect_error(b"E_FIN_FAILED FIN " + held[0].id + b" failed ID not in flight")
        # What was in flight no longer counts against RDY.
        self.publish_many(topic, 2)
        self.assertEqual(sorted(m.body for m in consumer.read_messages(2)), [b"0", b"1"])

    def test_emptying_a_topic(self):
        topic = self.name()
        self.publish_many(topic, 10)
        self.web.do("topic/empty", topic)
        self.assertEqual(self.server.topic(topic)["depth"], 0)
        self.web.publish(topic, b"after")
        self.assertEqual(self.consumer(topic, "c", ready=1).read_message().body, b"after")

    def test_deleting_a_channel(self):
        topic = self.name()
        gone, other = self.consumer(topic, "gone", ready=1), self.consumer(topic, "other", ready=1)
        self.web.publish(topic, b"x")
        gone.read_message()
        self.web.do("channel/delete", topic, "gone")
        gone.expect_closed()
        self.assertEqual(other.read_message().body, b"x")
        self.assertIsNone(self.server.channel(topic, "gone"))
        # The new one of that name knows nothing of the old one's messages.
        again = self.consumer(topic, "gone", ready=1)
        again.expect_alive()
        self.web.publish(topic, b"y")
        self.assertEqual(again.read_message().body, b"y")

    def test_deleting_a_topic(self):
        topic = self.name()
        consumers = [self.consumer(topic, channel, ready=1) for channel in ("a", "a", "b")]
        producer = self.client()
        producer.command(pub(topic, b"x"))
        consumers[2].read_message()
        self.web.do("topic/delete", topic)
        for consumer in consumers[:2]:
            # One of the two may have had the message.
            frame = consumer.read_frame() if not consumer.nothing_to_read() and self.has_message(consumer) else None
            self.assertTrue(frame is None or frame.type == MESSAGE)
            consumer.expect_closed()
        consumers[2].expect_closed()
        self.assertIsNone(self.server.topic(topic))
        producer.command(pub(topic, b"y"))
        self.assertEqual(self.consumer(topic, "a", ready=1).read_message().body, b"y")

    def has_message(self, consumer):
        return bool(consumer.socket.recv(1, 2))  # MSG_PEEK

    def test_an_ephemeral_channel_goes_with_its_last_consumer(self):
        topic = self.name()
        first, second = (self.consumer(topic, "c#ephemeral", ready=10) for _ in range(2))
        self.web.publish(topic, b"x")
        self.server.wait_channel(topic, "c#ephemeral", in_flight_count=1)
        first.close()
        self.server.wait_channel(topic, "c#ephemeral", client_count=1)
        second.close()
        wait_until(lambda: self.server.channel(topic, "c#ephemeral") is None, "the channel is gone")
        self.assertIsNotNone(self.server.topic(topic))

    def test_an_ephemeral_topic_goes_with_its_last_channel(self):
        topic = self.name() + "#ephemeral"
        consumer = self.consumer(topic, "c#ephemeral", ready=10)
        self.client().command(pub(topic, b"x"))
        self.assertEqual(consumer.read_message().body, b"x")
        consumer.close()
        wait_until(lambda: self.server.topic(topic) is None, "the topic is gone")
        lasting = self.consumer(topic, "lasting")
        lasting.close()
        self.server.wait_channel(topic, "lasting", client_count=0)
        self.web.do("channel/delete", topic, "lasting")
        wait_until(lambda: self.server.topic(topic) is None, "the topic is gone again")

    def test_an_ephemeral_channel_drops_what_is_too_much(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        self.web.do("channel/create", topic, "c#ephemeral")
        self.web.do("channel/create", topic, "lasting")
        for _ in range(3):
            self.publish_many(topic, 1000)
        self.server.wait_channel(topic, "lasting", depth=3000)
        channel = wait_until(lambda: self.settled(topic, "c#ephemeral", 3000), "all of it has come by")
        self.assertEqual(channel["depth"], 1000)
        messages = self.consumer(topic, "c#ephemeral", ready=1000).read_messages(1000)
        # The stock nsqd keeps the oldest messages, ours the newest; within the MPUBs either order is right.
        self.assertEqual(len({m.id for m in messages}), 1000)

    def settled(self, topic, name, count):
        channel = self.server.channel(topic, name)
        return channel if channel["message_count"] == count else None

    def test_sample_rate(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        self.web.do("channel/create", topic, "c")
        self.publish_many(topic, 4000)
        self.server.wait_channel(topic, "c", depth=4000)
        consumer = self.consumer(topic, "c", sample_rate=25)
        consumer.ready(2500)
        channel = wait_until(lambda: self.drained(topic, "c"), "the channel is empty")
        delivered = channel["clients"][0]["message_count"]
        # About a quarter. Six standard deviations of a binomial distribution: 6 * sqrt(4000 * 0.25 * 0.75).
        self.assertLess(abs(delivered - 1000), 165)
        self.assertEqual(channel["in_flight_count"], delivered)
        self.assertEqual(len(consumer.read_messages(delivered)), delivered)

    def drained(self, topic, name):
        channel = self.server.channel(topic, name)
        return channel if channel["depth"] == 0 else None

    def test_ids_are_unique(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=2500)
        producers = [self.client() for _ in range(4)]
        for producer in producers:
            producer.send(mpub(topic, [b"m"] * 5000) + b"".join(pub(topic, b"p") for _ in range(500)))
        self.web.publish(topic, b"h")
        ids = collections.Counter(m.id for m in self.drain(consumer, 4 * 5500 + 1))
        self.assertEqual(len(ids), 4 * 5500 + 1)
        self.web.do("topic/delete", topic)
        consumer.expect_closed()
        consumer = self.consumer(topic, "c", ready=2500)
        self.client().command(mpub(topic, [b"again"] * 2000))
        self.assertFalse(set(ids) & {m.id for m in self.drain(consumer, 2000)})

    def test_timestamps_are_when_it_was_published(self):
        topic = self.name()
        before = time.time_ns()
        self.web.publish(topic, b"x")
        after = time.time_ns()
        message = self.consumer(topic, "c", ready=1).read_message()
        self.assertLessEqual(before - 1_000_000, message.timestamp)
        self.assertLessEqual(message.timestamp, after + 1_000_000)

    def test_requeue_keeps_the_message_as_it_is(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=1)
        self.web.publish(topic, b"again and again")
        first = consumer.read_message()
        last = first
        for attempts in range(2, 12):
            consumer.req(last, 0)
            last = consumer.read_message()
            self.assertEqual(last, first._replace(attempts=attempts))
        consumer.fin(last)
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=0, requeue_count=10)

    def test_requeued_messages_go_to_whoever_is_ready(self):
        topic = self.name()
        first = self.consumer(topic, "c", ready=5)
        self.publish_many(topic, 5)
        messages = first.read_messages(5)
        first.ready(0)
        second = self.consumer(topic, "c", ready=5)
        for message in messages:
            first.req(message, 0)
        again = second.read_messages(5)
        self.assertEqual(sorted(m.id for m in again), sorted(m.id for m in messages))
        self.assertEqual({m.attempts for m in again}, {2})
        for message in again:
            second.fin(message)
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=0, requeue_count=5)

    def test_fins_in_any_order_and_in_one_write(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=1000)
        self.publish_many(topic, 1000)
        messages = consumer.read_messages(1000)
        consumer.send(b"".join(b"FIN " + m.id + b"\n" for m in messages[1::2] + messages[-2::-2]))
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=0)
        consumer.expect_alive()

    def test_every_size_arrives_whole(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=100)
        producer = self.client()
        sizes = [1, 2, 100, 1000, 4095, 4096, 4097, 16383, 65535, 65536, 65537, 262144, 1000000]
        bodies = {size: bytes(number % 251 for number in range(size)) for size in sizes}
        for body in bodies.values():
            producer.command(pub(topic, body))
        for _ in sizes:
            message = consumer.read_message()
            self.assertEqual(message.body, bodies[len(message.body)])
            consumer.fin(message)

    def test_client_settings_do_not_hold_messages_back(self):
        for settings in ({"output_buffer_size": -1, "output_buffer_timeout": -1}, {"output_buffer_timeout": 25},
                         {"output_buffer_size": 64}, {"output_buffer_size": 65536, "output_buffer_timeout": 30000}):
            if is_stock() and settings.get("output_buffer_timeout") == 30000:
                continue  # it waits all of those 30 s
            with self.subTest(settings=settings):
                topic = self.name()
                consumer = self.consumer(topic, "c", ready=10, **settings)
                self.web.publish(topic, b"x")
                self.assertEqual(consumer.read_message().body, b"x")

    def test_frames_of_a_message(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=1)
        self.web.publish(topic, b"payload")
        frame = consumer.read_frame()
        self.assertEqual((frame.type, len(frame.data)), (MESSAGE, 8 + 2 + 16 + 7))
        self.assertEqual(parse_message(frame.data).body, b"payload")


if __name__ == "__main__":
    main()
