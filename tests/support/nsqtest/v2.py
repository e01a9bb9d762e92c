"""The V2 protocol in raw bytes, written after the protocol's description and not with any NSQ library."""

import collections
import errno
import json
import select
import socket
import struct

from .waiting import DEADLINE_S

RESPONSE, ERROR, MESSAGE = 0, 1, 2

# An id no message has: the answer to its FIN tells that everything sent before has been dealt with.
BARRIER = b"################"

Frame = collections.namedtuple("Frame", "type data")
Message = collections.namedtuple("Message", "timestamp attempts id body")


class Closed(Exception):
    """The server closed the connection."""


def parse_message(data):
    timestamp, attempts = struct.unpack_from(">qH", data)
    return Message(timestamp, attempts, data[10:26], data[26:])


def sized(data):
    return struct.pack(">i", len(data)) + data


def pub(topic, body):
    return b"PUB " + topic.encode() + b"\n" + sized(body)


def dpub(topic, delay_ms, body):
    return b"DPUB %s %d\n" % (topic.encode(), delay_ms) + sized(body)


def mpub_body(bodies):
    return struct.pack(">i", len(bodies)) + b"".join(sized(body) for body in bodies)


def mpub(topic, bodies):
    return b"MPUB " + topic.encode() + b"\n" + sized(mpub_body(bodies))


def identify(**fields):
    return b"IDENTIFY\n" + sized(json.dumps(fields).encode())


class Client:
    """One blocking connection. Reads raise AssertionError after the deadline and Closed at the end of the stream.
    `port` may be the path of a unix socket."""

    def __init__(self, port, deadline_s=DEADLINE_S, receive_buffer=None, answer_heartbeats=True):
        is_unix = isinstance(port, str)
        self.socket = socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(deadline_s)
        try:
            self.socket.connect(port if is_unix else ("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        if not is_unix:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.local_port = self.socket.getsockname()[1]
        self.heartbeats = 0
        self._answer_heartbeats = answer_heartbeats
        self._buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes so that the server gets a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def finish_sending(self):
        """Half-closes. The server may have closed already."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise

    def send_bytewise(self, data):
        for byte in data:
            self.socket.sendall(bytes((byte,)))

    def read_raw_frame(self):
        """The next frame, heartbeats included."""
        size = struct.unpack(">i", self._take(4))[0]
        if not 4 <= size <= 1 << 27:
            raise AssertionError(f"a frame of {size} bytes")
        data = self._take(size)
        return Frame(struct.unpack_from(">i", data)[0], bytes(data[4:]))

    def read_frame(self):
        """The next frame but heartbeats, which it answers with NOP."""
        while True:
            frame = self.read_raw_frame()
            if frame != Frame(RESPONSE, b"_heartbeat_"):
                return frame
            self.heartbeats += 1
            if self._answer_heartbeats:
                self.send(b"NOP\n")

    def read_message(self):
        frame = self.read_frame()
        if frame.type != MESSAGE:
            raise AssertionError(f"a message was expected, not {frame}")
        return parse_message(frame.data)

    def read_messages(self, count):
        return [self.read_message() for _ in range(count)]

    def command(self, data, answer=b"OK"):
        """Sends and expects this response."""
        self.send(data)
        self.expect(Frame(RESPONSE, answer))

    def expect(self, expected):
        frame = self.read_frame()
        if frame != expected:
            raise AssertionError(f"expected {expected}, got {frame}")

    def expect_error(self, text):
        self.expect(Frame(ERROR, text))

    def expect_fatal(self, text):
        """An error with exactly this text, then the end of the connection."""
        self.expect_error(text)
        self.expect_closed()

    def expect_closed(self):
        """The server has closed and sent nothing more but, at most, heartbeats."""
        try:
            frame = self.read_frame()
        except Closed:
            self.close()
            return
        raise AssertionError(f"expected the end of the connection, got {frame}")

    def expect_alive(self, known_bad=b"FIN 0000000000000000\n"):
        """The connection still answers, and nothing else came before: asks it something harmless."""
        self.send(known_bad)
        self.expect_error(b"E_FIN_FAILED FIN 0000000000000000 failed ID not in flight")

    def nothing_to_read(self):
        return not self._buffer and not select.select([self.socket], [], [], 0)[0]

    def wait_readable(self, seconds):
        """Whether there is something to read, at the latest after so many seconds."""
        return bool(self._buffer) or bool(select.select([self.socket], [], [], seconds)[0])

    def identify(self, **fields):
        """IDENTIFY with feature_negotiation. Returns the answer's JSON."""
        self.send(identify(feature_negotiation=True, **fields))
        frame = self.read_frame()
        if frame.type != RESPONSE:
            raise AssertionError(f"IDENTIFY was refused: {frame}")
        return json.loads(frame.data)

    def start_tls(self, context):
        """The handshake, after an IDENTIFY that agreed on it."""
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def compress(self, kind):
        """Through Deflated or Snappy from here on, after an IDENTIFY that agreed on it."""
        self.socket = kind(self.socket, bytes(self._buffer))
        self._buffer.clear()

    def subscribe(self, topic, channel, ready=0):
        self.command(f"SUB {topic} {channel}\n".encode())
        if ready:
            self.ready(ready)
        return self

    def ready(self, count):
        self.send(b"RDY %d\n" % count)

    def fin(self, message):
        self.send(b"FIN " + message.id + b"\n")

    def req(self, message, delay_ms):
        self.send(b"REQ %s %d\n" % (message.id, delay_ms))

    def touch(self, message):
        self.send(b"TOUCH " + message.id + b"\n")

    def _take(self, count):
        while len(self._buffer) < count:
            try:
                data = self.socket.recv(1 << 18)
            except socket.timeout:
                raise AssertionError(f"nothing came; so far: {bytes(self._buffer)!r}") from None
            except ConnectionError as error:
                raise Closed(str(error)) from None
            if not data:
                if self._buffer:
                    raise Closed(f"in the middle of a frame: {bytes(self._buffer)!r}")
                raise Closed("end of stream")
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken
