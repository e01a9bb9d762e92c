"""Clients that create, delete, empty, pause and unpause topics and channels."""

import urllib.parse

from nsqtest import RESPONSE, Frame, mpub

from .expectation import Pause
from .publishers import acknowledge
from .scene import GONE, LASTING


def operate(scene, kind, topic, channel=""):
    """One request of the HTTP API. What is not there refuses it, and that is noted."""
    operation = scene.record.operate(kind, topic, channel)
    arguments = {"topic": topic, **({"channel": channel} if channel else {})}
    path = f"/{'channel' if channel else 'topic'}/{kind}?{urllib.parse.urlencode(arguments)}"
    reply = scene.web.post(path)
    if reply.status == 200:
        operation.acknowledge()
    elif reply.status == 404:
        operation.refused = True
    elif not scene.over.is_set():
        raise AssertionError(f"{path}: {reply}")


def pause(scene, source):
    """Pauses a lasting topic or channel for a moment; often the kill falls into it. Ends a pause of an earlier run."""
    topic, channel = source.choice(LASTING + (("alpha", ""), ("beta", "")))
    with scene.alone(topic, channel) as alone:
        if alone:
            if Pause(scene.record, topic, channel).paused is False:
                operate(scene, "pause", topic, channel)
            scene.over.wait(source.uniform(0.1, 0.6))
            operate(scene, "unpause", topic, channel)
    scene.over.wait(source.uniform(0, 0.3))


def garden(scene, source):
    """Channels that come and go at a lasting topic, and topics that come and go."""
    tend, topic, channel = source.choice((
        (extra_channel, source.choice(("alpha", "beta")), f"extra{source.randrange(2)}"),
        (scrap_topic, f"scrap{source.randrange(4)}", ""),
        (lost_topic, f"scrap-lost{source.randrange(2)}", "")))
    with scene.alone(topic, channel) as alone:
        if alone:
            tend(scene, source, topic, channel)
    scene.over.wait(source.uniform(0, 0.1))


def extra_channel(scene, source, topic, channel):
    """Consumers come to it too, and create it when it is not there."""
    operate(scene, "create", topic, channel)
    scene.over.wait(source.uniform(0, 0.2))
    if source.random() < 0.5:
        operate(scene, source.choice(("delete", "empty", "pause")), topic, channel)
        operate(scene, "unpause", topic, channel)


def scrap_topic(scene, source, topic, _):
    """scrap0 gets messages from everybody all the time, the others only here."""
    operate(scene, "create", topic)
    for channel in ("left", "right"):
        operate(scene, "create", topic, channel)
    publish_some(scene, topic)
    scene.over.wait(source.uniform(0, 0.1))
    what = source.random()
    if what < 0.3:
        operate(scene, "delete", topic)
    elif what < 0.7:
        operate(scene, source.choice(("delete", "empty")), topic, source.choice(("left", "right")))
    publish_some(scene, topic)


def lost_topic(scene, source, topic, _):
    """A topic that never has a channel keeps its messages until it is emptied."""
    publish_some(scene, topic)
    if source.random() < 0.3:
        operate(scene, source.choice(("empty", "delete")), topic)
        publish_some(scene, topic)


def publish_some(scene, topic):
    try:
        with scene.client() as client:
            batch = [scene.record.publish(topic, "MPUB", padding=10) for _ in range(10)]
            client.send(mpub(topic, [each.body for each in batch]))
            answer = client.read_frame()
            acknowledge(scene, batch, answer == Frame(RESPONSE, b"OK"), answer)
    except GONE:
        if scene.over.is_set():
            raise
        # Another gardener deletes the topic.
