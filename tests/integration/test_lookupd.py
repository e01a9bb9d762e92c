"""Our nsqlookupd: the V1 protocol, the HTTP API, its options, and the plugin in an nsqd's process.

What it shares with a stock one (Scenario) is asked of both, the stock one (Stock) if STOCK_NSQLOOKUPD=/path/to/nsqlookupd
names it, or it is on the PATH."""

import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import Authority, Client, Server, main, memory_limit, wait_until  # noqa: E402
from nsqtest.lookupd import LookupdClient, RealLookupd, our_lookupd, stock_lookupd  # noqa: E402
from nsqtest.v2 import sized  # noqa: E402

LONG = "x" * 65
IDENTITY = json.dumps(LookupdClient.IDENTITY).encode()


def identify(body):
    return b"IDENTIFY\n" + sized(body)


# What ends a connection: (bytes, error).
REFUSED = [
    (b"REGISTER t\n", b"E_INVALID client must IDENTIFY"),
    (b"UNREGISTER\n", b"E_INVALID client must IDENTIFY"),
    (b"BOGUS a b\n", b"E_INVALID invalid command BOGUS"),
    (b"\n", b"E_INVALID invalid command "),
    (b"ping\n", b"E_INVALID invalid command ping"),
    (b"REGISTER\tt\n", b"E_INVALID invalid command REGISTER\tt"),
    (identify(b""), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify(b"{"), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify(b"[]"), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify(IDENTITY + b" x"), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify(b'{"tcp_port":"x"}'), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify(b'{"tcp_port":1.5}'), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify(b'{"tcp_port":99999999999999999999}'), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify(b'{"remote_address":5}'), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify(b"{}"), b"E_BAD_BODY IDENTIFY missing fields"),
    (identify(b"null"), b"E_BAD_BODY IDENTIFY missing fields"),
    (identify(b'{"broadcast_address":"b","tcp_port":1,"http_port":2}'), b"E_BAD_BODY IDENTIFY missing fields"),
]
# The same behind IDENTIFY.
REFUSED_LATER = [
    (identify(IDENTITY), b"E_INVALID cannot IDENTIFY again"),
    (b"REGISTER\n", b"E_INVALID REGISTER insufficient number of params"),
    (b"UNREGISTER \n", b"E_INVALID UNREGISTER insufficient number of params"),
    (b"REGISTER  c\n", b"E_BAD_TOPIC REGISTER topic name '' is not valid"),
    (b"REGISTER b$d c\n", b"E_BAD_TOPIC REGISTER topic name 'b$d' is not valid"),
    (b'REGISTER \xff\xfe"\n', b"E_BAD_TOPIC REGISTER topic name '\xff\xfe\"' is not valid"),
    (b"UNREGISTER b$d\n", b"E_BAD_TOPIC UNREGISTER topic name 'b$d' is not valid"),
    (b"REGISTER t b$d\n", b"E_BAD_CHANNEL REGISTER channel name 'b$d' is not valid"),
    (f"REGISTER {LONG}\n".encode(), f"E_BAD_TOPIC REGISTER topic name '{LONG}' is not valid".encode()),
]
ACCEPTED_BODIES = [
    b'{"BROADCAST_ADDRESS":"b","Tcp_Port":1,"http_port":2,"version":"1"}',
    b'{"broadcast_address":"b","tcp_port":-1,"http_port":99999999,"version":"1","x":{"tcp_port":[]}}',
    b'{"broadcast_address":"b","tcp_port":1,"http_port":2,"version":"1","hostname":null,"remote_address":"r"}',
    b'{"broadcast_address":"b","tcp_port":1,"http_port":2,"version":"1","tls_v1":"yes"}',
    b'{"broadcast_address":"b\\u00e9\\ud83d\\ude00","tcp_port":1,"http_port":2,"version":"1"}',
]
# (method, path, status, message of the error; None: an empty answer)
ERRORS = [
    ("GET", "/channels", 400, "MISSING_ARG_TOPIC"),
    ("GET", "/lookup", 400, "MISSING_ARG_TOPIC"),
    ("GET", "/lookup?topic=%zz", 400, "INVALID_REQUEST"),
    ("GET", "/lookup?topic=nosuch", 404, "TOPIC_NOT_FOUND"),
    ("GET", "/lookup?topic=b$d", 404, "TOPIC_NOT_FOUND"),
    ("POST", "/topic/create", 400, "MISSING_ARG_TOPIC"),
    ("POST", "/topic/create?topic=b$d", 400, "INVALID_ARG_TOPIC"),
    ("POST", "/topic/delete", 400, "MISSING_ARG_TOPIC"),
    ("POST", "/topic/delete?topic=nosuch", 200, None),
    ("POST", "/topic/delete?topic=b$d", 200, None),
    ("POST", "/topic/tombstone", 400, "MISSING_ARG_TOPIC"),
    ("POST", "/topic/tombstone?topic=t", 400, "MISSING_ARG_NODE"),
    ("POST", "/topic/tombstone?topic=b$d&node=x", 200, None),
    ("POST", "/topic/tombstone?node=%zz", 400, "INVALID_REQUEST"),
    ("POST", "/channel/create", 400, "MISSING_ARG_TOPIC"),
    ("POST", "/channel/create?topic=b$d", 400, "INVALID_ARG_TOPIC"),
    ("POST", "/channel/create?topic=t", 400, "MISSING_ARG_CHANNEL"),
    ("POST", "/channel/create?topic=t&channel=b$d", 400, "INVALID_ARG_CHANNEL"),
    ("POST", "/channel/delete?topic=nosuch", 400, "MISSING_ARG_CHANNEL"),
    ("POST", "/channel/delete?topic=nosuch&channel=c", 404, "CHANNEL_NOT_FOUND"),
    ("GET", "/topic/create?topic=t", 405, "METHOD_NOT_ALLOWED"),
    ("POST", "/lookup?topic=t", 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/nosuch", 404, "NOT_FOUND"),
    ("GET", "/stats", 404, "NOT_FOUND"),
]


class LookupdCase(unittest.TestCase):
    maxDiff = None

    def lookupd(self, *flags, **kwargs):
        lookupd = RealLookupd(self.program(), *flags, **kwargs)
        self.addCleanup(lookupd.close)
        return lookupd

    def connect(self, lookupd, **kwargs):
        client = LookupdClient(lookupd.port, **kwargs)
        self.addCleanup(client.close)
        return client

    def nsqd(self, lookupd, *names, **fields):
        """A client that has registered for each "topic" or "topic channel"."""
        client = self.connect(lookupd)
        client.identify(**fields)
        for name in names:
            self.assertEqual(client.ask(f"REGISTER {name}"), b"OK")
        return client

    def get(self, lookupd, path):
        return lookupd.web().json("GET", path)

    def shown(self, client, **fields):
        """The client as /lookup has it."""
        return {"remote_address": client.address, **LookupdClient.IDENTITY, **fields}


class Scenario:
    """What a stock nsqlookupd does as well. `program()` is its path."""

    def test_conversation(self):
        lookupd = self.lookupd()
        client = self.connect(lookupd)
        self.assertEqual(client.ask("PING"), b"OK")
        answer = client.identify()
        self.assertEqual({key: answer[key] for key in ("broadcast_address", "http_port", "tcp_port", "version")},
                         {"broadcast_address": "127.0.0.1", "http_port": lookupd.http_port, "tcp_port": lookupd.port,
                          "version": "1.3.0"})
        self.assertEqual(set(answer), {"broadcast_address", "hostname", "http_port", "tcp_port", "version"})
        for line in ("REGISTER t", "REGISTER t c", "REGISTER t c more", " REGISTER u \r", "PING", "PING more",
                     "UNREGISTER t c", "UNREGISTER nosuch", "UNREGISTER nosuch c", "UNREGISTER t"):
            with self.subTest(line=line):
                self.assertEqual(client.ask(line), b"OK")
        lookupd.stop()

    def test_refusals(self):
        lookupd = self.lookupd()
        for later, refused in ((False, REFUSED), (True, REFUSED_LATER)):
            for data, error in refused:
                with self.subTest(data=data[:60], later=later):
                    client = self.connect(lookupd)
                    if later:
                        client.identify()
                    client.send(data)
                    self.assertEqual((client.read(), client.read()), (error, None))
        for magic in (b"  V2", b"GET ", b"\0\0\0\0"):
            with self.subTest(magic=magic):
                client = self.connect(lookupd, magic=magic)
                self.assertEqual((client.read(), client.read()), (b"E_BAD_PROTOCOL", None))
        for body in ACCEPTED_BODIES:
            with self.subTest(body=body):
                client = self.connect(lookupd)
                client.send(identify(body))
                self.assertEqual(json.loads(client.read())["version"], "1.3.0")
        for data, error in ((b"IDENTIFY\n\0\0", b"E_BAD_BODY IDENTIFY failed to read body size"),
                            (b"IDENTIFY\n\0\0\0\7abc", b"E_BAD_BODY IDENTIFY failed to read body")):
            with self.subTest(data=data):
                client = self.connect(lookupd)
                client.send(data)
                client.socket.shutdown(1)
                self.assertEqual((client.read(), client.read()), (error, None))
        wait_until(lambda: self.get(lookupd, "/nodes")["producers"] == [] or
                   all(node["topics"] == [] for node in self.get(lookupd, "/nodes")["producers"]), "nothing is left")
        self.assertEqual(self.get(lookupd, "/topics"), {"topics": []})
        lookupd.stop()

    def test_errors_of_http(self):
        lookupd = self.lookupd()
        web = lookupd.web()
        for method, path, status, message in ERRORS:
            with self.subTest(method=method, path=path):
                reply = web.request(method, path)
                body = b"" if message is None else json.dumps({"message": message}, separators=(",", ":")).encode()
                self.assertEqual((reply.status, reply.body), (status, body))
                self.assertEqual(reply.headers["X-NSQ-Content-Type"], "nsq; version=1.0")
                if message:
                    self.assertEqual(reply.headers["Content-Type"], "application/json; charset=utf-8")
        self.assertEqual((web.get("/ping").status, web.get("/ping").body), (200, b"OK"))
        self.assertEqual(self.get(lookupd, "/info"), {"version": "1.3.0"})
        self.assertEqual(self.get(lookupd, "/topics"), {"topics": []})
        self.assertEqual(self.get(lookupd, "/nodes"), {"producers": []})
        self.assertEqual(self.get(lookupd, "/debug"), {})
        self.assertEqual(self.get(lookupd, "/channels?topic=nosuch"), {"channels": []})
        lookupd.stop()

    def test_registrations(self):
        lookupd = self.lookupd()
        one = self.nsqd(lookupd, "t c", "t d", "u e#ephemeral", "v#ephemeral c", http_port=1)
        two = self.nsqd(lookupd, "t c", http_port=2)
        self.assertEqual(sorted(self.get(lookupd, "/topics")["topics"]), ["t", "u", "v#ephemeral"])
        self.assertEqual(sorted(self.get(lookupd, "/channels?topic=t")["channels"]), ["c", "d"])
        answer = self.get(lookupd, "/lookup?topic=t")
        self.assertEqual(sorted(answer["channels"]), ["c", "d"])
        self.assertEqual(sorted(answer["producers"], key=lambda each: each["http_port"]),
                         [self.shown(one, http_port=1), self.shown(two, http_port=2)])
        self.assertEqual(lookupd.producers("u"), {1})
        nodes = {node["http_port"]: node for node in self.get(lookupd, "/nodes")["producers"]}
        self.assertEqual(sorted(nodes[1].pop("topics")), ["t", "u", "v#ephemeral"])
        self.assertEqual(nodes[1].pop("tombstones"), [False, False, False])
        self.assertEqual(nodes[1], self.shown(one, http_port=1))
        self.assertEqual((nodes[2]["topics"], nodes[2]["tombstones"]), (["t"], [False]))
        self.assertEqual(set(self.get(lookupd, "/debug")),
                         {"client::", "topic:t:", "topic:u:", "topic:v#ephemeral:", "channel:t:c", "channel:t:d",
                          "channel:u:e#ephemeral", "channel:v#ephemeral:c"})

        self.assertEqual(one.ask("UNREGISTER t d"), b"OK")
        self.assertEqual(lookupd.producers("t"), {1, 2})
        self.assertEqual(one.ask("UNREGISTER u e#ephemeral"), b"OK")
        self.assertEqual(one.ask("UNREGISTER v#ephemeral"), b"OK")
        # What has no producer stays known, if it is not ephemeral.
        self.assertEqual(sorted(self.get(lookupd, "/channels?topic=t")["channels"]), ["c", "d"])
        self.assertEqual(self.get(lookupd, "/channels?topic=u"), {"channels": []})
        self.assertEqual(sorted(self.get(lookupd, "/topics")["topics"]), ["t", "u"])
        self.assertEqual(one.ask("UNREGISTER t"), b"OK")
        self.assertEqual(lookupd.producers("t"), {2})
        self.assertNotIn("channel:t:d", self.get(lookupd, "/debug"))

        one.close()
        wait_until(lambda: len(self.get(lookupd, "/nodes")["producers"]) == 1, "it is gone")
        self.assertEqual(lookupd.producers("u"), set())
        self.assertEqual(sorted(self.get(lookupd, "/topics")["topics"]), ["t", "u"])
        lookupd.stop()

    def test_deleted_and_created(self):
        lookupd = self.lookupd()
        client = self.nsqd(lookupd, "t c", "u c")
        lookupd.web().do("topic/delete", "t")
        self.assertEqual(self.get(lookupd, "/nodes")["producers"][0]["topics"], ["u"])
        self.assertEqual(lookupd.web().get("/lookup?topic=t").status, 404)
        self.assertEqual(self.get(lookupd, "/channels?topic=t"), {"channels": []})
        self.assertEqual(client.ask("REGISTER t d"), b"OK")
        self.assertEqual(self.get(lookupd, "/lookup?topic=t"), {"channels": ["d"], "producers": [self.shown(client)]})
        lookupd.web().do("channel/delete", "t", "d")
        self.assertEqual(self.get(lookupd, "/lookup?topic=t"), {"channels": [], "producers": [self.shown(client)]})
        lookupd.web().do("channel/create", "made", "c")
        lookupd.web().do("topic/create", "also")
        self.assertEqual(sorted(self.get(lookupd, "/topics")["topics"]), ["also", "made", "t", "u"])
        self.assertEqual(self.get(lookupd, "/lookup?topic=made"), {"channels": ["c"], "producers": []})
        lookupd.stop()

    def test_tombstones(self):
        lookupd = self.lookupd("--tombstone-lifetime=1s")
        one, two = self.nsqd(lookupd, "t", "u", http_port=1), self.nsqd(lookupd, "t", http_port=2)
        web = lookupd.web()
        self.assertEqual(web.post("/topic/tombstone?topic=t&node=127.0.0.1:1").status, 200)
        self.assertEqual(lookupd.producers("t"), {2})
        self.assertEqual(lookupd.producers("u"), {1})
        nodes = {node["http_port"]: dict(zip(node["topics"], node["tombstones"]))
                 for node in self.get(lookupd, "/nodes")["producers"]}
        self.assertEqual(nodes, {1: {"t": True, "u": False}, 2: {"t": False}})
        self.assertEqual([each["tombstoned"] for each in self.get(lookupd, "/debug")["topic:t:"]
                          if each["http_port"] == 1], [True])
        self.assertEqual(one.ask("REGISTER t c"), b"OK")  # it is registered: nothing changes
        self.assertEqual(lookupd.producers("t"), {2})
        wait_until(lambda: lookupd.producers("t") == {1, 2}, "the tombstone is over")
        web.post("/topic/tombstone?topic=t&node=127.0.0.1:2")
        self.assertEqual((two.ask("UNREGISTER t"), two.ask("REGISTER t")), (b"OK", b"OK"))
        self.assertEqual(lookupd.producers("t"), {1, 2})
        lookupd.stop()

    def test_silent_producers(self):
        lookupd = self.lookupd("--inactive-producer-timeout=500ms")
        client = self.nsqd(lookupd, "t")
        wait_until(lambda: lookupd.producers("t") == set(), "it is left out")
        self.assertEqual(self.get(lookupd, "/nodes"), {"producers": []})
        self.assertEqual(client.ask("PING"), b"OK")
        self.assertEqual(lookupd.producers("t"), {4151})
        lookupd.stop()


class Ours(Scenario, LookupdCase):
    program = staticmethod(our_lookupd)

    def test_names_are_sorted(self):
        lookupd = self.lookupd()
        self.nsqd(lookupd, *(f"t{number} c{number * 7 % 100}" for number in range(100)), "t c2", "t c1")
        self.assertEqual(self.get(lookupd, "/topics")["topics"], sorted(["t", *(f"t{n}" for n in range(100))]))
        self.assertEqual(self.get(lookupd, "/channels?topic=t")["channels"], ["c1", "c2"])
        lookupd.stop()

    def test_ephemeral_ones_go_with_their_connection(self):
        lookupd = self.lookupd()
        self.nsqd(lookupd, "t c#ephemeral", "e#ephemeral c").close()
        wait_until(lambda: self.get(lookupd, "/topics") == {"topics": ["t"]}, "the topic is gone")
        wait_until(lambda: self.get(lookupd, "/channels?topic=t") == {"channels": []}, "the channel is gone")
        lookupd.stop()

    def test_bad_sizes_cost_nothing(self):
        lookupd = self.lookupd()
        for size, error in ((2**31 - 1, b"E_BAD_BODY IDENTIFY body too big 2147483647 > 8192"),
                            (8193, b"E_BAD_BODY IDENTIFY body too big 8193 > 8192"),
                            (-1, b"E_BAD_BODY IDENTIFY invalid body size -1"),
                            (-2**31, b"E_BAD_BODY IDENTIFY invalid body size -2147483648")):
            for _ in range(50):
                client = LookupdClient(lookupd.port)
                client.send(b"IDENTIFY\n" + struct.pack(">i", size) + b"x" * 1000)
                self.assertEqual(client.read(), error)
                client.close()
        for data in (b"x" * 16384, b"PING" + b" " * 20000 + b"\n"):
            client = self.connect(lookupd)
            client.send(data)
            self.assertEqual((client.read(), client.read()), (b"E_INVALID command line too long", None))
        deep = b'{"x":' + b"[" * 8000
        client = self.connect(lookupd)
        client.send(identify(deep))
        self.assertEqual(client.read(), b"E_BAD_BODY IDENTIFY failed to decode JSON body")
        self.assertLess(peak_bytes(lookupd.process.pid), memory_limit(64 << 20))
        lookupd.stop()

    def test_who_does_not_read_is_not_read(self):
        lookupd = self.lookupd()
        client = self.nsqd(lookupd)
        client.socket.settimeout(0.2)
        sent = 0
        try:
            while sent < 1 << 30:
                sent += client.socket.send(b"PING\n" * 20000)
        except TimeoutError:
            pass
        self.assertLess(sent, 1 << 30)
        self.assertLess(peak_bytes(lookupd.process.pid), memory_limit(64 << 20))
        self.assertEqual(lookupd.web().get("/ping").body, b"OK")
        lookupd.stop()

    def test_a_body_of_a_request_is_not_looked_at(self):
        lookupd = self.lookupd()
        web = lookupd.web()
        reply = web.post("/topic/create?topic=t", b"x" * 65536)
        self.assertEqual((reply.status, reply.body), (200, b""))
        reply = web.post("/topic/create?topic=u", b"x" * 65537)
        self.assertEqual((reply.status, reply.body), (413, b'{"message":"BODY_TOO_BIG"}'))
        self.assertEqual(self.get(lookupd, "/topics"), {"topics": ["t"]})
        lookupd.stop()

    def test_many_come_and_go_at_once(self):
        """What they had is gone at once, and those that stay are served meanwhile."""
        lookupd = self.lookupd()
        stays = self.nsqd(lookupd, "t0 c", http_port=1)
        lines = b"".join(b"REGISTER t%d c\n" % number for number in range(2000))
        clients = [self.nsqd(lookupd, http_port=10 + number) for number in range(20)]
        for client in clients:
            client.send(lines)
        for client in clients:
            self.assertEqual({client.read() for _ in range(2000)}, {b"OK"})
        self.assertEqual(len(lookupd.producers("t0")), 21)
        for client in clients:
            client.close()
        wait_until(lambda: lookupd.producers("t0") == {1}, "they are gone")
        self.assertEqual(stays.ask("PING"), b"OK")
        wait_until(lambda: lookupd.registered() == {("t0", ""), ("t0", "c")}, "what they had is gone")
        self.assertEqual(len(self.get(lookupd, "/topics")["topics"]), 2000)
        lookupd.stop()

    def test_nsqd_comes_back_after_a_restart(self):
        lookupd = self.lookupd()
        server = Server("--broadcast-address=127.0.0.1", f"--lookupd-tcp-address={lookupd.address}")
        self.addCleanup(server.kill)
        server.web().do("topic/create", "t")
        wait_until(lambda: lookupd.producers("t"), "it is registered")
        lookupd.stop()
        wait_until(lambda: f"LOOKUPD({lookupd.address}): " in server.log and "ERROR" in server.log, "it notices")
        again = self.lookupd(port=lookupd.port, http_port=lookupd.http_port)
        began = time.monotonic()
        wait_until(lambda: again.producers("t"), "it is registered again")
        print(f"    registered again {time.monotonic() - began:.2f} s after nsqlookupd was back", flush=True)
        server.stop()
        again.stop()

    def test_tls(self):
        with tempfile.TemporaryDirectory(prefix="nsqd-test-") as directory:
            authority = Authority(directory)
            certificate, key = authority.sign("server")
            flags = (f"--tls-cert={certificate}", f"--tls-key={key}")
            lookupd = self.lookupd(*flags)
            self.assertIs(self.connect(lookupd).identify()["tls_v1"], False)
            self.assert_serves_tls(lookupd, authority)
            lookupd.stop()
            lookupd = self.lookupd(*flags, "--tls-required=tcp-https")
            for data, command in ((identify(IDENTITY), b"IDENTIFY"), (b"PING\n", b"PING")):
                client = self.connect(lookupd)
                client.send(data)
                self.assertEqual((client.read(), client.read()),
                                 (b"E_INVALID cannot %s in current state (TLS required)" % command, None))
            self.assert_serves_tls(lookupd, authority)
            lookupd.stop()

    def assert_serves_tls(self, lookupd, authority):
        client = self.connect(lookupd)
        self.assertIs(client.identify(tls_v1=True)["tls_v1"], True)
        client.start_tls(authority.trusting())
        self.assertEqual(client.read(), b"OK")
        self.assertEqual(client.ask("REGISTER t"), b"OK")
        self.assertEqual(lookupd.producers("t"), {4151})
        client.close()

    def test_too_many_connections(self):
        lookupd = self.lookupd("--max-connections=1")
        client = self.nsqd(lookupd)
        refused = self.connect(lookupd)
        self.assertEqual(refused.read(), b"E_TOO_MANY_CONNECTIONS the server has as many connections as it allows")
        self.assertEqual(client.ask("PING"), b"OK")
        lookupd.stop()


class Stock(Scenario, LookupdCase):
    program = staticmethod(stock_lookupd)


def peak_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


class Program(unittest.TestCase):
    """Its options and files."""

    def run_it(self, *arguments, cwd=None):
        done = subprocess.run([our_lookupd(), *arguments], capture_output=True, text=True, timeout=60, cwd=cwd)
        return done.returncode, done.stdout, done.stderr

    def test_version_and_help(self):
        code, stdout, _ = self.run_it("--version")
        self.assertEqual(code, 0)
        self.assertTrue(stdout.startswith("nsqlookupd v1.3.0 "), stdout)
        code, stdout, _ = self.run_it("--version", "--verbose")
        self.assertIn("\nplugin lookupd 1.0 ", stdout)
        code, stdout, _ = self.run_it("--help")
        self.assertEqual(code, 0)
        self.assertTrue(stdout.startswith("Usage: nsqlookupd [options]\n"), stdout[:200])
        for part in ("(default: 0.0.0.0:4160)", "(default: 0.0.0.0:4161)", "(default: \"[nsqlookupd] \")",
                     "--inactive-producer-timeout=duration (inactive_producer_timeout)", "(default: 5m)",
                     "--tombstone-lifetime=duration (tombstone_lifetime)", "(default: 45s)"):
            self.assertIn(part, stdout)
        for foreign in ("data-path", "lookupd-tcp-address", "max-msg-size", "statsd", "http-api"):
            self.assertNotIn(foreign, stdout)

    def test_options_of_nsqd_are_unknown(self):
        for option in ("--data-path=/tmp", "--mem-queue-size=1", "--lookupd-tcp-address=127.0.0.1:1"):
            code, _, stderr = self.run_it(option)
            self.assertEqual((code, stderr), (2, f"nsqlookupd: unknown option {option.partition('=')[0]}\n"))
        code, _, stderr = self.run_it("--tombstone-lifetime=soon")
        self.assertEqual(code, 2)
        self.assertIn("option --tombstone-lifetime: ", stderr)

    def test_file_as_the_stock_one(self):
        """It keeps nothing anywhere: the working directory stays empty."""
        with tempfile.TemporaryDirectory(prefix="nsqd-test-") as directory:
            file = os.path.join(directory, "nsqlookupd.cfg")
            with open(file, "w", encoding="ascii") as config:
                config.write('verbose = false\ntcp_address = "127.0.0.1:0"\nhttp_address = "127.0.0.1:0"\n'
                             'broadcast_address = "here"\ninactive_producer_timeout = "300s"\n'
                             'tombstone_lifetime = 45000\n')
            lookupd = RealLookupd(our_lookupd(), f"--config={file}")
            self.addCleanup(lookupd.close)
            self.assertTrue(lookupd.log.startswith("[nsqlookupd] "), lookupd.log)
            lookupd.stop()
            self.assertEqual(os.listdir(directory), ["nsqlookupd.cfg"])
            with open(file, "a", encoding="ascii") as config:
                config.write('data_path = "/tmp"\n')
            code, _, stderr = self.run_it(f"--config={file}")
            self.assertEqual(code, 2)
            self.assertIn("line 7: unknown option data_path", stderr)

    def test_nothing_else_is_served(self):
        """No V2 and no HTTP API of nsqd, unless they are loaded."""
        code, _, stderr = self.run_it("--plugin=http_api", "--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0")
        self.assertEqual(code, 1)
        self.assertIn("GET /ping is already taken by GET /ping (plugin lookupd has it)", stderr)


class InNsqd(LookupdCase):
    """The plugin in an nsqd's process, on the same ports."""

    program = staticmethod(our_lookupd)

    def start_both(self):
        """An nsqd that registers with itself."""
        # Which port it gets is not known before it has one.
        probe = Server()
        probe.stop()
        server = Server("--plugin=lookupd", "--broadcast-address=127.0.0.1",
                        f"--tcp-address=127.0.0.1:{probe.tcp_port}", f"--http-address=127.0.0.1:{probe.http_port}",
                        f"--lookupd-tcp-address=127.0.0.1:{probe.tcp_port}", addresses=False)
        self.addCleanup(server.kill)
        return server

    def test_one_process_is_both(self):
        server = self.start_both()
        tcp_port, http_port = server.tcp_port, server.http_port
        web = server.web()
        consumer = server.client().subscribe("t", "c", 1)
        web.publish("t", b"m")
        self.assertEqual(consumer.read_message().body, b"m")

        def found():
            answer = web.get("/lookup?topic=t")
            return answer.status == 200 and json.loads(answer.body)["producers"]
        producer, = wait_until(found, "it is registered with itself")
        self.assertEqual((producer["tcp_port"], producer["http_port"]), (tcp_port, http_port))
        self.assertEqual(web.json("GET", "/channels?topic=t"), {"channels": ["c"]})
        node, = web.json("GET", "/nodes")["producers"]
        self.assertEqual(node["topics"], ["t"])
        self.assertIsNone(web.json("GET", "/stats?format=json")["producers"])

        # Paths that both have are nsqd's; those of lookupd are found elsewhere.
        self.assertIn("tcp_port", web.json("GET", "/info"))
        self.assertEqual(web.json("GET", "/lookupd/info"), {"version": "1.3.0"})
        self.assertEqual(web.get("/lookupd/ping").body, b"OK")
        web.do("lookupd/topic/create", "elsewhere")
        web.do("lookupd/channel/create", "elsewhere", "c")
        self.assertEqual(web.json("GET", "/topics"), {"topics": ["elsewhere", "t"]})
        self.assertIsNone(server.topic("elsewhere"))
        web.do("lookupd/channel/delete", "elsewhere", "c")
        web.do("lookupd/topic/delete", "elsewhere")
        web.do("topic/delete", "t")
        wait_until(lambda: not node_topics(web), "it is unregistered")
        web.do("lookupd/topic/delete", "t")
        self.assertEqual(web.json("GET", "/topics"), {"topics": []})
        with Client(tcp_port) as unknown:
            unknown.send(b"nope")
            unknown.expect_fatal(b"E_BAD_PROTOCOL")
        server.stop()

    def test_a_clean_stop_is_no_error(self):
        """Its own nsqlookupd goes before it does, which it knows."""
        server = self.start_both()
        server.web().do("topic/create", "t")
        wait_until(lambda: node_topics(server.web()) == ["t"], "it is registered with itself")
        server.stop()
        self.assertNotRegex(server.log, "(WARNING|ERROR|FATAL): ")

    def test_its_options_are_nsqds_too(self):
        server = Server("--plugin=lookupd", "--inactive-producer-timeout=0s")
        self.addCleanup(server.kill)
        client = LookupdClient(server.tcp_port)
        self.addCleanup(client.close)
        client.identify()
        self.assertEqual(client.ask("REGISTER t"), b"OK")
        self.assertEqual(server.web().json("GET", "/lookup?topic=t"), {"channels": [], "producers": []})
        self.assertEqual(server.web().json("GET", "/config/tombstone_lifetime"), 45_000_000_000)
        server.stop()


def node_topics(web):
    return [topic for node in web.json("GET", "/nodes")["producers"] for topic in node["topics"]]


if __name__ == "__main__":
    if not stock_lookupd():
        print("SKIPPED: Stock needs a stock nsqlookupd: STOCK_NSQLOOKUPD=/path/to/nsqlookupd", flush=True)
        del Stock
    main()
