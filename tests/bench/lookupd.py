"""Measures nsqlookupd with many nsqds registered, ours beside a stock one.

    NSQLOOKUPD=build/bin/nsqlookupd python3 tests/bench/lookupd.py --nodes=1000 --topics=10000 [--stock=PATH]

Every node registers the same topics, each with --channels channels. Then /lookup is asked over one connection, as often as
it is answered, of one topic after the other: first alone, then while --churn registrations a second come and go over ten
more connections. A channel registered and one unregistered are two. /nodes is asked three times; the least counts."""

import argparse
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import Web, raise_file_limit, wait_until  # noqa: E402
from nsqtest.lookupd import LookupdClient  # noqa: E402

LOADERS = 8  # threads that register
CHURNERS = 10  # connections
ASKED_S = 10.0


class Quiet:
    """An nsqlookupd that logs no registrations, and so not where it listens either."""

    def __init__(self, program):
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            self.port, self.http_port = one.getsockname()[1], other.getsockname()[1]
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", program, f"--tcp-address=127.0.0.1:{self.port}",
             f"--http-address=127.0.0.1:{self.http_port}", "--log-level=error"])
        self.pid = self._process.pid
        wait_until(self._serves, "it serves")

    def _serves(self):
        try:
            return Web(self.http_port).get("/ping").status == 200
        except ConnectionRefusedError:
            return False

    def producers(self, topic):
        return len(Web(self.http_port).json("GET", f"/lookup?topic={topic}")["producers"])

    def close(self):
        self._process.kill()
        self._process.wait()


def rss_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS:"))


def register(client, lines, count):
    """Sends all and takes the answers meanwhile, as they are more than sockets hold."""
    sender = threading.Thread(target=client.socket.sendall, args=(lines,))
    sender.start()
    left = count * 6
    while left:
        left -= len(client.socket.recv(min(left, 1 << 18)))
    sender.join()


