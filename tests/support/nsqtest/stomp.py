"""STOMP in raw bytes, written after its specification and not with any client library."""

import collections

from .v2 import Client, Closed

Frame = collections.namedtuple("Frame", "command headers body")


def encode(command, headers=(), body=b""):
    """A frame; `headers` are a dict or pairs, with their escapes."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    lines = "".join(f"{name}:{value}\n" for name, value in pairs)
    return f"{command}\n{lines}\n".encode() + body + b"\0"


def send_frame(topic, body, **headers):
    """SEND with a content-length. Headers of names with a dash are spelled with an underscore."""
    return encode("SEND", {"destination": f"/topic/{topic}", "content-length": len(body), **dashed(headers)}, body)


def dashed(headers):
    return {name.replace("_", "-"): value for name, value in headers.items()}


class StompClient(Client):
    """One blocking connection, of which the socket's part is Client's."""

    def connect(self, version="1.2", **headers):
        """CONNECT, which must be accepted. Returns the headers of CONNECTED."""
        self.send(encode("CONNECT", {"accept-version": version, "host": "nsqd", **dashed(headers)}))
        frame = self.read()
        if frame.command != "CONNECTED":
            raise AssertionError(f"CONNECT was refused: {frame}")
        return frame.headers

    def do(self, command, **headers):
        """Sends a frame with a receipt, and waits for that."""
        self.send(encode(command, {**dashed(headers), "receipt": "done"}))
        self.expect_receipt("done")

    def subscribe(self, destination, id="s", **headers):  # pylint: disable=redefined-builtin
        self.do("SUBSCRIBE", destination=destination, id=id, **headers)
        return self

    def publish(self, topic, body, **headers):
        """SEND, and wait for its receipt."""
        self.send(send_frame(topic, body, receipt="published", **headers))
        self.expect_receipt("published")

    def ack(self, message, command="ACK", **headers):
        self.send(encode(command, {"id": message.headers["ack"], **dashed(headers)}))

    def read(self):
        """The next frame; heart-beats before it are counted."""
        while self._take_while_empty():
            self.heartbeats += 1
        head = bytes(self._take_until(b"\n\n")).decode()
        command, *lines = head.split("\n")
        headers = dict(line.split(":", 1) for line in lines)
        if "content-length" in headers:
            body = self._take(int(headers["content-length"]))
            if self._take(1) != b"\0":
                raise AssertionError(f"no NUL behind the body of {head}")
        else:
            body = self._take_until(b"\0")
        return Frame(command, headers, body)

    def read_message(self):
        frame = self.read()
        if frame.command != "MESSAGE":
            raise AssertionError(f"a message was expected, not {frame}")
        return frame

    def expect_receipt(self, receipt):
        frame = self.read()
        if (frame.command, frame.headers.get("receipt-id")) != ("RECEIPT", receipt):
            raise AssertionError(f"the receipt {receipt} was expected, not {frame}")

    def expect_error(self, message, receipt=None):
        """An ERROR with this message, then the end of the connection."""
        frame = self.read()
        got = (frame.command, frame.headers.get("message"), frame.headers.get("receipt-id"))
        if got != ("ERROR", message, receipt):
            raise AssertionError(f"the error {message!r} was expected, not {frame}")
        self.expect_closed()

    def expect_closed(self):
        try:
            frame = self.read()
        except Closed:
            self.close()
            return
        raise AssertionError(f"the end of the connection was expected, not {frame}")

    def wait_heartbeat(self):
        """Waits for one that comes next."""
        if self._take(1) != b"\n":
            raise AssertionError("something else than a heart-beat came")

    def _take_while_empty(self):
        byte = self._take(1)
        if byte == b"\n":
            return True
        self._buffer[:0] = byte
        return False

    def _take_until(self, end):
        """What comes before `end`, which is used up."""
        at = self._buffer.find(end)
        while at < 0:
            self._buffer[:0] = self._take(len(self._buffer) + 1)
            at = self._buffer.find(end)
        return self._take(at + len(end))[:-len(end)]
