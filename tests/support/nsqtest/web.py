"""A small HTTP client: one request a connection, or a kept connection for those who need one."""

import collections
import http.client
import json
import socket
import urllib.parse

from .waiting import DEADLINE_S

Reply = collections.namedtuple("Reply", "status headers body")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Web:
    """Requests to one server. Every request has a connection of its own. `port` may be the path of a unix socket."""

    def __init__(self, port, deadline_s=DEADLINE_S, tls=None):
        """`tls`: the context of a client of HTTPS."""
        self.port = port
        self._tls = tls
        self._deadline_s = deadline_s

    def connection(self):
        """A kept connection; close() it."""
        if isinstance(self.port, str):
            return _UnixConnection(self.port, self._deadline_s)
        if self._tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=self._deadline_s, context=self._tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self._deadline_s)

    def request(self, method, path, body=None, headers=None, chunked=False):
        connection = self.connection()
        try:
            try:
                connection.request(method, path, body=body, headers=headers or {}, encode_chunked=chunked)
            except (BrokenPipeError, ConnectionResetError):
                if connection.sock is None:
                    raise  # it was not even connected
                # The server may answer, and close, before it has read all of a body it refuses.
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body=b""):
        return self.request("POST", path, body)

    def put(self, path, body=b""):
        return self.request("PUT", path, body)

    def json(self, method, path, body=None):
        """The JSON of an answer that must be 200."""
        reply = self.request(method, path, body)
        if reply.status != 200:
            raise AssertionError(f"{method} {path}: {reply.status} {reply.body!r}")
        return json.loads(reply.body)

    def do(self, action, topic, channel=None):
        """POST /topic/... or /channel/..., which must succeed."""
        arguments = {"topic": topic}
        if channel is not None:
            arguments["channel"] = channel
        reply = self.post(f"/{action}?{urllib.parse.urlencode(arguments)}")
        if (reply.status, reply.body) != (200, b""):
            raise AssertionError(f"{action} {arguments}: {reply.status} {reply.body!r}")

    def publish(self, topic, body, **arguments):
        query = urllib.parse.urlencode({"topic": topic, **arguments})
        reply = self.post(f"/pub?{query}", body)
        if (reply.status, reply.body) != (200, b"OK"):
            raise AssertionError(f"pub {topic}: {reply.status} {reply.body!r}")
