"""The transports over which each client library must work, and what is checked of each.

A library's program (go/transport, python/transport.py, node/transport.js) publishes and consumes over one transport at
the same time and judges nothing: that is done here. Its arguments are those of Transport.arguments(), and

    --nsqd=HOST:PORT  where it publishes, and consumes, unless there is
    --lookupd=HOST:PORT  the HTTP side of the nsqlookupd that consumers ask
    --bodies=FILE  what to publish to the topic "bulk", one PUB each, without waiting: int32 size and body of each

Last it publishes "held" to the topic "held". It has one consumer for each topic, on the channel "c". That of "bulk" has
2500 as the most in flight and finishes everything. That of "held" asks for a message timeout of a second, requeues the
first attempt without a delay and holds the second one for half as long again as that timeout, with a TOUCH every 0.2 s,
before it finishes. For each delivery the program writes a line: topic, attempts and the body's SHA-256. It ends well
when its standard input ends."""

import collections
import contextlib
import dataclasses
import hashlib
import os
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from nsqtest import DEADLINE_S, Authority, Closed, Server, wait_until
from nsqtest.auth_server import AuthServer, grant, granted
from nsqtest.lookupd import Lookupd, RealLookupd, stock_lookupd

BIGGEST = 1 << 20  # the default of --max-msg-size
SMALL_MESSAGES = 3000
RDY = 2500
SECRET = "s3cr+t &=/"
HELD = b"held"


@dataclasses.dataclass(frozen=True)
class Transport:
    name: str
    tls: bool = False
    client_certificate: bool = False
    compression: str = ""
    auth: bool = False
    lookupd: bool = False

    def flags(self, scene):
        """The server's."""
        flags = ["--broadcast-address=127.0.0.1"]
        if self.tls:
            certificate, key = scene.identity
            flags += [f"--tls-cert={certificate}", f"--tls-key={key}", "--https-address=127.0.0.1:0"]
        if self.client_certificate:
            # HTTP stays free of TLS, for what is checked over it.
            flags += ["--tls-client-auth-policy=require-verify", f"--tls-root-ca-file={scene.authority.file}",
                      "--tls-required=tcp-https"]
        if self.auth:
            flags.append(f"--auth-http-address={scene.auth_server.address}")
        if self.lookupd:
            flags.append(f"--lookupd-tcp-address={scene.lookupd.address}")
        return flags

    def arguments(self, scene):
        """The client's."""
        arguments = []
        if self.tls:
            arguments.append(f"--tls-ca={scene.authority.file}")
        if self.client_certificate:
            certificate, key = scene.client_identity
            arguments += [f"--tls-cert={certificate}", f"--tls-key={key}"]
        if self.compression:
            arguments.append(f"--compression={self.compression}")
        if self.auth:
            arguments.append(f"--auth-secret={SECRET}")
        if self.lookupd:
            arguments.append(f"--lookupd=127.0.0.1:{scene.lookupd.http_port}")
        return arguments

    def shown(self):
        """What /stats must show of each connection, see shown_of()."""
        return {"tls": self.tls, "snappy": self.compression == "snappy", "deflate": self.compression == "deflate",
                "authed": self.auth, "tls_version": self.tls, "tls_cipher_suite": self.tls}


TRANSPORTS = (
    Transport("plain"),
    Transport("snappy", compression="snappy"),
    Transport("deflate", compression="deflate"),
    Transport("TLS", tls=True),
    Transport("TLS and snappy", tls=True, compression="snappy"),
    Transport("TLS and deflate", tls=True, compression="deflate"),
    Transport("TLS with a client certificate", tls=True, client_certificate=True),
    Transport("AUTH", auth=True),
    Transport("nsqlookupd", lookupd=True),
)


def shown_of(client):
    """The part of a client's /stats that tells its transport. There is a TLS version and cipher suite, or there is not;
    `authed` is not there without AUTH."""
    shown = {name: client[name] for name in ("tls", "snappy", "deflate")}
    return {**shown, "authed": client.get("authed", False), "tls_version": client["tls_version"][:4] == "TLS1",
            "tls_cipher_suite": bool(client["tls_cipher_suite"])}


