"""Every option is in force: each that --help has shows an effect, here or in the test that ELSEWHERE names."""

import glob
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from faultfs import Faults, available  # noqa: E402
from faultfs.journal import Kind, read_journal  # noqa: E402
from nsqtest import (DEADLINE_S, Client, Server, Web, dpub, identify, main, mpub, pub, run_to_exit,  # noqa: E402
                     wait_until)

HERE = os.path.dirname(os.path.abspath(__file__))

# Options that another test shows in force: its path from here, which must be there and mention the flag. An option
# that --help does not have is not looked at, so those of work that is still to be merged can stand here.
ELSEWHERE = {
    "help": "test_process.py", "version": "test_process.py", "config": "test_process.py",
    "daemon": "test_process.py", "pidfile": "test_process.py", "log-file": "test_process.py",
    "print-addresses": "test_http_access.py", "export-diskqueue": "test_stock_data.py",
    "durability": "../support/nsqtest/power.py", "http-readonly-address": "test_http_access.py",
    "http-auth-token": "test_http_access.py", "http-auth-token-file": "test_http_access.py",
    "max-connections": "test_connections.py", "plugin-timeout": "../plugin/hangs.py",
    # AUTH
    "auth-http-address": "test_auth.py", "http-client-connect-timeout": "test_lookup.py",
    "http-client-request-timeout": "test_lookup.py",
    # nsqlookupd
    "lookupd-tcp-address": "test_lookup.py",
    "inactive-producer-timeout": "test_lookupd.py", "tombstone-lifetime": "test_lookupd.py",
    # TLS, https, compression
    "https-address": "test_tls.py", "tls-cert": "test_tls.py", "tls-key": "test_tls.py",
    "tls-root-ca-file": "test_tls.py", "tls-client-auth-policy": "test_tls.py", "tls-required": "test_tls.py",
    "tls-min-version": "test_tls.py", "deflate": "test_compression.py", "max-deflate-level": "test_compression.py",
    "snappy": "test_compression.py",
    # statsd, end-to-end latency
    "statsd-address": "test_statsd.py", "statsd-interval": "test_statsd.py", "statsd-mem-stats": "test_statsd.py",
    "statsd-prefix": "test_statsd.py", "statsd-udp-packet-size": "test_statsd.py",
    "statsd-exclude-ephemeral": "test_statsd.py",
    "e2e-processing-latency-percentile": "test_latency.py",
    "e2e-processing-latency-window-time": "test_latency.py",
}

# What a stock nsqd 1.3.0 answers to GET /config/KEY when it was started without options; None: it depends on the
# machine. These are all keys of its configuration file.
STOCK_DEFAULTS = {
    "log_level": "2", "log_prefix": "[nsqd] ", "id": None, "tcp_address": None, "http_address": None,
    "https_address": "0.0.0.0:4152", "broadcast_address": None, "broadcast_tcp_port": None,
    "broadcast_http_port": None, "nsqlookupd_tcp_addresses": "[]", "auth_http_addresses": "[]",
    "http_client_connect_timeout": "2000000000", "http_client_request_timeout": "5000000000", "data_path": None,
    "mem_queue_size": "10000", "max_bytes_per_file": "104857600", "sync_every": "2500", "sync_timeout": "2000000000",
    "queue_scan_worker_pool_max": "4", "queue_scan_selection_count": "20", "msg_timeout": "60000000000",
    "max_msg_timeout": "900000000000", "max_req_timeout": "3600000000000", "max_msg_size": "1048576",
    "max_body_size": "5242880", "max_heartbeat_interval": "60000000000", "max_rdy_count": "2500",
    "max_output_buffer_size": "65536", "max_output_buffer_timeout": "30000000000",
    "min_output_buffer_timeout": "25000000", "output_buffer_timeout": "250000000", "max_channel_consumers": "0",
    "statsd_address": "", "statsd_interval": "60000000000", "statsd_mem_stats": "true", "statsd_prefix": None,
    "statsd_udp_packet_size": "508", "statsd_exclude_ephemeral": "false",
    "e2e_processing_latency_percentiles": "[]", "e2e_processing_latency_window_time": "600000000000", "tls_cert": "",
    "tls_key": "", "tls_root_ca_file": "", "tls_client_auth_policy": "", "tls_required": "0", "tls_min_version": "769",
    "deflate": "true", "max_deflate_level": "6", "snappy": "true",
}

