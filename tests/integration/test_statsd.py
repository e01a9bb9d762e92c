"""What is sent to statsd: each line is parsed and compared with /stats.

With STOCK_NSQD=/path/to/nsqd the names are compared with those a real one sends after the same actions."""

import os
import re
import socket
import struct
import sys
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import (DEADLINE_S, Server, dpub, is_stock, main, mpub, ours_only, pub, run_to_exit,  # noqa: E402
                     wait_until)
from nsqtest.names import HangingNameServer, Names, can_have_names  # noqa: E402

LINE = re.compile(r"([^:\n]+):(\d+)\|([cg])\n")
LAST = "mem.gc_runs"  # ends what is sent in one interval
MEMORY = ["heap_objects", "heap_idle_bytes", "heap_in_use_bytes", "heap_released_bytes", "gc_pause_usec_100",
          "gc_pause_usec_99", "gc_pause_usec_95", "next_gc_bytes"]
TOPIC = {"message_count": "c", "message_bytes": "c", "depth": "g", "backend_depth": "g"}
CHANNEL = {"message_count": "c", "depth": "g", "backend_depth": "g", "in_flight_count": "g", "deferred_count": "g",
           "requeue_count": "c", "timeout_count": "c", "clients": "g"}
SO_TIMESTAMPNS = 35  # of Linux; Python has no name for it


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Statsd:
    """A daemon that keeps what it gets."""

    def __init__(self, port=0):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(DEADLINE_S)
        self.port = self._socket.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.packets = []  # sizes
        self.lengths = []  # of lines, in a list for each packet
        self.times = []    # of packets

    def close(self):
        self._socket.close()

    def packet(self):
        """The lines of one packet, [(name, value, kind)]."""
        data, ancillary, _, _ = self._socket.recvmsg(70000, 100)
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        self.times.append(seconds + nanoseconds / 1e9)
        self.packets.append(len(data))
        text = data.decode()
        lines = [(name, int(value), kind) for name, value, kind in LINE.findall(text)]
        if "".join("%s:%d|%s\n" % line for line in lines) != text:
            raise AssertionError(f"not all of these are lines of statsd: {text!r}")
        self.lengths.append([len("%s:%d|%s\n" % line) for line in lines])
        return lines

    def push(self):
        """All that is sent in one interval, {name without the prefix: (value, kind)}."""
        got = []
        while not got or not got[-1][0].endswith(LAST):
            got += self.packet()
        prefix = got[-1][0].removesuffix(LAST)
        names = [name for name, _, _ in got]
        if len(set(names)) != len(names) or not all(name.startswith(prefix) for name in names):
            raise AssertionError(f"odd names: {names}")
        self.prefix = prefix
        return {name.removeprefix(prefix): (value, kind) for name, value, kind in got}


class StatsdCase(unittest.TestCase):
    maxDiff = None

    def start(self, *flags, statsd=None, program=None):
        """Returns a daemon and a server that sends to it. A stock nsqd needs an interval of more than a second."""
        statsd = statsd or Statsd()
        self.addCleanup(statsd.close)
        interval = "2s" if program or is_stock() else "100ms"
        server = Server(f"--statsd-address={statsd.address}", f"--statsd-interval={interval}", *flags, program=program)
        self.addCleanup(lambda: server.alive() and server.stop())
        return statsd, server

    def wait_push(self, statsd, condition):
        """The first push that fulfils it."""
        return wait_until(lambda: (push := statsd.push()) and condition(push) and push, "such a push")


def act(server):
    """Something of everything. Returns what has to stay open."""
    web = server.web()
    for topic in ("t", "empty", "e#ephemeral"):
        web.do("topic/create", topic)
    for channel in ("c", "d", "ce#ephemeral"):
        web.do("channel/create", "t", channel)
    web.do("channel/create", "e#ephemeral", "c")
    client = server.client().subscribe("t", "c")
    client.command(mpub("t", [b"one", b"two", b"three", b"four", b"five"]))
    client.command(dpub("t", 3_600_000, b"later"))
    client.ready(3)
    messages = client.read_messages(3)
    client.ready(0)
    client.fin(messages[0])
    client.req(messages[1], 0)
    server.wait_channel("t", "c", in_flight_count=1, requeue_count=1, deferred_count=1, depth=3)
    return client


