"""--max-topic-bytes: a full topic refuses publishes with a clear error, others do not notice, and it recovers."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import ERROR, RESPONSE, Closed, ServerCase, dpub, main, mpub, ours_only, pub, wait_until  # noqa: E402

LIMIT = 8 << 20
BODY = b"x" * 10000


@ours_only
class TopicLimit(ServerCase):
    FLAGS = (f"--max-topic-bytes={LIMIT}",)

    def fill(self, topic):
        """Publishes until it is refused. Returns how many were taken and the refusal."""
        taken = 0
        client = self.client()
        while True:
            client.send(pub(topic, BODY))
            frame = client.read_frame()
            if frame.type != RESPONSE:
                return taken, client, frame
            taken += 1
            self.assertLess(taken * len(BODY), 4 * LIMIT, "the topic takes more than it may")

    def assert_full(self, frame, command):
        self.assertEqual(frame.type, ERROR)
        self.assertRegex(frame.data.decode(), rf"^E_{command}_FAILED {command} failed.*full")

    def test_full_and_well_again(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        self.web.do("channel/create", topic, "c")
        taken, client, refusal = self.fill(topic)
        self.assert_full(refusal, "PUB")
        client.expect_closed()
        self.assertGreater(taken * len(BODY), LIMIT // 4)
        for command, data in (("MPUB", mpub(topic, [BODY])), ("DPUB", dpub(topic, 1, BODY))):
            other = self.client()
            other.send(data)
            self.assert_full(other.read_frame(), command)
            other.expect_closed()
        reply = self.web.post(f"/pub?topic={topic}", BODY)
        self.assertGreaterEqual(reply.status, 500)
        self.assertRegex(reply.body, rb'^\{"message":"[^"]+"\}$')
        self.assertEqual(self.server.topic(topic)["message_count"], taken)
        # Other topics, and what comes out of this one, are not touched by it.
        self.client().command(pub(self.name(), BODY))
        self.assert_healthy()
        self.consume(topic, "c", taken)
        wait_until(lambda: self.accepted(topic), "the topic takes messages again")

    def test_a_message_counts_until_every_channel_has_finished_it(self):
        topic = self.name()
        for channel in ("fast", "slow"):
            self.web.do("topic/create", topic)
            self.web.do("channel/create", topic, channel)
        taken, _, _ = self.fill(topic)
        self.consume(topic, "fast", taken)
        self.assertFalse(self.accepted(topic))
        self.consume(topic, "slow", taken)
        wait_until(lambda: self.accepted(topic), "the topic takes messages again")

    def test_emptying_helps(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        self.web.do("channel/create", topic, "c")
        self.fill(topic)
        self.web.do("channel/empty", topic, "c")
        wait_until(lambda: self.accepted(topic), "the topic takes messages again")

    def test_a_topic_without_channels_fills_too(self):
        topic = self.name()
        self.fill(topic)
        self.web.do("topic/empty", topic)
        wait_until(lambda: self.accepted(topic), "the topic takes messages again")

    def accepted(self, topic):
        with self.server.client() as client:
            client.send(pub(topic, BODY))
            try:
                return client.read_frame().type == RESPONSE
            except Closed:
                return False

    def consume(self, topic, channel, count):
        consumer = self.consumer(topic, channel, ready=100)
        for _ in range(count):
            message = consumer.read_message()
            self.assertEqual(message.body, BODY)
            consumer.fin(message)
        self.server.wait_channel(topic, channel, depth=0, in_flight_count=0)
        consumer.close()


if __name__ == "__main__":
    main()
