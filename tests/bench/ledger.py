"""Which messages were published and received: one bit for each, so that an hour of them takes a few megabytes."""

import struct

_HEAD = struct.Struct(">HQ")


class Bits:
    """A set of small integers."""

    def __init__(self):
        self._bytes = bytearray()

    def add(self, number):
        index = number >> 3
        if index >= len(self._bytes):
            self._bytes.extend(bytes(max(index + 1 - len(self._bytes), 4096)))
        self._bytes[index] |= 1 << (number & 7)

    def _number(self):
        return int.from_bytes(self._bytes, "little")

    def update(self, other):
        size = max(len(self._bytes), len(other._bytes))
        self._bytes = bytearray((self._number() | other._number()).to_bytes(size, "little"))

    def __len__(self):
        return self._number().bit_count()

    def missing_from(self, other):
        """How many of this set the other lacks."""
        return (self._number() & ~other._number()).bit_count()


class Ledger:
    """Messages by topic, channel (empty: published) and the publisher's number."""

    def __init__(self):
        self._bits = {}

    def add(self, topic, channel, publisher, sequence):
        key = (topic, channel, publisher)
        bits = self._bits.get(key)
        if bits is None:
            bits = self._bits[key] = Bits()
        bits.add(sequence)

    def update(self, other):
        for key, bits in other._bits.items():
            self._bits.setdefault(key, Bits()).update(bits)

    def count(self, topic, channel):
        return sum(len(bits) for (t, c, _), bits in self._bits.items() if (t, c) == (topic, channel))

    def lost(self, topic, channel):
        """How many messages published to the topic the channel never gave to anyone."""
        return sum(bits.missing_from(self._bits.get((t, channel, publisher), Bits()))
                   for (t, c, publisher), bits in self._bits.items() if (t, c) == (topic, ""))


def body(publisher, sequence, padding):
    return _HEAD.pack(publisher, sequence) + b"." * padding


def parse(message_body):
    """(publisher, sequence)"""
    return _HEAD.unpack_from(message_body)
