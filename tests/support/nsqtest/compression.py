"""What compresses a V2 connection, written after the formats' descriptions: they stand in for a client's socket.

`received` is what came through the socket already."""

import struct
import zlib

_STREAM_IDENTIFIER = b"\xff\x06\x00\x00sNaPpY"
_CHUNK = 65536


class Deflated:
    """Raw deflate, flushed after every write."""

    def __init__(self, socket, received):
        self._socket = socket
        self._received = received
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def __getattr__(self, name):
        return getattr(self._socket, name)

    def sendall(self, data):
        self._socket.sendall(self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH))

    def recv(self, size):
        while True:
            data, self._received = self._received or self._socket.recv(size), b""
            if not data:
                return b""
            plain = self._inflate.decompress(data)
            if plain:
                return plain


class Snappy:
    """Snappy's framing format; what it sends is framed, but not compressed, unless the test compresses it itself."""

    def __init__(self, socket, received):
        self._socket = socket
        self._received = received
        self._begun = False
        self._identified = False
        self.compressed_chunks = 0  # received

    def __getattr__(self, name):
        return getattr(self._socket, name)

    def sendall(self, data):
        wire = b"" if self._begun else _STREAM_IDENTIFIER
        self._begun = True
        for at in range(0, len(data), _CHUNK):
            piece = data[at:at + _CHUNK]
            wire += chunk(1, struct.pack("<I", masked_crc32c(piece)) + piece)
        self._socket.sendall(wire)

    def recv(self, size):
        while True:
            plain = self._decode()
            if plain:
                return plain
            data = self._socket.recv(size)
            if not data:
                return b""
            self._received += data

    def _decode(self):
        plain = b""
        while len(self._received) >= 4:
            kind, size = self._received[0], int.from_bytes(self._received[1:4], "little")
            if len(self._received) < 4 + size:
                break
            body = self._received[4:4 + size]
            self._received = self._received[4 + size:]
            if not self._identified:
                if (kind, body) != (0xff, b"sNaPpY"):
                    raise AssertionError(f"a stream that begins with chunk {kind:#x} {body!r}")
                self._identified = True
            elif kind in (0, 1):
                data = uncompress(body[4:]) if kind == 0 else body[4:]
                if struct.pack("<I", masked_crc32c(data)) != body[:4]:
                    raise AssertionError("a wrong checksum")
                self.compressed_chunks += kind == 0
                plain += data
            elif kind != 0xff and not 0x80 <= kind <= 0xfd:
                raise AssertionError(f"a chunk of kind {kind:#x}")
        return plain


def chunk(kind, body):
    return bytes((kind,)) + len(body).to_bytes(3, "little") + body


def uncompress(data):
    """Snappy's raw format."""
    size, at = _varint(data)
    plain = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length = (tag >> 2) + 1
            if length > 60:
                extra = length - 60
                length = int.from_bytes(data[at:at + extra], "little") + 1
                at += extra
            plain += data[at:at + length]
            at += length
            continue
        if tag & 3 == 1:
            length, offset = 4 + (tag >> 2 & 7), (tag >> 5) << 8 | data[at]
            at += 1
        else:
            width = 2 if tag & 3 == 2 else 4
            length, offset = (tag >> 2) + 1, int.from_bytes(data[at:at + width], "little")
            at += width
        while length:
            begin = len(plain) - offset
            piece = plain[begin:begin + min(length, offset)]
            plain += piece
            length -= len(piece)
    if len(plain) != size:
        raise AssertionError(f"{len(plain)} bytes, not {size}")
    return bytes(plain)


def _varint(data):
    value = at = 0
    while True:
        value |= (data[at] & 0x7f) << 7 * at
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def _table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


_CRC = _table()


def masked_crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xff] ^ crc >> 8
    crc ^= 0xffffffff
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff
