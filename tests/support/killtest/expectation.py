"""What a topic or a channel must have and may have, as far as the record tells now."""

import time

from .record import NEVER, Operation, is_ephemeral

# A FIN is written behind: one written this long before the kill must be remembered.
FIN_GRACE_S = 1.0


class Existence:
    """Whether a topic, or a channel, is there after a restart: surely, surely not, or perhaps."""

    def __init__(self, record, topic, channel=""):
        makers = [each for each in record.operations_on(topic, channel or None)
                  if each.kind == "create" and (each.channel == channel or not channel)]
        if not channel:
            makers += record.published(topic)  # a publish creates its topic
        deletes = deletes_of(record, topic, channel)
        gone_at = max((each.end for each in deletes), default=0)
        deleted = max((each.sent for each in deletes if each.ok), default=0)
        self.sure = not is_ephemeral(topic, channel) and any(each.ok and each.sent > gone_at for each in makers)
        self.impossible = (is_ephemeral(topic, channel) or not makers
                           or all(each.end < deleted for each in makers))


class Pause:
    """Whether it is paused: `paused` is None when that is not known."""

    def __init__(self, record, topic, channel=""):
        relevant = [each for each in record.operations_on(topic, channel)
                    if each.kind == "delete" or each.kind in ("pause", "unpause") and each.channel == channel]
        relevant.sort(key=lambda each: each.sent)
        self.paused = False
        self.intervals = []  # (operation that paused, when somebody first tried to end that)
        since = None
        for each in relevant:
            pauses = each.kind == "pause"
            if since and not pauses:
                self.intervals.append((since, each.sent))
                since = None
            if pauses and each.ok:
                since = since or each
            if each.ok:
                self.paused = pauses
            elif self.paused is not pauses:
                self.paused = None
        if since:
            self.intervals.append((since, NEVER))


class Expectation:
    """Of one channel; without a name, of the first one that a topic without channels will get.

    A message is a must when its publish and, before that, the channel's creation were acknowledged, and no delete or
    empty can have hit it. It may be there unless a delete or empty surely hit it, or it came before the channel."""

    def __init__(self, record, topic, channel):
        self.record, self.topic, self.channel = record, topic, channel
        operations = record.operations_on(topic, channel)
        everything = record.operations_on(topic)
        self._keeps = any(each.kind == "pause" and not each.channel for each in everything)
        self._remade = any(each.kind == "delete" and not each.channel for each in everything)
        now = time.monotonic()
        self._creations = [each for each in operations if each.kind == "create" and each.channel == channel] \
            if channel else [Operation(record.run, now, now, kind="create", topic=topic, first=True)]
        self._deletes = deletes_of(record, topic, channel)
        self._empties = [each for each in operations if each.kind == "empty"]
        self._deleted_at = max((each.end for each in self._deletes), default=0)
        self._emptied_at = max((each.end for each in self._empties), default=0)

    def must_have(self, publication):
        if not publication.ok or publication.sent <= self._emptied_at:
            return False
        return any(creation.ok and (creation.first or creation.acked < publication.sent)
                   and self._deleted_at < min(creation.sent, publication.sent) for creation in self._creations)

    def dropped_by(self, publication):
        """The acknowledged delete or empty that surely came after the message, or None. On a channel it drops only what
        the channel had: what its topic keeps, as it is paused or has no channel, is out of reach."""
        for each in self._deletes + self._empties:
            if each.ok and each.sent > publication.end and (
                    not each.channel or not self._keeps and self._was_there(publication)):
                return each
        return None

    def _was_there(self, publication):
        """Whether the channel surely existed when the message was published."""
        deleted_at = max((each.end for each in self._deletes if each.sent <= publication.end), default=0)
        return any(each.ok and deleted_at < each.sent and each.acked < publication.sent for each in self._creations)

    def may_have(self, publication):
        if self.dropped_by(publication):
            return False
        return self._keeps or self._remade or any(each.first or publication.end > each.sent
                                                  for each in self._creations)

    def finishes(self, publication):
        """The FINs that may have reached the server."""
        answers = self.record.answers.get((self.topic, self.channel, publication.number), ())
        return [each for each in list(answers) if each.kind == "FIN" and not each.refused]

    def is_sure(self, answer):
        """Whether the server lived long enough after it to keep it."""
        return answer.written is not None and answer.written + FIN_GRACE_S < self.record.runs[answer.run].ended

    def waiting(self):
        """(musts, mays): the messages that have not been finished, and those that perhaps have not."""
        published = self.record.published(self.topic)
        musts = [each for each in published if self.must_have(each) and not self.finishes(each)]
        mays = [each for each in published if self.may_have(each)
                and not any(self.is_sure(fin) for fin in self.finishes(each))]
        return musts, mays


def deletes_of(record, topic, channel=""):
    """Deletes of the channel, if there is one, and of the topic."""
    return [each for each in record.operations_on(topic, channel) if each.kind == "delete"]