class Lines(StatsdCase):
    def expected_names(self, server):
        names = {f"mem.{name}": "g" for name in MEMORY} | {LAST: "c"}
        for topic in server.stats()["topics"]:
            start = f"topic.{topic['topic_name']}."
            names |= {start + name: kind for name, kind in TOPIC.items()}
            percents = [100, 50] if topic["channels"] else []
            names |= {f"{start}e2e_processing_latency_{percent}": "g" for percent in percents}
            for channel in topic["channels"]:
                start_ = f"{start}channel.{channel['channel_name']}."
                names |= {start_ + name: kind for name, kind in CHANNEL.items()}
                names |= {f"{start_}e2e_processing_latency_{percent}": "g" for percent in percents}
        return names

    def test_every_line_says_what_stats_says(self):
        statsd, server = self.start("--e2e-processing-latency-percentile=1.0,0.5", "--broadcast-address=host.example")
        client = act(server)
        sums = {}

        def settled():
            push = statsd.push()
            for name, (value, kind) in push.items():
                sums[name] = sums.get(name, 0) + value if kind == "c" else value
            # One push can have been taken before the last action.
            return push if sums.get("topic.t.channel.c.requeue_count") == 1 else None
        wait_until(settled, "a push of the final state")
        push = settled()
        self.assertEqual({name: kind for name, (_, kind) in push.items()}, self.expected_names(server))
        told = {}
        for topic in server.stats()["topics"]:
            start = f"topic.{topic['topic_name']}."
            told |= {start + name: topic[name] for name in TOPIC}
            told |= self.latencies(start, topic)
            for channel in topic["channels"]:
                start_ = f"{start}channel.{channel['channel_name']}."
                channel["clients"] = channel["client_count"]
                told |= {start_ + name: channel[name] for name in CHANNEL}
                told |= self.latencies(start_, channel)
        self.assertEqual({name: value for name, value in sums.items() if name.startswith("topic.")}, told)
        self.assertEqual(told["topic.t.message_count"], 6)
        self.assertGreater(told["topic.t.channel.c.e2e_processing_latency_50"], 0)
        # Nothing happens any more: the differences are 0.
        self.assertEqual({value for value, kind in push.values() if kind == "c"}, {0})
        self.assertEqual(statsd.prefix, f"nsq.host_example_{self.config_port(server)}.")
        self.assertEqual(server.web().get("/config/statsd_prefix").body.decode(), statsd.prefix)
        client.close()

    def latencies(self, start, stats):
        return {f"{start}e2e_processing_latency_{entry['quantile'] * 100:.0f}": entry["value"]
                for entry in stats["e2e_processing_latency"]["percentiles"] or []}

    def config_port(self, server):
        return server.web().json("GET", "/config/broadcast_http_port")

    def test_differences(self):
        statsd, server = self.start()
        name = "topic.t.message_count"
        client = server.client()
        self.wait_push(statsd, lambda push: LAST in push)
        for count in (3, 5):
            client.command(mpub("t", [b"x"] * count))
            total = 0

            def arrived():
                nonlocal total
                total += statsd.push().get(name, (0, "c"))[0]
                return total >= count
            wait_until(arrived, "the messages to be counted")
            self.assertEqual(total, count)

    @ours_only  # a stock nsqd sends -47
    def test_deleted_and_made_anew(self):
        statsd, server = self.start()
        client = server.client()
        client.command(mpub("t", [b"x"] * 50))
        self.wait_push(statsd, lambda push: push.get("topic.t.message_count") == (50, "c"))
        server.web().do("topic/delete", "t")
        client.command(mpub("t", [b"x"] * 3))
        # LINE would not match a negative number.
        self.wait_push(statsd, lambda push: push.get("topic.t.message_count") == (3, "c"))

    def test_without_ephemeral_ones(self):
        statsd, server = self.start("--statsd-exclude-ephemeral")
        act(server)
        push = self.wait_push(statsd, lambda push: push.get("topic.t.channel.c.deferred_count") == (1, "g"))
        self.assertEqual([name for name in push if "ephemeral" in name], [])
        self.assertIn("topic.empty.depth", push)

    def test_prefix(self):
        for prefix, shown in (("a.%s.b%s", "a.x_y_77.bx_y_77."), ("plain", "plain."), ("", "")):
            statsd, server = self.start(f"--statsd-prefix={prefix}", "--broadcast-address=x.y",
                                        "--broadcast-http-port=77")
            statsd.push()
            self.assertEqual(statsd.prefix, shown)
            server.stop()

    @unittest.skipUnless(os.environ.get("STOCK_NSQD"), "STOCK_NSQD names no stock nsqd")
    def test_the_names_are_those_of_a_stock_nsqd(self):
        pushes = []
        for program in (None, os.environ["STOCK_NSQD"]):
            statsd, server = self.start("--e2e-processing-latency-percentile=1.0,0.95,0.5",
                                        "--statsd-prefix=p", program=program)
            act(server)
            push = self.wait_push(statsd, lambda push: push.get("topic.t.channel.c.deferred_count") == (1, "g"))
            pushes.append([(name, kind) for name, (_, kind) in push.items()])
            server.stop()
        self.assertEqual(*pushes)