def make_bodies():
    """The largest messages there may be, one that compresses and one that does not, and many small ones."""
    text = b"".join(b"%d " % number for number in range(BIGGEST // 2))
    bodies = [os.urandom(BIGGEST), text[:BIGGEST]]
    for number in range(SMALL_MESSAGES):
        size = 1 + number % 400
        bodies.append(os.urandom(size) if number % 2 else text[number:number + size])
    return bodies


def line_of(topic, attempts, body):
    return f"{topic} {attempts} {hashlib.sha256(body).hexdigest()}"


class Scene:
    """What all transports have in common: certificates, bodies, an auth server and an nsqlookupd."""

    def __init__(self, directory):
        self.authority = Authority(directory)
        self.identity = self.authority.sign("server")
        self.client_identity = self.authority.sign("client")
        self.auth_server = AuthServer(lambda query: granted(*[grant()] if query["secret"] == SECRET else []))
        self.lookupd = RealLookupd(stock_lookupd()) if stock_lookupd() else Lookupd()
        self.bodies = make_bodies()
        self.bodies_file = os.path.join(directory, "bodies")
        with open(self.bodies_file, "wb") as file:
            for body in self.bodies:
                file.write(struct.pack(">i", len(body)) + body)
        self.expected = collections.Counter(line_of("bulk", 1, body) for body in self.bodies)
        self.expected.update(line_of("held", attempts, HELD) for attempts in (1, 2))

    def close(self):
        self.auth_server.close()
        self.lookupd.close()


class Program:
    """A client's program while it runs."""

    def __init__(self, command):
        self.lines = []
        # The kernel ends it if this process is killed.
        self._process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def wait_lines(self, count):
        def arrived():
            if self._process.poll() is not None:
                raise AssertionError(f"the client ended with {self._process.returncode}")
            return len(self.lines) >= count
        try:
            wait_until(arrived, "all messages came")
        except AssertionError as error:
            raise AssertionError(f"{error}; {len(self.lines)} of {count} deliveries") from None

    def stop(self):
        """Its end, which must be a good one. All its lines are there then."""
        self._process.stdin.close()
        code = self._process.wait(DEADLINE_S)
        self._reader.join()
        if code != 0:
            raise AssertionError(f"the client ended with {code}")

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _collect(self):
        with self._process.stdout as stdout:
            for line in stdout:
                self.lines.append(line.rstrip("\n"))


def equal(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}: {got}, not {expected}")


def check_deliveries(lines, expected):
    got = collections.Counter(lines)
    missing, more = expected - got, got - expected
    if missing or more:
        raise AssertionError(f"{missing.total()} deliveries are missing, {more.total()} should not be: "
                             f"{list(missing)[:3]}, {list(more)[:3]}")


def check_channel(server, transport, topic, **expected):
    """When all is finished. Returns the one consumer."""
    channel = server.wait_channel(topic, "c", depth=0, in_flight_count=0, deferred_count=0)
    equal(f"{topic}'s counts", {name: channel[name] for name in expected}, expected)
    equal(f"{topic}'s consumers", channel["client_count"], 1)
    consumer, = channel["clients"]
    equal(f"the transport of {topic}'s consumer", shown_of(consumer), transport.shown())
    return consumer


def check_stats(server, transport, scene):
    consumer = check_channel(server, transport, "bulk", message_count=len(scene.bodies), requeue_count=0,
                             timeout_count=0)
    equal("RDY of bulk's consumer", consumer["ready_count"], RDY)
    check_channel(server, transport, "held", message_count=1, requeue_count=1, timeout_count=0)
    producers = server.stats()["producers"]
    equal("producers", len(producers), 1)
    equal("the transport of the producer", shown_of(producers[0]), transport.shown())


def check_no_way_around(server, transport, scene):
    """That the client cannot have come another way: what /stats does not tell."""
    if transport.client_certificate:
        client = server.client()
        client.identify(tls_v1=True)
        try:
            client.start_tls(scene.authority.trusting())
            client.read_frame()
        except (ssl.SSLError, ConnectionError, Closed):
            pass
        else:
            raise AssertionError("the server took a client without a certificate")
        finally:
            client.close()
    if transport.auth:
        equal("secrets", {query["secret"] for query in scene.auth_server.queries}, {SECRET})
    if transport.lookupd:
        equal("topics that were looked up", scene.lookupd.looked_up(), {"bulk", "held"})


def check(command, transport, scene):
    """The client with this command over one transport, with a server of its own."""
    server = Server(*transport.flags(scene))
    try:
        for topic in ("bulk", "held"):
            server.web().do("topic/create", topic)
        if transport.lookupd:
            wait_until(lambda: scene.lookupd.registered() >= {("bulk", ""), ("held", "")}, "the topics are registered")
        program = Program([*command, f"--nsqd=127.0.0.1:{server.tcp_port}", f"--bodies={scene.bodies_file}",
                           *transport.arguments(scene)])
        try:
            program.wait_lines(scene.expected.total())
            check_stats(server, transport, scene)
            check_no_way_around(server, transport, scene)
            program.stop()
        finally:
            program.kill()
        check_deliveries(program.lines, scene.expected)
        server.stop()
    except BaseException:
        log = [line for line in server.log_lines if "GET /stats" not in line]
        print("the end of the server's log:", "".join(log[-30:]), sep="\n")
        raise
    finally:
        server.kill()


def run(client, command, only=None):
    """Checks the client over all transports, or over `only` these. Returns whether all is well."""
    print(f"nsqlookupd is {stock_lookupd() or 'a double'}", flush=True)
    failed = False
    with (tempfile.TemporaryDirectory(prefix="nsqd-interop-") as directory,
          contextlib.closing(Scene(directory)) as scene):
        for transport in TRANSPORTS:
            if only and transport.name not in only:
                continue
            started = time.monotonic()
            verdict = "ok"
            try:
                check(command, transport, scene)
            except Exception:
                traceback.print_exc(file=sys.stdout)
                verdict, failed = "FAILED", True
            print(f"{verdict} {client} over {transport.name}, {time.monotonic() - started:.1f} s", flush=True)
    return not failed
