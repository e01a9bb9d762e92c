"""#ephemeral topics and channels: nothing of them on the disk, bounded by mem-queue-size, gone with the last of theirs."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import ServerCase, dpub, is_stock, main, wait_until  # noqa: E402

MEMORY = 10


class Ephemeral(ServerCase):
    FLAGS = (f"--mem-queue-size={MEMORY}",)

    def topic_name(self):
        return self.name() + "#ephemeral"

    def publish(self, topic, count):
        for number in range(count):
            self.web.publish(topic, b"%d" % number)

    def bodies(self, client, count):
        """Exactly so many messages come."""
        bodies = [message.body for message in client.read_messages(count)]
        client.expect_alive()
        return bodies

    def create(self, topic, channel):
        self.web.do("topic/create", topic)
        self.web.do("channel/create", topic, channel)

    def wait_gone(self, topic):
        wait_until(lambda: self.server.topic(topic) is None, f"{topic} is gone")

    def metadata(self):
        with open(os.path.join(self.server.data_path, "nsqd.dat"), encoding="utf-8") as file:
            return file.read()

    def test_a_topic_without_a_channel_is_bounded(self):
        topic = self.topic_name()
        self.publish(topic, 3 * MEMORY)
        stats = self.server.topic(topic)
        self.assertEqual((stats["depth"], stats["backend_depth"], stats["message_count"]), (MEMORY, 0, 3 * MEMORY))
        consumer = self.consumer(topic, "c", ready=100)
        # The stock nsqd keeps the oldest, ours the newest: etc/decisions/2026-11-22-ephemeral-overflow.md.
        first = 0 if is_stock() else 2 * MEMORY
        self.assertEqual(self.bodies(consumer, MEMORY), [b"%d" % number for number in range(first, first + MEMORY)])
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=MEMORY, message_count=MEMORY)

    def test_a_lasting_channel_keeps_its_topic(self):
        topic = self.topic_name()
        self.publish(topic, 5)
        consumer = self.consumer(topic, "c", ready=100)
        self.bodies(consumer, 5)
        consumer.close()
        self.server.wait_channel(topic, "c", client_count=0, in_flight_count=5)
        self.web.do("channel/delete", topic, "c")
        self.wait_gone(topic)

    def test_a_topic_stays_until_its_last_channel_goes(self):
        topic = self.topic_name()
        self.create(topic, "a#ephemeral")
        self.web.do("channel/create", topic, "b")
        self.consumer(topic, "a#ephemeral").close()
        wait_until(lambda: self.server.channel(topic, "a#ephemeral") is None, "the channel is gone")
        self.consumer(topic, "b").close()
        self.server.wait_channel(topic, "b", client_count=0)
        self.web.do("channel/delete", topic, "b")
        self.wait_gone(topic)

    def test_a_channel_nobody_used_stays(self):
        topic = self.name()
        self.create(topic, "c#ephemeral")
        self.publish(topic, 1)
        self.server.wait_channel(topic, "c#ephemeral", depth=1, client_count=0)

    def test_what_a_channel_had_goes_with_it(self):
        topic = self.name()
        self.create(topic, "c#ephemeral")
        self.publish(topic, MEMORY)
        consumer = self.consumer(topic, "c#ephemeral", ready=3)
        first, *_ = consumer.read_messages(3)
        consumer.req(first, 60000)
        self.server.wait_channel(topic, "c#ephemeral", in_flight_count=3, deferred_count=1, depth=MEMORY - 4)
        consumer.close()
        wait_until(lambda: self.server.channel(topic, "c#ephemeral") is None, "the channel is gone")
        again = self.consumer(topic, "c#ephemeral", ready=3)
        self.server.wait_channel(topic, "c#ephemeral", in_flight_count=0, deferred_count=0, depth=0, message_count=0)
        again.expect_alive()

    def test_what_is_given_back_is_bounded_too(self):
        topic = self.name()
        self.create(topic, "c#ephemeral")
        consumer = self.consumer(topic, "c#ephemeral", ready=100)
        messages = []
        for number in range(3 * MEMORY):
            self.web.publish(topic, b"%d" % number)
            messages.append(consumer.read_message())
        consumer.ready(0)
        for message in messages:
            consumer.req(message, 0)
        # Ours drops what is too much with the next message.
        self.server.wait_channel(topic, "c#ephemeral", in_flight_count=0)
        self.web.publish(topic, b"next")
        self.server.wait_channel(topic, "c#ephemeral", in_flight_count=0, deferred_count=0, depth=MEMORY)

    def test_deferred_messages_do_not_count(self):
        topic = self.topic_name()
        client = self.client()
        client.command(dpub(topic, 60000, b"x"))
        self.assertEqual(self.server.topic(topic)["depth"], 1)
        self.web.do("channel/create", topic, "c#ephemeral")
        self.server.wait_channel(topic, "c#ephemeral", depth=0, deferred_count=1)
        for _ in range(2 * MEMORY):
            client.command(dpub(topic, 60000, b"x"))
        self.server.wait_channel(topic, "c#ephemeral", depth=0, deferred_count=2 * MEMORY + 1)

    def test_nothing_is_on_the_disk(self):
        topic = self.topic_name()
        self.create(topic, "c")
        self.web.do("topic/pause", topic)
        plain = self.name()
        self.create(plain, "c#ephemeral")
        self.web.do("channel/pause", plain, "c#ephemeral")
        self.publish(topic, MEMORY)
        self.publish(plain, MEMORY)
        wait_until(lambda: f'"{plain}"' in self.metadata(), "the metadata is written")
        self.assertNotIn("#ephemeral", self.metadata())
        for _, directories, files in os.walk(self.server.data_path):
            for name in directories + files:
                self.assertNotIn("ephemeral", name)

    def test_names(self):
        for name, status in (("#ephemeral", 400), ("a#ephemeral#ephemeral", 400), ("a" * 54 + "#ephemeral", 200),
                             ("a" * 55 + "#ephemeral", 400), ("a#Ephemeral", 400), ("a#ephemeral ", 400)):
            with self.subTest(name=name):
                quoted = name.replace("#", "%23").replace(" ", "%20")
                self.assertEqual(self.web.post(f"/topic/create?topic={quoted}").status, status)


if __name__ == "__main__":
    main()