# Where it is not the key with dashes.
FLAGS = {"id": "node-id", "nsqlookupd_tcp_addresses": "lookupd-tcp-address", "auth_http_addresses": "auth-http-address",
         "e2e_processing_latency_percentiles": "e2e-processing-latency-percentile"}

# Can be changed while the server runs.
CHANGEABLE = {"log_level", "nsqlookupd_tcp_addresses"}
SECRET = {"http_auth_token"}

# A configuration file of a stock nsqd: the keys of its example, and those it has beside, key by key.
EXAMPLE = """
log_level = "info"
log_prefix = "[nsqd] "
id = 617
tcp_address = "0.0.0.0:4150"
http_address = "0.0.0.0:4151"
https_address = "0.0.0.0:4152"
broadcast_address = "host.example"
broadcast_tcp_port = 4150
broadcast_http_port = 4151
nsqlookupd_tcp_addresses = ["127.0.0.1:1"]
auth_http_addresses = []
http_client_connect_timeout = "2s"
http_client_request_timeout = "5s"
data_path = "."
mem_queue_size = 10000
max_bytes_per_file = 104857600
sync_every = 2500
sync_timeout = "2s"
queue_scan_worker_pool_max = 4
queue_scan_selection_count = 20
msg_timeout = "60s"
max_msg_timeout = "15m"
max_msg_size = 1024768
max_req_timeout = "1h"
max_body_size = 5123840
max_heartbeat_interval = "60s"
max_rdy_count = 2500
max_output_buffer_size = 65536
max_output_buffer_timeout = "1s"
min_output_buffer_timeout = "25ms"
output_buffer_timeout = "250ms"
max_channel_consumers = 0
statsd_address = ""
statsd_prefix = "nsq.%s"
statsd_interval = "60s"
statsd_mem_stats = true
statsd_udp_packet_size = 508
statsd_exclude_ephemeral = false
e2e_processing_latency_percentiles = [1.0, 0.99, 0.95]
e2e_processing_latency_window_time = "10m"
tls_cert = ""
tls_key = ""
tls_root_ca_file = ""
tls_client_auth_policy = ""
tls_required = false
tls_min_version = ""
deflate = true
max_deflate_level = 6
snappy = true
"""

CASES = {}


def shows(flag):
    """Registers a function of the test that shows this option in force."""
    def register(function):
        CASES[flag] = function
        return function
    return register


def options():
    """{flag: config key, or ""} of all that --help has."""
    text = run_to_exit("--help")[1]
    return {flag: key or "" for flag, key in
            re.findall(r"^  --([a-z0-9-]+)(?:=\w+)?(?: \[\])?(?: \((\w+)\))?$", text, re.MULTILINE)}


def threads(server, prefix):
    """How many threads of the server have names that begin so."""
    count = 0
    for path in glob.glob(f"/proc/{server.pid}/task/*/comm"):
        with open(path, encoding="ascii") as file:
            count += file.read().startswith(prefix)
    return count


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="nsqd-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def start(self, *flags, **kwargs):
        server = Server(*flags, **kwargs)
        self.addCleanup(server.kill)
        return server

    def client(self, server):
        client = server.client()
        self.addCleanup(client.close)
        return client

    def assert_identify_refused(self, flag, answer, **fields):
        """IDENTIFY with these fields is refused with the option and not without."""
        usual = self.client(self.start())
        usual.command(identify(**fields))
        client = self.client(self.start(flag))
        client.send(identify(**fields))
        client.expect_fatal(answer)


class Effects(Case):
    """One test for each entry of CASES: see below."""


@shows("node-id")
def node_id(test):
    for node in (0, 77, 1023):
        server = test.start(f"--node-id={node}")
        test.assertIn(f"ID: {node}\n", server.log)
        server.web().publish("t", b"x")
        message = test.client(server).subscribe("t", "c", 1).read_message()
        test.assertEqual(int(message.id, 16) >> 54, node)
        server.stop()


def answers(path):
    try:
        return Web(path).get("/ping").body == b"OK"
    except OSError:
        return False


@shows("log-level")
def log_level(test):
    loud = test.start("--log-level=debug")
    test.client(loud).command(pub("t", b"x"))
    loud.web().get("/ping")
    wait_until(lambda: " DEBUG: " in loud.log, "a debug line")
    # A log that stays empty does not tell the ports.
    path = os.path.join(test.directory, "http.sock")
    quiet = test.start("--log-level=fatal", "--tcp-address=127.0.0.1:0", f"--http-address={path}", addresses=False,
                       ready=False)
    wait_until(lambda: answers(path), "it answers")
    quiet.terminate()
    test.assertEqual(quiet.wait(), 0)
    test.assertEqual(quiet.log, "")