def load(lookupd, options):
    """Connects and registers all nodes. Returns the connections and the time it took."""
    lines = b"".join(b"REGISTER topic%d channel%d\n" % (topic, channel)
                     for topic in range(options.topics) for channel in range(options.channels))
    clients = []
    for node in range(options.nodes):
        client = LookupdClient(lookupd.port)
        client.identify(hostname=f"node{node}.example", broadcast_address=f"node{node}.example")
        clients.append(client)
    waiting = list(clients)

    def work():
        while waiting:
            register(waiting.pop(), lines, options.topics * options.channels)
    started = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(LOADERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients, time.monotonic() - started


class Asker:
    """A kept HTTP connection."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(1 << 20)

    def get(self, path):
        """Seconds until the whole answer, which must be 200, was there, and its body's size."""
        started = time.perf_counter()
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._socket.recv(1 << 16)
        head, _, body = head.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        if b"chunked" in head.lower():
            size = self._chunked(body)
        else:
            size = next(int(line[15:]) for line in head.decode().split("\r\n") if line.lower().startswith("content-length:"))
            left = size - len(body)
            while left:
                left -= self._socket.recv_into(self._buffer, min(left, len(self._buffer)))
        return time.perf_counter() - started, size

    def _chunked(self, body):
        size, tail = len(body), body[-5:]
        while not tail.endswith(b"0\r\n\r\n"):
            count = self._socket.recv_into(self._buffer)
            size += count
            tail = (tail + bytes(self._buffer[:count][-5:]))[-5:]
        return size


class Churn:
    """Registrations that come and go at a rate, whatever they take (an open loop)."""

    def __init__(self, lookupd, options):
        self._clients = [LookupdClient(lookupd.port) for _ in range(CHURNERS)]
        self._options = options
        self._stopping = threading.Event()
        self.done = 0
        for client in self._clients:
            client.identify(broadcast_address="churn.example")
        self._threads = [threading.Thread(target=self._run), *(threading.Thread(target=self._take, args=(client,))
                                                               for client in self._clients)]
        self.started = time.monotonic()
        for thread in self._threads:
            thread.start()

    def _run(self):
        pairs_a_tick = max(1, self._options.churn // 2 // 100)
        number, due = 0, time.monotonic()
        while not self._stopping.is_set():
            batches = [bytearray() for _ in self._clients]
            for _ in range(pairs_a_tick):
                topic = number % self._options.topics
                batches[number % CHURNERS] += b"REGISTER topic%d churn\nUNREGISTER topic%d churn\n" % (topic, topic)
                number += 1
            for client, batch in zip(self._clients, batches):
                client.socket.sendall(batch)
            due += 0.01
            time.sleep(max(0.0, due - time.monotonic()))

    def _take(self, client):
        while data := client.socket.recv(1 << 16):
            self.done += len(data) / 6

    def stop(self):
        """Returns how many a second were answered."""
        rate = self.done / (time.monotonic() - self.started)
        self._stopping.set()
        self._threads[0].join()
        for client in self._clients:
            client.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        return rate


def ask(lookupd, topics):
    """Sorted times of /lookup, in seconds."""
    asker, times, number = Asker(lookupd.http_port), [], 0
    end = time.monotonic() + ASKED_S
    while time.monotonic() < end:
        times.append(asker.get(f"/lookup?topic=topic{number * 7919 % topics}")[0])
        number += 1
    return sorted(times)


def shown(times):
    def at(part):
        return f"{times[int(part * (len(times) - 1))] * 1000:.2f} ms"
    return f"p50 {at(0.5)}, p99 {at(0.99)}, most {at(1)} ({len(times) / sum(times):,.0f}/s)"


def measure(program, options):
    """[(what, figure)]"""
    lookupd = Quiet(program)
    try:
        empty = rss_mb(lookupd.pid)
        clients, took = load(lookupd, options)
        count = options.nodes * options.topics * (options.channels + 1)
        memory = rss_mb(lookupd.pid) - empty
        figures = [("registering", f"{took:.1f} s ({count / took:,.0f} registrations/s)"),
                   ("resident memory", f"{memory:,} MB ({memory * 2**20 / count:.0f} B a registration)")]
        _, size = Asker(lookupd.http_port).get("/lookup?topic=topic0")
        figures.append((f"/lookup, {size / 1000:,.0f} KB", shown(ask(lookupd, options.topics))))
        churn = Churn(lookupd, options)
        times = ask(lookupd, options.topics)
        figures.append((f"/lookup while {churn.stop():,.0f} registrations/s come and go", shown(times)))
        for path in ("/nodes", "/topics"):
            answers = [Asker(lookupd.http_port).get(path) for _ in range(3)]
            figures.append((f"{path}, {answers[0][1] / 1e6:,.1f} MB", f"{min(answers)[0] * 1000:,.0f} ms"))
        started = time.monotonic()
        clients.pop().close()
        wait_until(lambda: lookupd.producers("topic0") == options.nodes - 1, "it is gone", 600)
        figures.append(("from a node's end until /lookup leaves it out", f"{(time.monotonic() - started) * 1000:,.0f} ms"))
        return figures
    finally:
        lookupd.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--topics", type=int, default=1000)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--churn", type=int, default=10000, help="registrations a second")
    parser.add_argument("--stock", help="a stock nsqlookupd, measured first")
    options = parser.parse_args()
    raise_file_limit()
    programs = {"stock": options.stock, "ours": os.environ["NSQLOOKUPD"]}
    columns = {name: measure(path, options) for name, path in programs.items() if path}
    print(f"| {options.nodes:,} nodes, {options.topics:,} topics with {options.channels} channels each | "
          + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for row in zip(*columns.values()):
        print(f"| {row[-1][0]} | " + " | ".join(figure for _, figure in row) + " |")


if __name__ == "__main__":
    main()
