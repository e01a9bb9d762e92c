"""End-to-end processing latency: the time from publishing to FIN, as /stats and /config tell it."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import Server, ServerCase, dpub, main, mpub, ours_only, pub, run_to_exit, wait_until  # noqa: E402

MS = 1_000_000
FLAGS = ("--e2e-processing-latency-percentile=0.5,1.0",)
PERCENTILES = "e2e_processing_latency_percentiles"


def values(stats):
    """{quantile: nanoseconds} of a topic's or a channel's stats."""
    return {entry["quantile"]: entry["value"] for entry in stats["e2e_processing_latency"]["percentiles"]}


def count(stats):
    return stats["e2e_processing_latency"]["count"]


def hold(message, ms):
    """Waits until the message is this old."""
    wait_until(lambda: time.time_ns() >= message.timestamp + ms * MS, f"{ms} ms to pass")


class Latency(ServerCase):
    FLAGS = FLAGS

    def finish(self, consumer, message, topic, channel):
        """Returns the channel's and the topic's stats, and the longest time it can have taken."""
        before = count(self.server.channel(topic, channel))
        consumer.fin(message)
        wait_until(lambda: count(self.server.channel(topic, channel)) == before + 1, "the FIN to count")
        most = time.time_ns() - message.timestamp
        return self.server.channel(topic, channel), self.server.topic(topic), most

    def assert_within(self, stats, quantile, least_ms, most):
        """The sketch may be 1 % above the exact value."""
        self.assertGreaterEqual(values(stats)[quantile], least_ms * MS)
        self.assertLessEqual(values(stats)[quantile], most * 1.01)

    def test_before_the_first_message(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        self.assertEqual(self.server.topic(topic)["e2e_processing_latency"], {"count": 0, "percentiles": None})
        self.web.do("channel/create", topic, "c")
        nothing = {"count": 0, "percentiles": [{"quantile": 1, "value": 0}, {"quantile": 0.5, "value": 0}]}
        self.assertEqual(self.server.topic(topic)["e2e_processing_latency"], nothing)
        self.assertEqual(self.server.channel(topic, "c")["e2e_processing_latency"], nothing)

    def test_a_consumer_that_takes_its_time(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", 2)
        consumer.command(pub(topic, b"x"))
        message = consumer.read_message()
        hold(message, 300)
        for stats in self.finish(consumer, message, topic, "c")[:2]:
            self.assertEqual(count(stats), 1)
            self.assert_within(stats, 1, 300, time.time_ns() - message.timestamp)
            self.assertEqual(values(stats)[1], values(stats)[0.5])

    def test_a_deferred_message(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", 2)
        consumer.command(dpub(topic, 1500, b"x"))
        stats, of_topic, most = self.finish(consumer, consumer.read_message(), topic, "c")
        self.assert_within(stats, 1, 1500, most)
        self.assert_within(of_topic, 0.5, 1500, most)
        self.assertRegex(self.web.get(f"/stats?topic={topic}").body.decode(), r"msgs: 1 +e2e%: \d+\.\ds, \d+\.\ds\n")

    def test_a_message_that_comes_again(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", 1)
        consumer.command(pub(topic, b"x"))
        message = consumer.read_message()
        hold(message, 200)
        consumer.req(message, 0)
        message = consumer.read_message()
        hold(message, 400)
        consumer.req(message, 200)
        message = consumer.read_message()
        self.assertEqual(count(self.server.channel(topic, "c")), 0)
        stats, _, most = self.finish(consumer, message, topic, "c")
        self.assertEqual(count(stats), 1)
        self.assert_within(stats, 1, 600, most)

    def test_a_topic_merges_its_channels(self):
        topic = self.name()
        fast = self.consumer(topic, "fast", 10)
        slow = self.consumer(topic, "slow", 1)
        self.web.do("channel/create", topic, "none")
        fast.command(mpub(topic, [b"%d" % i for i in range(10)]))
        for message in fast.read_messages(10):
            fast.fin(message)
        wait_until(lambda: count(self.server.channel(topic, "fast")) == 10, "all FINs to count")
        quick = values(self.server.channel(topic, "fast"))[1]
        message = slow.read_message()
        hold(message, 2 * quick // MS + 300)
        stats, of_topic, most = self.finish(slow, message, topic, "slow")
        self.assertEqual((count(stats), count(of_topic)), (1, 11))
        self.assertEqual(count(self.server.channel(topic, "none")), 0)
        self.assert_within(of_topic, 1, 300, most)
        self.assertGreater(values(of_topic)[1], quick)
        self.assertLessEqual(values(of_topic)[0.5], quick * 101 // 100)  # values between the ends are within 1 %
        only = self.server.stats(f"&topic={topic}&channel=none")["topics"][0]
        self.assertEqual(count(only), 11)

    def test_config(self):
        self.assertEqual(self.web.json("GET", f"/config/{PERCENTILES}"), [1, 0.5])
        self.assertEqual(self.web.json("GET", "/config/e2e_processing_latency_window_time"), 600_000 * MS)


class Alone(ServerCase):
    """With servers of its own."""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def test_over_a_restart(self):
        server = Server(*FLAGS)
        consumer = server.client().subscribe("t", "c", 1)
        consumer.command(pub("t", b"x"))
        message = consumer.read_message()
        hold(message, 200)
        server.stop(keep_data=True)
        server = Server(*FLAGS, data_path=server.data_path)
        consumer = server.client().subscribe("t", "c", 1)
        again = consumer.read_message()
        self.assertEqual(again.timestamp, message.timestamp)
        consumer.fin(again)
        wait_until(lambda: count(server.channel("t", "c")) == 1, "the FIN to count")
        self.assertGreaterEqual(values(server.channel("t", "c"))[1], 200 * MS)
        server.stop()

    def test_the_window(self):
        server = Server(*FLAGS, "--e2e-processing-latency-window-time=1s")
        consumer = server.client().subscribe("t", "c", 1)
        consumer.command(pub("t", b"x"))
        consumer.fin(consumer.read_message())
        wait_until(lambda: server.channel("t", "c")["in_flight_count"] == 0, "the FIN")
        wait_until(lambda: count(server.channel("t", "c")) == 0, "the window to pass")
        self.assertEqual(values(server.channel("t", "c")), {1: 0, 0.5: 0})
        server.stop()

    @ours_only
    def test_what_is_no_percentile(self):
        for value in ("0", "1.5", "-0.5", "NaN", "abc", "", "0.5,,0.9"):
            code, _, stderr = run_to_exit(f"--e2e-processing-latency-percentile={value}")
            self.assertEqual(code, 2, value)
            self.assertIn("is not a number more than 0 and at most 1", stderr)


if __name__ == "__main__":
    main()