class Packets(StatsdCase):
    def test_lines_are_packed_up_to_the_size(self):
        for size in (508, 150, 40):
            flags = () if size == 508 else (f"--statsd-udp-packet-size={size}",)
            statsd, server = self.start(*flags)
            act(server)
            self.wait_push(statsd, lambda push: push.get("topic.t.channel.c.deferred_count") == (1, "g"))
            for packet, lines in zip(statsd.packets, statsd.lengths):
                self.assertTrue(packet <= size or len(lines) == 1, (size, packet, lines))
            for i in range(len(statsd.packets) - 1):
                full = statsd.packets[i] + statsd.lengths[i + 1][0] > size
                self.assertTrue(full or i in self.ends, (size, statsd.packets, statsd.lengths))
            server.stop()

    def setUp(self):
        self.ends = set()
        push = Statsd.push

        def noting(statsd):
            got = push(statsd)
            self.ends.add(len(statsd.packets) - 1)
            return got
        patch = unittest.mock.patch.object(Statsd, "push", noting)
        patch.start()
        self.addCleanup(patch.stop)

    def test_without_memory(self):
        statsd, server = self.start("--statsd-mem-stats=false")
        server.web().do("topic/create", "t")
        names = [name for _ in range(5) for name, _, _ in statsd.packet()]
        self.assertEqual([name for name in names if ".mem." in name], [])

    @ours_only
    def test_packets_are_spread_over_the_interval(self):
        statsd, server = self.start("--statsd-interval=1s", "--statsd-udp-packet-size=1")

        def spread():
            first = len(statsd.times)
            statsd.push()
            return statsd.times[-1] - statsd.times[first] > 0.5
        wait_until(spread, "a push that takes half of its interval")


@unittest.skipIf(is_stock(), "not a matter of the stock nsqd")
class Failures(StatsdCase):
    def lines(self, server):
        return [line for line in server.log_lines if "STATSD: can" in line]

    def test_nobody_listens_for_a_while(self):
        port = free_port()
        server = Server(f"--statsd-address=127.0.0.1:{port}", "--statsd-interval=50ms", "--statsd-udp-packet-size=1")
        self.addCleanup(server.kill)
        for round_ in (1, 3):
            wait_until(lambda: len(self.lines(server)) == round_, "the log to tell")
            self.assertRegex(self.lines(server)[-1], r"ERROR: STATSD: cannot send to \S+: Connection refused")
            statsd = Statsd(port)
            statsd.push()
            wait_until(lambda: len(self.lines(server)) == round_ + 1, "the log to tell")
            self.assertRegex(self.lines(server)[-1], r"INFO: STATSD: can send to \S+ again")
            statsd.push()
            statsd.close()
        server.stop()

    def test_a_name_that_is_not_known(self):
        server = Server("--statsd-address=no-such-host.invalid:8125", "--statsd-interval=20ms")
        wait_until(lambda: self.lines(server), "the log to tell")
        client = server.client()
        client.command(pub("t", b"x"))
        self.assertEqual(len(self.lines(server)), 1)
        server.stop()

    @unittest.skipUnless(can_have_names(), "names of its own need root")
    def test_a_stop_does_not_wait_for_a_name_server(self):
        name_server = HangingNameServer()
        self.addCleanup(name_server.close)
        names = Names(name_server=name_server.address)
        self.addCleanup(names.close)
        server = Server("--statsd-address=statsd.example:8125", "--statsd-interval=20ms", names=names)
        self.addCleanup(server.kill)
        wait_until(lambda: name_server.connections, "it is asked over TCP")
        server.stop()

    def test_what_is_no_address(self):
        for address in ("localhost", "/tmp/socket", ":8125", "host:0", "host:port"):
            code, _, stderr = run_to_exit(f"--statsd-address={address}")
            self.assertEqual(code, 2)
            self.assertIn("option --statsd-address: ", stderr)

    def test_a_long_interval_does_not_hold_up_the_stop(self):
        statsd = Statsd()
        self.addCleanup(statsd.close)
        server = Server(f"--statsd-address={statsd.address}", "--statsd-interval=1h")
        server.stop()
        self.assertEqual(statsd.packets, [])


if __name__ == "__main__":
    main()
