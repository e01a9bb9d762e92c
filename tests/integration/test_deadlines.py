"""Timeouts, TOUCH, deferred and requeued messages, heartbeats. Nothing may come early; how late it comes is only
told, as it is a matter of the machine."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import RESPONSE, Frame, ServerCase, dpub, main, mpub, pub, wait_until  # noqa: E402

MSG_TIMEOUT_S = 0.4
# The clocks of the test and the server count the same time, but are read at different moments.
EARLY_S = 0.001


class Deadlines(ServerCase):
    FLAGS = ("--msg-timeout=400ms", "--max-msg-timeout=1s", "--max-req-timeout=2s", "--max-heartbeat-interval=5s")

    def assert_not_early(self, started, due_s):
        """Checks that now is at least due_s after `started`. Returns how many seconds more it is."""
        late = time.monotonic() - started - due_s
        self.assertGreater(late, -EARLY_S)
        return late

    def tell(self, what, lateness):
        print(f"\n    {what} late by {min(lateness) * 1000:.1f} to {max(lateness) * 1000:.1f} ms ", end="")

    def test_timeout(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=1)
        self.web.publish(topic, b"x")
        message = consumer.read_message()
        lateness = []
        for attempts in (2, 3, 4):
            started = time.monotonic()
            again = consumer.read_message()
            # It was in flight a little before it was here.
            late = time.monotonic() - started - MSG_TIMEOUT_S
            self.assertGreater(late, -0.3)
            lateness.append(late)
            self.assertEqual(again, message._replace(attempts=attempts))
        self.tell("timeouts", lateness)
        consumer.fin(again)
        self.server.wait_channel(topic, "c", timeout_count=3, depth=0, in_flight_count=0, requeue_count=0)

    def test_a_message_that_timed_out_is_no_longer_ours(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=1)
        self.web.publish(topic, b"x")
        message = consumer.read_message()
        consumer.ready(0)
        self.server.wait_channel(topic, "c", timeout_count=1, depth=1, in_flight_count=0)
        for command in (b"FIN %s\n", b"REQ %s 0\n", b"TOUCH %s\n"):
            consumer.send(command % message.id)
            name = command.split()[0]
            consumer.expect_error(b"E_%s_FAILED %s %s failed ID not in flight" % (name, name, message.id))

    def test_msg_timeout_of_a_client(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", msg_timeout=1000)
        started = time.monotonic()
        consumer.ready(1)
        self.web.publish(topic, b"x")
        consumer.read_message()
        self.assertEqual(consumer.read_message().attempts, 2)
        self.tell("a client's timeout", [self.assert_not_early(started, 1)])

    def test_a_lost_consumer_s_messages_time_out(self):
        topic = self.name()
        gone, other = self.consumer(topic, "c", ready=2), self.consumer(topic, "c")
        self.client().command(mpub(topic, [b"x", b"y"]))
        messages = gone.read_messages(2)
        gone.reset()
        other.ready(2)
        again = other.read_messages(2)
        self.assertEqual(sorted(m.id for m in again), sorted(m.id for m in messages))
        self.assertEqual([m.attempts for m in again], [2, 2])

    def test_touch(self):
        topic = self.name()
        consumer = self.consumer(topic, "c")
        started = time.monotonic()
        consumer.ready(1)
        self.web.publish(topic, b"x")
        message = consumer.read_message()
        # Touched for ever it still comes back once max-msg-timeout has passed.
        touches = 0
        while consumer.nothing_to_read():
            consumer.touch(message)
            touches += 1
            consumer.send(b"NOP\n")
            wait_until(lambda: not consumer.nothing_to_read() or time.monotonic() > started + touches * 0.05,
                       "the time of the next touch or the message")
        frames = [consumer.read_frame()]
        while frames[-1].type != 2:
            # A touch that was under way when the time was up.
            self.assertEqual(frames[-1].data, b"E_TOUCH_FAILED TOUCH " + message.id + b" failed ID not in flight")
            frames.append(consumer.read_frame())
        self.tell("a touched message", [self.assert_not_early(started, 1)])
        self.assertGreater(touches, 5)
        self.server.wait_channel(topic, "c", timeout_count=1)

    def test_requeue_delays(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=10)
        self.client().command(mpub(topic, [b"0", b"100", b"300", b"500"]))
        messages = consumer.read_messages(4)
        started = time.monotonic()
        for message in messages:
            consumer.req(message, int(message.body))
        lateness = []
        for body in (b"0", b"100", b"300", b"500"):
            message = consumer.read_message()
            self.assertEqual((message.body, message.attempts), (body, 2))
            lateness.append(self.assert_not_early(started, int(body) / 1000))
            consumer.fin(message)
        self.tell("requeued messages", lateness)
        self.server.wait_channel(topic, "c", requeue_count=4, deferred_count=0, in_flight_count=0, depth=0)

    def test_requeue_beyond_the_limit_is_cut(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=10)
        self.web.publish(topic, b"x")
        started = time.monotonic()
        consumer.req(consumer.read_message(), 99999999)
        self.server.wait_channel(topic, "c", deferred_count=1)
        self.assertEqual(consumer.read_message().attempts, 2)
        self.tell("a requeue cut to max-req-timeout", [self.assert_not_early(started, 2)])

    def test_deferred_messages(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=100)
        producer = self.client()
        delays = [int(number * 37 % 600) for number in range(1, 60)]
        due = {}
        for delay in delays:
            body = b"%d" % len(due)
            due[body] = time.monotonic() + delay / 1000
            producer.command(dpub(topic, delay, body))
        lateness = []
        for _ in delays:
            message = consumer.read_message()
            lateness.append(self.assert_not_early(due.pop(message.body), 0))
            consumer.fin(message)
        self.tell("deferred messages", lateness)

    def test_deferred_messages_come_in_the_order_of_their_due_times(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=1)
        for delay in (900, 300, 600):
            self.client().command(dpub(topic, delay, b"%d" % delay))
        for body in (b"300", b"600", b"900"):
            message = consumer.read_message()
            self.assertEqual((message.body, message.attempts), (body, 1))
            consumer.fin(message)

    def test_deferred_messages_reach_each_channel(self):
        topic = self.name()
        consumers = [self.consumer(topic, channel, ready=10) for channel in ("a", "b")]
        started = time.monotonic()
        self.client().command(dpub(topic, 300, b"x"))
        for channel in ("a", "b"):
            self.server.wait_channel(topic, channel, message_count=1)
        for consumer in consumers:
            self.assertEqual(consumer.read_message().body, b"x")
            self.assert_not_early(started, 0.3)

    def test_a_deferred_message_in_a_paused_channel(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=10)
        self.web.do("channel/pause", topic, "c")
        self.client().command(dpub(topic, 50, b"x"))
        self.server.wait_channel(topic, "c", deferred_count=0, depth=1)
        self.web.do("channel/unpause", topic, "c")
        self.assertEqual(consumer.read_message().body, b"x")

    def test_heartbeats(self):
        client = self.client()
        client.identify(heartbeat_interval=1000)
        started = time.monotonic()
        self.assertEqual(client.read_raw_frame(), Frame(RESPONSE, b"_heartbeat_"))
        self.tell("the first heartbeat", [self.assert_not_early(started, 0.9)])
        client.send(b"NOP\n")
        # Any command shows that the client is alive.
        self.assertEqual(client.read_raw_frame(), Frame(RESPONSE, b"_heartbeat_"))
        client.command(pub(self.name(), b"x"))
        self.assertEqual(client.read_raw_frame(), Frame(RESPONSE, b"_heartbeat_"))
        client.send(b"NOP\n")

    def test_who_does_not_answer_heartbeats_is_cut_off(self):
        topic = self.name()
        client = self.server.client(answer_heartbeats=False)
        self.addCleanup(client.close)
        started = time.monotonic()
        client.identify(heartbeat_interval=1000)
        client.subscribe(topic, "c")
        client.expect_closed()
        self.tell("the end of a dead client", [self.assert_not_early(started, 1.9)])
        self.assertLessEqual(client.heartbeats, 3)
        self.server.wait_channel(topic, "c", client_count=0)

    def test_no_heartbeats_when_turned_off(self):
        quiet, other = self.client(), self.client()
        quiet.identify(heartbeat_interval=-1)
        other.identify(heartbeat_interval=1000)
        for _ in range(4):
            self.assertEqual(other.read_raw_frame(), Frame(RESPONSE, b"_heartbeat_"))
            other.send(b"NOP\n")
        self.assertTrue(quiet.nothing_to_read())
        quiet.command(pub(self.name(), b"x"))

    def test_an_idle_server_uses_no_cpu(self):
        before = self.server.cpu_s()
        client = self.client()
        client.identify(heartbeat_interval=1000)
        started = time.monotonic()
        client.read_raw_frame()
        used = self.server.cpu_s() - before
        elapsed = time.monotonic() - started
        print(f"\n    {used * 1000:.0f} ms of CPU in {elapsed:.1f} s of idling ", end="")
        # Told for a reader; only a server that spins all the time on a core fails.
        self.assertLess(used, max(0.5 * elapsed, 0.2))


if __name__ == "__main__":
    main()
