"""Doubles of nsqlookupd that a test can make slow, silent or mad, and real ones."""

import collections
import http.server
import json
import os
import re
import shutil
import socket
import signal
import struct
import subprocess
import threading
import urllib.parse

from .server import binary, check_sanitizers
from .v2 import sized
from .waiting import DEADLINE_S, wait_until
from .web import Web

Request = collections.namedtuple("Request", "path headers")


class Lookupd:
    """Speaks nsqlookupd's V1 protocol and what nsqd and consumers use of its HTTP API. What it is to do can be changed
    at any time:

    `answer`: None as it should, else called with (connection, line) for what to send instead: bytes, or None for
    nothing at all. `greet`: None, or called with a new connection; when it returns False the connection is closed.
    `channels_reply`: None, or called with a function that sends bytes, which is the whole answer to /channels.
    `channels_answer`: None, or the body that answers /channels, which is not answered at all from hold_channels() to
    release_channels()."""

    def __init__(self, port=0, tell_http=True, broadcast_address="127.0.0.1"):
        self.answer = None
        self.greet = None
        self.channels = {}
        self.channels_answer = None
        self.channels_reply = None
        self.commands = []  # every line that came, over all connections
        self.identified = []  # the JSON of every IDENTIFY
        self.asked = []  # a Request for each of /channels
        self.connections = 0
        self._tell_http = tell_http
        self._broadcast_address = broadcast_address
        self._open = {}  # connection: what is registered over it, as (topic, channel or "")
        self._producers = {}  # connection: the JSON of its IDENTIFY
        self._looked_up = []
        self._lock = threading.Lock()
        self._free = threading.Event()
        self._free.set()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=100)
        self.port = self._listener.getsockname()[1]
        self._http = _HttpServer(("127.0.0.1", 0), _Handler)
        self._http.lookupd = self
        self.http_port = self._http.server_port
        self._threads = [threading.Thread(target=self._accept, daemon=True),
                         threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)]
        for thread in self._threads:
            thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def registered(self):
        """{(topic, channel)} as nsqlookupd would know it; the channel is empty for the topic itself."""
        with self._lock:
            return set().union(*self._open.values())

    def look_up(self, topic):
        """(status, JSON) of /lookup."""
        with self._lock:
            self._looked_up.append(topic)
            producers = [self._producers[connection] for connection, mine in self._open.items() if (topic, "") in mine]
        if not producers:
            return 404, {"message": "TOPIC_NOT_FOUND"}
        channels = {channel for name, channel in self.registered() if name == topic and channel}
        return 200, {"channels": sorted(channels), "producers": producers}

    def looked_up(self):
        """The topics that /lookup was asked for."""
        with self._lock:
            return set(self._looked_up)

    def know_channels(self, topic, *channels):
        """What /channels tells of the topic."""
        self.channels[topic] = list(channels)

    def forget(self, topic):
        """As /topic/delete does: every producer's registrations of the topic are gone."""
        with self._lock:
            for mine in self._open.values():
                mine -= {key for key in mine if key[0] == topic}

    def connected(self):
        with self._lock:
            return len(self._open)

    def hold_channels(self):
        self._free.clear()

    def release_channels(self):
        self._free.set()

    def disconnect(self):
        """Closes every connection."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _shutdown(connection)

    def close(self):
        """Ends as a killed process does; its port is free then."""
        self._free.set()
        _shutdown(self._listener)
        self._listener.close()
        self.disconnect()
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join(DEADLINE_S)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open[connection] = set()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.greet is None or self.greet(connection) is not False:
                with connection.makefile("rb") as stream:
                    self._converse(connection, stream)
        except OSError:
            pass
        finally:
            with self._lock:
                del self._open[connection]
                self._producers.pop(connection, None)
            connection.close()

    def _converse(self, connection, stream):
        if stream.read(4) != b"  V1":
            return
        for line in stream:
            line = line.decode().rstrip("\n")
            answer = b"OK"
            if line == "IDENTIFY":
                self.identified.append(json.loads(stream.read(struct.unpack(">i", stream.read(4))[0])))
                self._producers[connection] = self.identified[-1]
                answer = json.dumps(self._info()).encode()
            self.commands.append(line)
            if self.answer is not None:
                raw = self.answer(connection, line)
            else:
                raw = sized(answer)
                self._note(line, self._open[connection])
            if raw is not None:
                connection.sendall(raw)

    def _info(self):
        info = {"tcp_port": self.port, "version": "1.3.0", "hostname": "double"}
        if self._tell_http:
            info.update(http_port=self.http_port, broadcast_address=self._broadcast_address)
        return info

    def _note(self, line, mine):
        """As nsqlookupd: a channel brings its topic, and a topic takes its channels with it."""
        verb, *names = line.split(" ")
        if verb not in ("REGISTER", "UNREGISTER"):
            return
        topic, channel = names[0], "".join(names[1:])
        with self._lock:
            if verb == "REGISTER":
                mine |= {(topic, ""), (topic, channel)}
            else:
                mine -= {key for key in mine if key == (topic, channel) or (not channel and key[0] == topic)}


class _HttpServer(http.server.ThreadingHTTPServer):
    request_queue_size = 100
    daemon_threads = True
    block_on_close = False


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        lookupd = self.server.lookupd
        path, _, query = self.path.partition("?")
        query = urllib.parse.parse_qs(query)
        if path == "/lookup":
            status, answer = lookupd.look_up(query["topic"][0])
            self._answer(status, json.dumps(answer).encode())
            return
        lookupd.asked.append(Request(self.path, dict(self.headers)))
        lookupd._free.wait(DEADLINE_S)
        if lookupd.channels_reply is not None:
            self.close_connection = True
            try:
                lookupd.channels_reply(self.wfile.write)
            except OSError:
                pass
            return
        body = lookupd.channels_answer
        if body is None:
            body = json.dumps({"channels": lookupd.channels.get(query["topic"][0], [])}).encode()
        self._answer(200, body)

    def _answer(self, status, body):
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-NSQ-Content-Type", "nsq; version=1.0")  # go-nsq takes it for an old nsqlookupd's else
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # whoever asked did not wait

    def log_message(self, *arguments):
        pass


def _shutdown(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def stock_lookupd():
    """The path of a real nsqlookupd: from the environment variable STOCK_NSQLOOKUPD, or on the PATH. None: neither."""
    return os.environ.get("STOCK_NSQLOOKUPD") or shutil.which("nsqlookupd")


def our_lookupd():
    """The path of the nsqlookupd under test: from the environment variable NSQLOOKUPD, or beside the nsqd in NSQD."""
    return os.environ.get("NSQLOOKUPD") or os.path.join(os.path.dirname(binary()), "nsqlookupd")


class RealLookupd:
    """A process, of the stock nsqlookupd or of ours, to be used as the double is as far as it goes."""

    def __init__(self, program, *flags, port=0, http_port=0):
        self._lines = []
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", program, f"--tcp-address=127.0.0.1:{port}",
             f"--http-address=127.0.0.1:{http_port}", "--broadcast-address=127.0.0.1", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        self.port = self._port("TCP")
        self.http_port = self._port("HTTP")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def log(self):
        return "".join(self._lines)

    def web(self):
        return Web(self.http_port)

    def registered(self):
        """{(topic, channel)} that have a producer; the channel is empty for the topic itself."""
        found = self.web().json("GET", "/debug")
        keys = [key.split(":") for key, producers in found.items() if producers]
        return {(key, subkey) for category, key, subkey in keys if category in ("topic", "channel")}

    def producers(self, topic):
        """The HTTP ports of those that /lookup tells of; none of an unknown topic."""
        reply = self.web().get(f"/lookup?topic={topic}")
        return {each["http_port"] for each in json.loads(reply.body).get("producers", [])}

    def looked_up(self):
        """The topics that /lookup was asked for, as the stock one logs them."""
        return set(re.findall(r" GET /lookup\?\S*topic=([^&\s]+)", self.log))

    def know_channels(self, topic, *channels):
        for channel in channels:
            self.web().do("channel/create", topic, channel)

    def forget(self, topic):
        self.web().do("topic/delete", topic)

    def close(self):
        """Kills it."""
        self.process.kill()
        self._end()

    def stop(self):
        """Ends it with SIGTERM, and checks that it ended well."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE_S)
        self._end()
        if code != 0:
            raise AssertionError(f"nsqlookupd ended with {code}:\n{self.log[-20000:]}")

    def _end(self):
        self.process.wait()
        self._reader.join(DEADLINE_S)
        check_sanitizers(self.log)

    def _collect(self):
        with self.process.stderr as stderr:
            for line in stderr:
                self._lines.append(line)

    def _port(self, what):
        pattern = re.compile(what + r": listening on \S+:(\d+)")

        def listening():
            match = pattern.search(self.log)
            if match is None and self.process.poll() is not None:
                raise AssertionError("nsqlookupd did not start: " + self.log)
            return int(match.group(1)) if match else None
        return wait_until(listening, f"nsqlookupd's {what} port")


class LookupdClient:
    """A connection that speaks V1, as an nsqd does."""

    IDENTITY = {"broadcast_address": "127.0.0.1", "hostname": "h", "tcp_port": 4150, "http_port": 4151,
                "version": "1.3.0"}

    def __init__(self, port, magic=b"  V1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self._stream = self.socket.makefile("rb")
        self.socket.sendall(magic)

    @property
    def address(self):
        return "%s:%d" % self.socket.getsockname()

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        """The next answer, None at the end of the connection."""
        try:
            size = self._stream.read(4)
            return self._stream.read(struct.unpack(">i", size)[0]) if size else None
        except ConnectionResetError:
            return None

    def ask(self, line):
        self.send(line.encode() + b"\n")
        return self.read()

    def identify(self, **fields):
        """Returns the server's JSON."""
        self.send(b"IDENTIFY\n" + sized(json.dumps({**self.IDENTITY, **fields}).encode()))
        return json.loads(self.read())

    def start_tls(self, context):
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self._stream = self.socket.makefile("rb")

    def close(self):
        self._stream.close()
        self.socket.close()
