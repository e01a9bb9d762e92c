"""Judges a record when everything has been drained. What must hold right after a start is in inspection.py."""

import bisect
import collections

from .expectation import FIN_GRACE_S, Expectation, Pause
from .record import NEVER, is_ephemeral

# A due time is kept as wall clock time over a restart, and that clock may be slewed.
CLOCK_TOLERANCE_S = 0.02
# How late a deferred message may be delivered when its consumer is idle: what a loaded machine may take.
LATEST_S = 2.0

Violation = collections.namedtuple("Violation", "rule topic channel number text", defaults=("", 0, ""))


def judge(record, graceful=False):
    """Returns a list of violations. `graceful`: the server was stopped and not killed, and must know more."""
    violations = [Violation("a damaged or never published message", topic, channel, 0, f"{body[:100]!r}")
                  for topic, channel, _, body in record.strangers]
    for topic, channel in record.channels():
        violations += Verdict(record, topic, channel, graceful).violations()
    return violations


class Verdict:
    """On one channel."""

    def __init__(self, record, topic, channel, graceful):
        self.record, self.topic, self.channel, self.graceful = record, topic, channel, graceful
        self.expectation = Expectation(record, topic, channel)
        self.channel_pauses = Pause(record, topic, channel).intervals
        self.topic_pauses = Pause(record, topic).intervals
        # When the last consumer got ready, and then each message.
        self.drain_times = sorted([record.drained_from.get((topic, channel), 0)] + [
            each.at for publication in record.published(topic)
            for each in record.deliveries.get((topic, channel, publication.number), ()) if each.run == record.run])

    def violations(self):
        for publication in self.record.published(self.topic):
            key = (self.topic, self.channel, publication.number)
            deliveries = self.record.deliveries.get(key, ())
            for check in (self.early, self.late, self.while_paused):
                yield from self.named(publication, check(publication, deliveries))
            if not is_ephemeral(self.topic, self.channel):
                for check in (self.lost, self.finished_again, self.attempts, self.dropped_again):
                    yield from self.named(publication, check(publication, deliveries))

    def named(self, publication, texts):
        for rule, text in texts:
            yield Violation(rule, self.topic, self.channel, publication.number, text)

    def lost(self, publication, deliveries):
        if self.expectation.must_have(publication) and not self.expectation.finishes(publication):
            yield "lost", f"acknowledged and, after {len(deliveries)} deliveries, neither finished nor delivered again"

    def finished_again(self, publication, deliveries):
        for fin in self.expectation.finishes(publication):
            if not self.expectation.is_sure(fin):
                continue
            for delivery in deliveries:
                if delivery.at > fin.written + FIN_GRACE_S and is_after(delivery, fin):
                    yield "finished and back", f"in run {delivery.run}, finished in run {fin.run}"
                    return

    def attempts(self, publication, deliveries):
        """Over a kill the last delivery may be forgotten, but not two."""
        highest, highest_run, this_run = 0, None, set()
        for delivery in sorted(deliveries, key=lambda each: (each.run, each.attempts)):
            if delivery.run != highest_run:
                least = highest + (1 if self.graceful or not highest else 0)
                if delivery.attempts < least:
                    yield "attempts", f"{delivery.attempts} in run {delivery.run}, after {highest} in run {highest_run}"
                this_run.clear()
            if delivery.attempts in this_run:
                yield "attempts", f"{delivery.attempts} twice in run {delivery.run}"
            this_run.add(delivery.attempts)
            highest, highest_run = max(highest, delivery.attempts), delivery.run

    def early(self, publication, deliveries):
        """A REQ that was written less than a grace before the kill counts only within its run."""
        due = publication.sent + publication.delay - CLOCK_TOLERANCE_S
        if publication.delay and any(each.at < due for each in deliveries):
            yield "early", f"DPUB delivered {max(due - each.at for each in deliveries):.3f} s before its due time"
        for req in self.requeues(publication):
            due = req.sent + req.delay - CLOCK_TOLERANCE_S
            for delivery in deliveries:
                counts = delivery.run == req.run or self.expectation.is_sure(req)
                if counts and req.written < delivery.at < due and is_after(delivery, req):
                    yield "early", f"requeued in run {req.run}, in run {delivery.run} {due - delivery.at:.3f} s early"

    def late(self, publication, deliveries):
        """Only where a consumer stood ready at the end, with no pauses, and idle: it got nothing else in between."""
        drained = min((each.at for each in deliveries if each.run == self.record.run), default=None)
        if drained is None or (self.topic, self.channel) not in self.record.drained_from:
            return
        dues = [each.written + each.delay for each in self.requeues(publication)]
        if publication.delay:
            dues.append(publication.end + publication.delay)
        if dues:
            before = self.drain_times[bisect.bisect_left(self.drain_times, drained) - 1]
            idle = drained - max(before, *dues)
            if idle > LATEST_S:
                yield "late", f"{idle:.3f} s after it was due and a consumer ready and idle"

    def requeues(self, publication):
        answers = self.record.answers.get((self.topic, self.channel, publication.number), ())
        return [each for each in answers if each.kind == "REQ" and each.delay and not each.refused
                and each.written is not None]

    def while_paused(self, publication, deliveries):
        """What was on its way to a consumer when the channel was paused may arrive later, but not over a restart."""
        for pauses, is_channel in ((self.channel_pauses, True), (self.topic_pauses, False)):
            for pause, until in pauses:
                for delivery in deliveries:
                    held = publication.sent > pause.acked or is_channel and delivery.run > pause.run
                    if held and pause.acked < delivery.at < until:
                        yield "paused", f"delivered in run {delivery.run}, paused in run {pause.run}"

    def dropped_again(self, publication, deliveries):
        drop = self.expectation.dropped_by(publication)
        if drop and any(each.run > drop.run for each in deliveries):
            yield "deleted or emptied and back", f"{drop.kind} in run {drop.run}"


def is_after(delivery, answer):
    """Whether the server sent it after it had the answer: what a consumer reads late may be older."""
    return delivery.run > answer.run or delivery.run == answer.run and delivery.attempts > answer.attempts
