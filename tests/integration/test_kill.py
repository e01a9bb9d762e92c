"""kill -9 under load: nothing acknowledged is lost, nothing finished comes back, due times and pauses hold.

The engine is tests/support/killtest; tests/bench/kill.py is the long form. The judge itself is tested here, too: with
records made by hand, each of which it must find fault with in one way."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from killtest import Record, judge, run_many  # noqa: E402
from killtest.inspection import inspect  # noqa: E402
from killtest.record import Answer, Delivery, Operation, Run  # noqa: E402
from nsqtest import main  # noqa: E402

SEED = "ci"
KILLS, KILLS_PER_DIRECTORY = 15, 3


class Kill(unittest.TestCase):
    def test_kills_under_load(self):
        done = run_many(KILLS, SEED, kills_per_directory=KILLS_PER_DIRECTORY)
        print(f"{done} kills, seed {SEED!r}")

    def test_stops_under_load(self):
        done = run_many(2, SEED, kills_per_directory=2, signal_name="TERM")
        print(f"{done} stops, seed {SEED!r}")


class Judge(unittest.TestCase):
    """A record of one message on one channel: published at 2.0, a kill at 10, a new start at 11."""

    def setUp(self):
        self.record = Record()
        self.record.runs = [Run(0.0, 10.0), Run(11.0)]
        self.operate("create", 1.0)

    def operate(self, kind, sent, run=0, acked=True, channel="c"):
        operation = Operation(run, sent, sent + 0.1 if acked else None, given_up=10.0, kind=kind, topic="t",
                              channel=channel)
        self.record.operations.append(operation)
        return operation

    def publish(self, sent=2.0, acked=True, delay=0.0):
        publication = self.record.publish("t", "PUB", delay)
        publication.run, publication.sent, publication.given_up = 0, sent, 10.0
        publication.acked = sent + 0.1 if acked else None
        return ("t", "c", publication.number)

    def deliver(self, message, at, attempts):
        self.record.deliveries[message].append(Delivery(int(at > 10), at, attempts))

    def answer(self, message, kind, at, attempts=1, delay=0.0, refused=False):
        self.record.answers[message].append(Answer(int(at > 10), kind, attempts, at, at, delay, refused))

    def finished(self, message, at, attempts):
        self.deliver(message, at, attempts)
        self.answer(message, "FIN", at, attempts)

    def rules(self, graceful=False):
        return [each.rule for each in judge(self.record, graceful)]

    def test_all_is_well(self):
        self.finished(self.publish(), 3.0, 1)
        message = self.publish()
        self.deliver(message, 9.5, 1)
        self.finished(message, 12.0, 1)
        self.publish(acked=False)
        self.assertEqual(self.rules(), [])

    def test_lost(self):
        self.deliver(self.publish(), 3.0, 1)
        self.assertEqual(self.rules(), ["lost"])

    def test_a_refused_finish_finishes_nothing(self):
        message = self.publish()
        self.deliver(message, 3.0, 1)
        self.answer(message, "FIN", 5.0, refused=True)
        self.assertEqual(self.rules(), ["lost"])

    def test_what_may_be_lost(self):
        self.publish(sent=0.5)  # before the channel
        self.publish()
        self.operate("empty", 3.0, acked=False)
        self.assertEqual(self.rules(), [])

    def test_the_first_channel_gets_what_was_there(self):
        self.record.operations[0].first = True
        self.publish(sent=0.5)
        self.assertEqual(self.rules(), ["lost"])

    def test_deleted_and_created_again(self):
        self.publish()
        self.operate("delete", 3.0)
        self.operate("create", 4.0)
        self.publish(sent=5.0)
        self.assertEqual([(each.rule, each.number) for each in judge(self.record)], [("lost", 2)])

    def test_finished_and_back(self):
        for finished_at, expected in ((8.9, ["finished and back"]), (9.5, [])):
            with self.subTest(finished_at=finished_at):
                self.setUp()
                message = self.publish()
                self.finished(message, finished_at, 1)
                self.finished(message, 12.0, 2)
                self.assertEqual(self.rules(), expected)

    def test_attempts(self):
        for after, killed, stopped in ((3, [], []), (2, [], ["attempts"]), (1, ["attempts"], ["attempts"])):
            with self.subTest(after=after):
                self.setUp()
                message = self.publish()
                self.deliver(message, 3.0, 1)
                self.deliver(message, 5.0, 2)
                self.finished(message, 12.0, after)
                self.assertEqual((self.rules(), self.rules(graceful=True)), (killed, stopped))

    def test_one_attempt_twice(self):
        message = self.publish()
        self.deliver(message, 3.0, 1)
        self.finished(message, 5.0, 1)
        self.assertEqual(self.rules(), ["attempts"])

    def test_early(self):
        self.finished(self.publish(delay=12.0), 13.0, 1)
        self.assertEqual(self.rules(), ["early"])

    def test_requeued_and_early(self):
        for requeued_at, expected in ((8.0, ["early"]), (9.5, [])):
            with self.subTest(requeued_at=requeued_at):
                self.setUp()
                message = self.publish()
                self.deliver(message, requeued_at, 1)
                self.answer(message, "REQ", requeued_at, delay=6.0)
                self.finished(message, 12.0, 2)
                self.assertEqual(self.rules(), expected)

    def test_late(self):
        self.record.drained_from["t", "c"] = 12.0
        self.finished(self.publish(delay=5.0), 14.5, 1)
        self.assertEqual(self.rules(), ["late"])

    def test_paused(self):
        self.operate("pause", 2.5)
        self.finished(self.publish(), 12.0, 1)
        self.operate("unpause", 13.0, run=1)
        self.finished(self.publish(), 14.0, 1)
        self.assertEqual(self.rules(), ["paused"])

    def test_a_paused_topic_delivers_what_its_channels_have(self):
        self.operate("pause", 2.5, channel="")
        self.finished(self.publish(), 12.0, 1)
        self.assertEqual(self.rules(), [])
        self.finished(self.publish(sent=3.0), 12.0, 1)
        self.assertEqual(self.rules(), ["paused"])

    def test_emptied_and_back(self):
        self.operate("empty", 5.0)
        self.finished(self.publish(), 12.0, 1)
        self.assertEqual(self.rules(), ["deleted or emptied and back"])

    def test_damaged_and_unknown(self):
        for body in (b"99 t 0 ", b"1 t 0 x", b"junk"):
            self.publish()
            self.record.deliver("t", "c", _Message(body))
        self.finished(("t", "c", 1), 3.0, 1)
        self.assertEqual(self.rules(), ["a damaged or never published message"] * 3 + ["lost"] * 2)

    def stats(self, paused=(), depth=0, channels=("c",)):
        counters = {"in_flight_count": 0, "deferred_count": 0}
        return [{"topic_name": "t", "paused": False, "depth": 0, "channels": [
            {"channel_name": name, "paused": name in paused, "depth": depth, **counters} for name in channels]}]

    def inspected(self, **stats):
        return [(each.rule, each.topic, each.channel) for each in inspect(self.record, self.stats(**stats))]

    def test_counters(self):
        self.publish()
        self.publish(acked=False)
        self.finished(self.publish(), 3.0, 1)
        for depth in range(4):
            with self.subTest(depth=depth):
                self.assertEqual(self.inspected(depth=depth), [] if depth in (1, 2) else [("counters", "t", "c")])

    def test_existence(self):
        self.operate("create", 1.0, channel="gone")
        self.operate("delete", 2.0, channel="gone")
        self.assertEqual(self.inspected(channels=("c", "gone", "strange")),
                         [("exists and must not", "t", "gone"), ("exists and must not", "t", "strange")])
        self.assertEqual(self.inspected(channels=()), [("does not exist any more", "t", "c")])

    def test_what_was_in_flight_is_learnt_from_the_stats(self):
        self.operate("create", 9.9, acked=False, channel="perhaps")
        self.operate("pause", 9.9, acked=False)
        self.assertEqual(self.inspected(paused=("c",), channels=("c", "perhaps")), [])
        self.assertEqual(self.inspected(channels=("c",)),
                         [("pause", "t", "c"), ("does not exist any more", "t", "perhaps")])


class _Message:
    attempts = 1

    def __init__(self, body):
        self.body = body


if __name__ == "__main__":
    main()
