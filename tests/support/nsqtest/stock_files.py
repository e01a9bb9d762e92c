"""The files of a stock nsqd's data directory, written and read byte by byte after the description of their format."""

import collections
import json
import os
import struct

_HEAD = struct.Struct(">iqH16s")  # size of what follows, timestamp, attempts, id

StockMessage = collections.namedtuple("StockMessage", "timestamp attempts id body")


def stock_message(body, attempts=0, number=0):
    return StockMessage(1_700_000_000_000_000_000 + number, attempts, b"%016x" % (0xabc000 + number), body)


def record(message):
    return _HEAD.pack(26 + len(message.body), message.timestamp, message.attempts, message.id) + message.body


def data_file(directory, queue, number):
    return os.path.join(directory, f"{queue}.diskqueue.{number:06d}.dat")


def meta_file(directory, queue):
    return os.path.join(directory, f"{queue}.diskqueue.meta.dat")


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def write_queue(directory, queue, messages, finished=0, per_file=1000, first_file=0, unnoted=0):
    """The messages, the first `finished` of them read already, in files of `per_file` messages. Files of which all is
    read are not there any more. Of the last `unnoted` messages the meta file does not know."""
    files = [messages[at:at + per_file] for at in range(0, len(messages), per_file)]

    def position(count):
        """Where the message after `count` of them is: (file, byte)."""
        number = min(count // per_file, max(len(files) - 1, 0))
        return first_file + number, sum(len(record(m)) for m in messages[number * per_file:count])
    read, end = position(finished), position(len(messages) - unnoted)
    for number, content in enumerate(files):
        if first_file + number >= read[0]:
            write(data_file(directory, queue, first_file + number), b"".join(map(record, content)))
    text = f"{len(messages) - finished - unnoted}\n{read[0]},{read[1]}\n{end[0]},{end[1]}\n"
    write(meta_file(directory, queue), text.encode())


def write_metadata(directory, topics):
    """`topics`: {name: (paused, {channel: paused})}."""
    document = {"topics": [{"name": topic, "paused": paused,
                            "channels": [{"name": channel, "paused": p} for channel, p in channels.items()]}
                           for topic, (paused, channels) in topics.items()], "version": "1.3.0"}
    write(os.path.join(directory, "nsqd.dat"), json.dumps(document).encode())


def read_metadata(directory):
    """As write_metadata() takes it, from a file that has nothing but what a stock nsqd writes."""
    with open(os.path.join(directory, "nsqd.dat"), encoding="utf-8") as file:
        document = json.load(file)
    assert set(document) == {"topics", "version"} and document["version"] == "1.3.0", document
    return {topic["name"]: (topic["paused"], {c["name"]: c["paused"] for c in topic["channels"] or []})
            for topic in document["topics"] or []}


def read_queue(directory, queue):
    """[[message, ...] of each file]. Everything a stock nsqd relies on must be so."""
    with open(meta_file(directory, queue), encoding="ascii") as file:
        depth, read, end = file.read().removesuffix("\n").split("\n")
    last_file, last_byte = map(int, end.split(","))
    assert read == "0,0", read
    files = []
    for number in range(last_file + 1 if depth != "0" else 0):
        with open(data_file(directory, queue, number), "rb") as file:
            content = file.read()
        assert number < last_file or len(content) == last_byte, (number, len(content), last_byte)
        files.append(list(records(content)))
    assert sum(map(len, files)) == int(depth), (depth, files)
    return files


def records(content):
    at = 0
    while at < len(content):
        size, timestamp, attempts, identity = _HEAD.unpack_from(content, at)
        assert size >= 26 and at + 4 + size <= len(content), (at, size, len(content))
        yield StockMessage(timestamp, attempts, identity, content[at + _HEAD.size:at + 4 + size])
        at += 4 + size


def queue_files(directory):
    """The names of all files of disk queues, `.bad` ones and leftovers as well."""
    return sorted(name for name in os.listdir(directory) if ".diskqueue." in name)
