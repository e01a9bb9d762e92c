"""A cluster on one machine: cluster.py --build-dir=DIR, with the server in NSQD. Two nsqlookupd, three nsqd, publishers at
each nsqd, and go-nsq consumers that find them through nsqlookupd, while nodes are killed, restarted and tombstoned, and
topics created and deleted. Nothing that was acknowledged may be lost.

All of it is ours; with STOCK_NSQLOOKUPD and STOCK_NSQD, paths of stock ones, it is done again with these nsqlookupd and our
nsqd, and with our nsqlookupd and these nsqd, which are stopped where ours are killed: they may lose what is in memory. With
NSQADMIN, the path of a stock nsqadmin, that shows the cluster and deletes a topic in it.

The consumer, go/cluster, prints the body of each message it gets and ends well when its standard input ends."""

import argparse
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import run  # noqa: E402
from nsqtest import DEADLINE_S, Closed, Server, pub, wait_until  # noqa: E402
from nsqtest.lookupd import RealLookupd, our_lookupd, stock_lookupd  # noqa: E402

NODES = 3
LOOKUPDS = 2
TOPIC = "steady"
CHANNELS = ("a", "b")
ROUNDS = 3
EACH = 200  # messages that must get through between two disturbances


def free_port():
    """One of this moment: nodes keep theirs when they are restarted, for consumers know them by it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Node:
    """An nsqd that keeps its ports and its data."""

    def __init__(self, program, is_stock, directory, lookupds):
        self._program, self._is_stock, self._directory = program, is_stock, directory
        self.tcp_port, self.http_port = free_port(), free_port()
        self._flags = [f"--tcp-address=127.0.0.1:{self.tcp_port}", f"--http-address=127.0.0.1:{self.http_port}",
                       "--broadcast-address=127.0.0.1",
                       *(f"--lookupd-tcp-address={lookupd.address}" for lookupd in lookupds)]
        self.start()

    @property
    def name(self):
        return f"127.0.0.1:{self.http_port}"

    def start(self):
        self.server = Server(*self._flags, addresses=False, data_path=self._directory, program=self._program)

    def restart(self, between=lambda: None):
        if self._is_stock:
            self.server.stop()
        else:
            self.server.kill()
        between()
        self.start()


class Publisher(threading.Thread):
    """Publishes to one node, one message after the other, also when the node is away for a while."""

    def __init__(self, node, topic):
        super().__init__(daemon=True)
        self._node, self._topic = node, topic
        self._stopping = threading.Event()
        self.acknowledged = []  # bodies
        self.start()

    def run(self):
        number = 0
        while not self._stopping.is_set():
            try:
                with self._node.server.client() as client:
                    while not self._stopping.is_set():
                        number += 1
                        body = f"{self._node.http_port}-{number}"
                        client.command(pub(self._topic, body.encode()))
                        self.acknowledged.append(body)
            except (Closed, OSError):
                self._stopping.wait(0.02)  # the node is away

    def stop(self):
        self._stopping.set()
        self.join(DEADLINE_S)


class Consumer:
    """The Go program on one topic and channel."""

    def __init__(self, command, lookupds, topic, channel):
        self.bodies = set()
        addresses = ",".join(f"127.0.0.1:{lookupd.http_port}" for lookupd in lookupds)
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command, f"--lookupds={addresses}", f"--topic={topic}",
             f"--channel={channel}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def _collect(self):
        for line in self._process.stdout:
            self.bodies.add(line.rstrip("\n"))

    def stop(self):
        self._process.stdin.close()
        code = self._process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        if code != 0:
            raise AssertionError(f"a consumer ended with {code}")

    def kill(self):
        self._process.kill()
        self._process.wait()


class Cluster:
    def __init__(self, stack, command, lookupd_program, nsqd_program, is_stock):
        self._stack = stack
        self._command = command
        self._lookupd_program = lookupd_program
        self.lookupds = [self._lookupd() for _ in range(LOOKUPDS)]
        self.nodes = []
        for _ in range(NODES):
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="nsqd-cluster-"))
            node = Node(nsqd_program, is_stock, directory, self.lookupds)
            stack.callback(lambda node=node: node.server.kill())
            self.nodes.append(node)

    def _lookupd(self, **ports):
        lookupd = RealLookupd(self._lookupd_program, "--tombstone-lifetime=1s", **ports)
        self._stack.callback(lookupd.close)
        return lookupd

    def restart_lookupd(self, index):
        """Killed, as it has nothing to save."""
        before = self.lookupds[index]
        before.close()
        self.lookupds[index] = self._lookupd(port=before.port, http_port=before.http_port)

    def consume(self, topic, channel):
        consumer = Consumer(self._command, self.lookupds, topic, channel)
        self._stack.callback(consumer.kill)
        return consumer

    def publish(self, topic):
        publishers = [Publisher(node, topic) for node in self.nodes]
        for publisher in publishers:
            self._stack.callback(publisher.stop)
        return publishers

    def wait_found(self, topic):
        """Every nsqlookupd tells of every node that has the topic."""
        ports = {node.http_port for node in self.nodes}
        for lookupd in self.lookupds:
            wait_until(lambda lookupd=lookupd: lookupd.producers(topic) == ports,
                       f"all nodes are found: {lookupd.producers(topic)} are, not {ports}")


def wait_progress(publishers, consumers):
    """So many more messages were acknowledged at each node, and a message of each came to each consumer."""
    marks = [len(publisher.acknowledged) for publisher in publishers]
    for publisher, mark in zip(publishers, marks):
        wait_until(lambda p=publisher, m=mark: len(p.acknowledged) > m + EACH, "publishing goes on")
        last = publisher.acknowledged[-1]
        for consumer in consumers:
            wait_until(lambda c=consumer: last in c.bodies, f"{last} came")


def disturb(cluster, publishers, consumers):
    for round_ in range(ROUNDS):
        node = cluster.nodes[round_ % NODES]
        node.restart()
        wait_progress(publishers, consumers)
        cluster.restart_lookupd(round_ % LOOKUPDS)
        cluster.wait_found(TOPIC)
        wait_progress(publishers, consumers)
        tombstone(cluster, cluster.nodes[(round_ + 1) % NODES])
        wait_progress(publishers, consumers)
        come_and_go(cluster, f"passing{round_}")
        # A node goes while a nsqlookupd is away.
        node.restart(between=lambda: cluster.restart_lookupd((round_ + 1) % LOOKUPDS))
        cluster.wait_found(TOPIC)
        wait_progress(publishers, consumers)


def tombstone(cluster, node):
    """Its consumers stay; new ones do not hear of it for a second."""
    for lookupd in cluster.lookupds:
        reply = lookupd.web().post(f"/topic/tombstone?topic={TOPIC}&node={node.name}")
        if reply.status != 200:
            raise AssertionError(f"tombstone: {reply}")
    cluster.wait_found(TOPIC)


def come_and_go(cluster, topic):
    """A topic made at every node, found, consumed, and deleted everywhere as nsqadmin does it."""
    consumer = cluster.consume(topic, "c")
    for node in cluster.nodes:
        node.server.web().publish(topic, f"{topic} {node.name}".encode())
    expected = {f"{topic} {node.name}" for node in cluster.nodes}
    wait_until(lambda: consumer.bodies == expected, f"{expected} came")
    consumer.stop()
    for lookupd in cluster.lookupds:
        lookupd.forget(topic)
    for node in cluster.nodes:
        node.server.web().do("topic/delete", topic)
    for lookupd in cluster.lookupds:
        wait_until(lambda lookupd=lookupd: not lookupd.producers(topic), f"{topic} is gone")


def check(cluster):
    for node in cluster.nodes:
        for channel in CHANNELS:
            node.server.web().do("topic/create", TOPIC)
            node.server.web().do("channel/create", TOPIC, channel)
    cluster.wait_found(TOPIC)
    consumers = [cluster.consume(TOPIC, channel) for channel in CHANNELS]
    publishers = cluster.publish(TOPIC)
    wait_progress(publishers, consumers)
    disturb(cluster, publishers, consumers)
    if os.environ.get("NSQADMIN"):
        check_admin(cluster, os.environ["NSQADMIN"])
    for publisher in publishers:
        publisher.stop()
    acknowledged = {body for publisher in publishers for body in publisher.acknowledged}
    for channel, consumer in zip(CHANNELS, consumers):
        wait_until(lambda c=consumer: acknowledged <= c.bodies,
                   f"{len(acknowledged - consumer.bodies)} of {len(acknowledged)} came to {channel}")
        consumer.stop()
    for node in cluster.nodes:
        node.server.stop(keep_data=True)
    for lookupd in cluster.lookupds:
        wait_until(lambda lookupd=lookupd: not lookupd.registered(), "nothing is registered")
        lookupd.stop()
    return len(acknowledged)


def check_admin(cluster, program):
    """What a stock nsqadmin shows through nsqlookupd, and that it deletes a topic everywhere."""
    with tempfile.TemporaryFile("w+") as log:
        admin = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", program, "--http-address=127.0.0.1:0",
             *(f"--lookupd-http-address=127.0.0.1:{lookupd.http_port}" for lookupd in cluster.lookupds)],
            stdout=log, stderr=log)
        try:
            def listening():
                log.seek(0)
                match = re.search(r"HTTP: listening on (\S+)", log.read())
                return match and match.group(1)
            check_admin_api(cluster, wait_until(listening, "nsqadmin listens"))
        finally:
            admin.terminate()
            admin.wait()


def check_admin_api(cluster, address):
    def call(method, path, **body):
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"http://{address}/api{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as reply:
            return json.loads(reply.read() or b"null")
    ports = {node.http_port for node in cluster.nodes}
    nodes = call("GET", "/nodes")["nodes"]
    assert {node["http_port"] for node in nodes} == ports, nodes
    assert all(node["version"] == "1.3.0" and len(node["remote_addresses"]) == LOOKUPDS for node in nodes), nodes
    assert TOPIC in call("GET", "/topics")["topics"]
    topic = call("GET", f"/topics/{TOPIC}")
    assert {int(node["node"].rpartition(":")[2]) for node in topic["nodes"]} == ports, topic
    assert [channel["channel_name"] for channel in topic["channels"]] == list(CHANNELS), topic
    call("POST", "/topics", topic="by_admin", channel="c")
    for lookupd in cluster.lookupds:
        assert lookupd.web().json("GET", "/channels?topic=by_admin") == {"channels": ["c"]}
    node = cluster.nodes[0]
    node.server.web().publish("by_admin", b"m")
    node.server.wait_channel("by_admin", "c", depth=1)  # it was told of the channel
    for lookupd in cluster.lookupds:
        wait_until(lambda lookupd=lookupd: lookupd.producers("by_admin"), "it is registered")
    call("DELETE", f"/nodes/{node.name}", topic="by_admin")  # tombstones it, and deletes the topic there
    wait_until(lambda: node.server.topic("by_admin") is None, "the topic is gone")
    call("DELETE", "/topics/by_admin")
    for lookupd in cluster.lookupds:
        assert "by_admin" not in lookupd.web().json("GET", "/topics")["topics"]
    print("ok nsqadmin", flush=True)


def pairings():
    """(name, nsqlookupd, nsqd, whether that is a stock one)"""
    ours = os.environ["NSQD"]
    yield "ours", our_lookupd(), ours, False
    if stock_lookupd():
        yield "stock nsqlookupd, our nsqd", stock_lookupd(), ours, False
    if os.environ.get("STOCK_NSQD"):
        yield "our nsqlookupd, stock nsqd", our_lookupd(), os.environ["STOCK_NSQD"], True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", required=True)
    build = os.path.join(os.path.abspath(parser.parse_args().build_dir), "go")
    os.makedirs(build, exist_ok=True)
    try:
        command = run.prepare_go(build).cluster
    except run.Missing as reason:
        return run.skip(reason)
    failed = False
    for name, lookupd, nsqd, is_stock in pairings():
        started = time.monotonic()
        try:
            with contextlib.ExitStack() as stack:
                count = check(Cluster(stack, command, lookupd, nsqd, is_stock))
            print(f"ok {name}: {count} messages, {time.monotonic() - started:.1f} s", flush=True)
        except Exception:
            traceback.print_exc(file=sys.stdout)
            print(f"FAILED {name}", flush=True)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
