"""Right after a start, before there are clients: are topics, channels and pauses there, do the counters add up?"""

from .expectation import Existence, Expectation, Pause
from .judge import Violation


def inspect(record, topics):
    """Compares /stats with the record and returns violations. What the record did not know for sure is noted in it."""
    violations = []
    found = {(topic["topic_name"], ""): topic for topic in topics}
    found |= {(topic["topic_name"], channel["channel_name"]): channel
              for topic in topics for channel in topic["channels"]}
    known = {(topic, "") for topic in record.topics()} | set(record.channels())
    for topic, channel in sorted(known | set(found)):
        stats = found.get((topic, channel))
        violations += check_existence(record, topic, channel, stats)
        if stats:
            violations += check_pause(record, topic, channel, stats)
            violations += check_counters(record, topic, channel, stats, found[topic, ""])
    return violations


def check_existence(record, topic, channel, stats):
    existence = Existence(record, topic, channel)
    if stats and existence.impossible:
        yield Violation("exists and must not", topic, channel)
    elif stats and not existence.sure:
        record.observe("create", topic, channel)
    elif not stats and existence.sure:
        yield Violation("does not exist any more", topic, channel)
    elif not stats and not existence.impossible:
        record.observe("delete", topic, channel)


def check_pause(record, topic, channel, stats):
    expected = Pause(record, topic, channel).paused
    if expected is None:
        record.observe("pause" if stats["paused"] else "unpause", topic, channel)
    elif stats["paused"] != expected:
        yield Violation("pause", topic, channel, text=f"paused is {stats['paused']}, acknowledged was {expected}")


def check_counters(record, topic, channel, stats, topic_stats):
    """What a paused topic keeps is still to come for each of its channels. Of topics themselves only one that never
    had a channel is looked at."""
    if not channel and (topic_stats["channels"] or any(each.channel for each in record.operations_on(topic))):
        return
    count = topic_stats["depth"] + (waiting(stats) if channel else 0)
    musts, mays = Expectation(record, topic, channel).waiting()
    if not len(musts) <= count <= len(mays):
        counters = {key: stats[key] for key in ("depth", "in_flight_count", "deferred_count") if key in stats}
        yield Violation("counters", topic, channel, text=f"{counters} and {topic_stats['depth']} in the topic, but "
                        f"{len(musts)} to {len(mays)} messages are expected")


def waiting(stats):
    return stats["depth"] + stats["in_flight_count"] + stats["deferred_count"]