@shows("log-prefix")
def log_prefix(test):
    server = test.start("--log-prefix=<here> ")
    server.stop()
    test.assertTrue(all(line.startswith("<here> ") for line in server.log_lines), server.log)


@shows("tcp-address")
def tcp_address(test):
    server = test.start("--tcp-address=127.0.0.2:0")
    with socket.create_connection(("127.0.0.2", server.tcp_port), timeout=DEADLINE_S) as connection:
        connection.sendall(b"  V2" + pub("t", b"x"))
        test.assertEqual(connection.recv(10), b"\0\0\0\6\0\0\0\0OK")
    with test.assertRaises(ConnectionRefusedError):
        Client(server.tcp_port)


@shows("http-address")
def http_address(test):
    server = test.start("--http-address=127.0.0.2:0")
    with socket.create_connection(("127.0.0.2", server.http_port), timeout=DEADLINE_S) as connection:
        connection.sendall(b"GET /ping HTTP/1.0\r\n\r\n")
        test.assertTrue(connection.recv(1000).startswith(b"HTTP/1.0 200 OK"))
    with test.assertRaises(ConnectionRefusedError):
        server.web().get("/ping")


@shows("broadcast-address")
def broadcast_address(test):
    server = test.start("--broadcast-address=other.example")
    test.assertEqual(server.web().json("GET", "/info")["broadcast_address"], "other.example")


def broadcast_port(test, what):
    """/info tells where it really listens, as nsqd does; the other port is for nsqlookupd."""
    server = test.start(f"--broadcast-{what}-port=1234")
    info = server.web().json("GET", "/info")
    test.assertEqual((info["tcp_port"], info["http_port"]), (server.tcp_port, server.http_port))
    test.assertEqual(server.web().get(f"/config/broadcast_{what}_port").body, b"1234")
    unset = test.start()
    test.assertEqual(int(unset.web().get(f"/config/broadcast_{what}_port").body), getattr(unset, f"{what}_port"))


@shows("broadcast-tcp-port")
def broadcast_tcp_port(test):
    broadcast_port(test, "tcp")


@shows("broadcast-http-port")
def broadcast_http_port(test):
    broadcast_port(test, "http")


@shows("io-threads")
def io_threads(test):
    test.assertEqual([threads(test.start(f"--io-threads={count}"), "loop-") for count in (1, 3)], [1, 3])


@shows("http-threads")
def http_threads(test):
    test.assertEqual([threads(test.start(f"--http-threads={count}"), "http-") for count in (2, 5)], [2, 5])


@shows("data-path")
def data_path(test):
    server = test.start(data_path=test.directory)
    server.web().publish("t", b"x")
    wait_until(lambda: os.path.exists(os.path.join(test.directory, "nsqd.dat")), "nsqd.dat is there")
    server.stop()
    relative = test.start("--data-path=" + os.path.relpath(test.directory))
    test.assertEqual(relative.topic("t")["depth"], 1)


@shows("mem-queue-size")
def mem_queue_size(test):
    server = test.start("--mem-queue-size=3")
    for _ in range(5):
        server.web().publish("t#ephemeral", b"x")
    test.assertEqual(server.topic("t#ephemeral")["depth"], 3)


@shows("max-bytes-per-file")
def max_bytes_per_file(test):
    for limit, files in ((10000, 5), (104857600, 1)):
        server = test.start(f"--max-bytes-per-file={limit}")
        for _ in range(5):
            server.web().publish("t", b"x" * 10000)
        test.assertEqual(len(glob.glob(f"{server.data_path}/topics/t/*.log")), files)


def synced(faults):
    """How often a topic's file was synced."""
    records = list(read_journal(faults.journal))
    logs = {record.node for record in records if record.kind == Kind.CREATE and record.name.endswith(b".log")}
    return sum(record.kind == Kind.SYNC and record.node in logs for record in records)


def start_with_journal(test, *flags):
    if not available():
        test.skipTest("needs FAULTFS")
    faults = Faults(test.directory, record=True)
    test.addCleanup(faults.close)
    return test.start(*flags, data_path=test.directory, environment=faults.environment), faults


@shows("sync-every")
def sync_every(test):
    server, faults = start_with_journal(test, "--sync-every=10", "--sync-timeout=1h")
    for _ in range(9):
        server.web().publish("t", b"x")
    test.assertEqual(synced(faults), 0)
    server.web().publish("t", b"x")
    wait_until(lambda: synced(faults) > 0, "the topic is synced")


