"""Takes all that a channel has."""

from .bodies import key_of
from .waiting import DEADLINE_S, wait_until


def drain(server, topic, channel, deadline_s=DEADLINE_S):
    """Consumes until topic and channel have nothing left, deferred messages included. Returns the keys of the
    bodies, which must be whole, in the order of their delivery. Creates what does not exist."""
    client = server.client(deadline_s=deadline_s).subscribe(topic, channel, 1000)
    keys = []

    def empty():
        while not client.nothing_to_read():
            message = client.read_message()
            keys.append(key_of(message.body))
            client.fin(message)
        stats = server.topic(topic)
        waiting = [stats["depth"]] + [found[what] for found in stats["channels"] if found["channel_name"] == channel
                                      for what in ("depth", "in_flight_count", "deferred_count")]
        return not any(waiting) and client.nothing_to_read()
    try:
        wait_until(empty, f"{topic}:{channel} is empty", deadline_s)
    except AssertionError as error:
        raise AssertionError(f"{error}; got {len(keys)}; it is {server.channel(topic, channel)}") from None
    finally:
        client.close()
    return keys
