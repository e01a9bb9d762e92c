"""Clients that publish: PUB, MPUB and DPUB in pipelines, and over HTTP."""

from nsqtest import RESPONSE, Frame, dpub, mpub, mpub_body, pub

from .scene import GONE, is_lasting

SHORTEST_DELAY_S = 0.05


def publish(scene, source):
    """One connection with some pipelines of commands."""
    with scene.client() as client:
        for _ in range(source.randrange(1, 40)):
            if source.random() < 0.1:
                publish_over_http(scene, source)
            topic = scene.topic_to_publish(source)
            batches, data = [], b""
            for _ in range(source.randrange(1, 8)):
                batch, command = draw(scene, source, topic)
                batches.append(batch)
                data += command
            client.send(data)
            for batch in batches:
                if not acknowledge(scene, batch, client.read_frame() == Frame(RESPONSE, b"OK"), scene.server.log):
                    return
            scene.over.wait(source.random() * 0.1)


def draw(scene, source, topic):
    """Returns the publications and the bytes of one command."""
    count = source.choice(scene.mix.batches)
    if count > 1:
        batch = [scene.record.publish(topic, "MPUB", padding=draw_padding(scene, source)) for _ in range(count)]
        return batch, mpub(topic, [each.body for each in batch])
    if source.random() < scene.mix.delayed:
        delay = draw_delay(scene, source)
        one = scene.record.publish(topic, "DPUB", delay, draw_padding(scene, source))
        return [one], dpub(topic, round(delay * 1000), one.body)
    one = scene.record.publish(topic, "PUB", padding=draw_padding(scene, source))
    return [one], pub(topic, one.body)


def draw_delay(scene, source):
    """Whole milliseconds, short ones more often."""
    return round(SHORTEST_DELAY_S * (scene.longest_delay_s / SHORTEST_DELAY_S) ** source.random(), 3)


def draw_padding(scene, source):
    return source.randrange(scene.mix.padding)


def publish_over_http(scene, source):
    topic = scene.topic_to_publish(source)
    how = source.choice(("/pub", "/pub?defer", "/mpub", "/mpub?binary"))
    delay = draw_delay(scene, source) if "defer" in how else 0.0
    batch = [scene.record.publish(topic, how, delay, draw_padding(scene, source))
             for _ in range(source.choice((2, 10)) if "mpub" in how else 1)]
    path = f"{how.partition('?')[0]}?topic={topic.replace('#', '%23')}"
    if how == "/mpub":
        body = b"\n".join(each.body for each in batch)
    elif how == "/mpub?binary":
        path, body = path + "&binary=true", mpub_body([each.body for each in batch])
    else:
        path, body = path + (f"&defer={round(delay * 1000)}" if delay else ""), batch[0].body
    reply = scene.web.post(path, body)
    acknowledge(scene, batch, (reply.status, reply.body) == (200, b"OK"), reply)


def acknowledge(scene, batch, ok, answer):
    """Notes the OK. Returns false for another answer, which is allowed when the topic is being deleted or the server
    is on its way out: then nobody knows."""
    if ok:
        for each in batch:
            each.acknowledge()
    elif is_lasting(batch[0].topic) and not scene.over.is_set():
        raise AssertionError(f"a publish to {batch[0].topic} was refused: {answer}")
    return ok