@shows("sync-timeout")
def sync_timeout(test):
    server, faults = start_with_journal(test, "--sync-every=1000000", "--sync-timeout=100ms")
    server.web().publish("t", b"x")
    wait_until(lambda: synced(faults) > 0, "the topic is synced")


@shows("msg-timeout")
def msg_timeout(test):
    server = test.start("--msg-timeout=100ms")
    server.web().publish("t", b"x")
    client = test.client(server).subscribe("t", "c", 1)
    test.assertEqual([message.attempts for message in client.read_messages(2)], [1, 2])


@shows("max-msg-timeout")
def max_msg_timeout(test):
    test.assert_identify_refused("--max-msg-timeout=5s", b"E_BAD_BODY IDENTIFY msg timeout (6000) is invalid",
                                 msg_timeout=6000)


@shows("max-req-timeout")
def max_req_timeout(test):
    client = test.client(test.start("--max-req-timeout=5s"))
    client.command(dpub("t", 5000, b"x"))
    client.send(dpub("t", 5001, b"x"))
    client.expect_fatal(b"E_INVALID DPUB timeout 5001 out of range 0-5000")


@shows("max-msg-size")
def max_msg_size(test):
    server = test.start("--max-msg-size=10")
    client = test.client(server)
    client.command(pub("t", b"x" * 10))
    client.send(pub("t", b"x" * 11))
    client.expect_fatal(b"E_BAD_MESSAGE PUB message too big 11 > 10")
    test.assertEqual(server.web().post("/pub?topic=t", b"x" * 11).status, 413)


@shows("max-body-size")
def max_body_size(test):
    client = test.client(test.start("--max-body-size=20"))
    client.command(mpub("t", [b"x" * 12]))
    client.send(mpub("t", [b"x" * 13]))
    client.expect_fatal(b"E_BAD_BODY MPUB body too big 21 > 20")


@shows("max-heartbeat-interval")
def max_heartbeat_interval(test):
    test.assert_identify_refused("--max-heartbeat-interval=5s",
                                 b"E_BAD_BODY IDENTIFY heartbeat interval (6000) is invalid", heartbeat_interval=6000)


@shows("max-rdy-count")
def max_rdy_count(test):
    client = test.client(test.start("--max-rdy-count=5")).subscribe("t", "c", 5)
    client.send(b"RDY 6\n")
    client.expect_fatal(b"E_INVALID RDY count 6 out of range 0-5")


@shows("max-output-buffer-size")
def max_output_buffer_size(test):
    test.assert_identify_refused("--max-output-buffer-size=1000",
                                 b"E_BAD_BODY IDENTIFY output buffer size (1001) is invalid", output_buffer_size=1001)


@shows("max-output-buffer-timeout")
def max_output_buffer_timeout(test):
    test.assert_identify_refused("--max-output-buffer-timeout=1s",
                                 b"E_BAD_BODY IDENTIFY output buffer timeout (1001) is invalid",
                                 output_buffer_timeout=1001)


@shows("min-output-buffer-timeout")
def min_output_buffer_timeout(test):
    test.assert_identify_refused("--min-output-buffer-timeout=100ms",
                                 b"E_BAD_BODY IDENTIFY output buffer timeout (99) is invalid",
                                 output_buffer_timeout=99)


@shows("output-buffer-timeout")
def output_buffer_timeout(test):
    client = test.client(test.start("--output-buffer-timeout=123ms"))
    test.assertEqual(client.identify()["output_buffer_timeout"], 123)


@shows("max-channel-consumers")
def max_channel_consumers(test):
    server = test.start("--max-channel-consumers=2")
    first, _ = (test.client(server).subscribe("t", "c") for _ in range(2))
    test.client(server).subscribe("t", "other")
    refused = test.client(server)
    refused.send(b"SUB t c\n")
    refused.expect_fatal(b"E_SUB_FAILED SUB failed consumers for t:c exceeds limit of 2")
    first.close()
    server.wait_channel("t", "c", client_count=1)
    test.client(server).subscribe("t", "c")


@shows("http-api")
def http_api(test):
    reply = test.start("--http-api=false").web().get("/ping")
    test.assertEqual((reply.status, reply.body), (404, b"not found\n"))


def own_plugin():
    """The file of the plugin http_api."""
    return re.search(r"^plugin http_api \S+ \((.*)\)$", run_to_exit("--version", "--verbose")[1], re.MULTILINE)[1]


@shows("plugin")
def plugin(test):
    copy = shutil.copy(own_plugin(), os.path.join(test.directory, "copy.so"))
    server = test.start("--http-api=false", f"--plugin={copy}")
    test.assertIn(copy, server.log)
    test.assertEqual(server.web().get("/ping").body, b"OK")


@shows("plugin-dir")
def plugin_dir(test):
    copy = shutil.copy(own_plugin(), test.directory)
    test.assertIn(copy, test.start(f"--plugin-dir={test.directory}").log)


@shows("verbose")
def verbose(test):
    test.assertNotIn("plugin", run_to_exit("--version")[1])
    test.assertIn("plugin http_api", run_to_exit("--version", "--verbose")[1])


def without_effect(test, flag, key, value):
    server = test.start(flag)
    test.assertEqual(server.web().get(f"/config/{key}").body, value)
    server.web().publish("t", b"x")
    server.stop()


@shows("worker-id")
def worker_id(test):
    without_effect(test, "--worker-id", "worker_id", b"true")


@shows("queue-scan-worker-pool-max")
def queue_scan_worker_pool_max(test):
    without_effect(test, "--queue-scan-worker-pool-max=7", "queue_scan_worker_pool_max", b"7")


@shows("queue-scan-selection-count")
def queue_scan_selection_count(test):
    without_effect(test, "--queue-scan-selection-count=7", "queue_scan_selection_count", b"7")


for _flag, _function in CASES.items():
    setattr(Effects, "test_" + _flag.replace("-", "_"), lambda test, function=_function: function(test))


class Table(Case):
    def test_every_option_has_a_case(self):
        known = options()
        self.assertGreater(len(known), 40)
        for flag in known:
            with self.subTest(flag=flag):
                self.assertTrue(flag in CASES or flag in ELSEWHERE, "no test shows that the option is in force")
                self.assertFalse(flag in CASES and flag in ELSEWHERE, "one is enough")
        self.assertEqual(set(CASES) - set(known), set(), "no longer options")

    def test_those_elsewhere_are_there(self):
        for flag in set(options()) & set(ELSEWHERE):
            with self.subTest(flag=flag):
                with open(os.path.join(HERE, ELSEWHERE[flag]), encoding="utf-8") as file:
                    self.assertIn(f"--{flag}", file.read())

    def test_stocks_options_are_there(self):
        """What this build has not got, ELSEWHERE names."""
        for key in set(STOCK_DEFAULTS) - set(options().values()):
            self.assertIn(FLAGS.get(key, key.replace("_", "-")), ELSEWHERE)


class Config(Case):
    def test_every_key_is_readable(self):
        web = self.start().web()
        for key in filter(None, options().values()):
            with self.subTest(key=key):
                reply = web.get(f"/config/{key}")
                self.assertEqual(reply.status, 400 if key in SECRET else 200)

    def test_defaults_are_stocks(self):
        web = self.start().web()
        for key in set(STOCK_DEFAULTS) & set(options().values()):
            if STOCK_DEFAULTS[key] is not None:
                with self.subTest(key=key):
                    self.assertEqual(web.get(f"/config/{key}").body.decode(), STOCK_DEFAULTS[key])

    def test_few_can_be_changed(self):
        web = self.start().web()
        for key in filter(None, options().values()):
            if key not in CHANGEABLE:
                with self.subTest(key=key):
                    before = web.get(f"/config/{key}")
                    reply = web.put(f"/config/{key}", b"1")
                    self.assertEqual((reply.status, json.loads(reply.body)), (400, {"message": "INVALID_OPTION"}))
                    self.assertEqual(web.get(f"/config/{key}").body, before.body)

    def test_stocks_example_starts(self):
        known = set(options().values())
        lines = EXAMPLE.strip().splitlines()
        keys = {line.partition(" = ")[0] for line in lines}
        self.assertEqual(keys, set(STOCK_DEFAULTS))
        path = os.path.join(self.directory, "nsqd.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines if line.partition(" = ")[0] in known)
        server = self.start(f"--config={path}")
        web = server.web()
        for option, value in (("id", b"617"), ("max_msg_size", b"1024768"), ("max_output_buffer_timeout", b"1000000000"),
                              ("broadcast_address", b"host.example")):
            self.assertEqual(web.get(f"/config/{option}").body, value)
        web.publish("t", b"x")
        server.stop()


if __name__ == "__main__":
    main()
