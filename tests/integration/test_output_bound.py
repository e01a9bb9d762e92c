"""Clients that do not read: the server's memory stays bounded and it gets rid of them."""

import os
import select
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import ServerCase, main, mpub, pub, wait_until  # noqa: E402

MB = 1 << 20
BODY = b"x" * (256 << 10)
MESSAGES = 160  # 40 MB
CONSUMERS = 16  # which would be 640 MB
MAX_GROWTH = 200 * MB


class OutputBound(ServerCase):
    def publish(self, topic):
        producer = self.client()
        for _ in range(MESSAGES // 4):
            producer.command(mpub(topic, [BODY] * 4))
        producer.close()

    def test_consumers_that_never_read(self):
        topic = self.name()
        channels = [f"c{number}" for number in range(CONSUMERS)]
        self.web.do("topic/create", topic)
        for channel in channels:
            self.web.do("channel/create", topic, channel)
        self.publish(topic)
        for channel in channels:
            self.server.wait_channel(topic, channel, message_count=MESSAGES)
        before = self.server.rss_bytes()
        clients = []
        for channel in channels:
            client = self.server.client(receive_buffer=4096)
            self.addCleanup(client.close)
            client.identify(heartbeat_interval=1000)
            clients.append(client.subscribe(topic, channel, ready=2500))
        largest = 0

        def all_cut_off():
            nonlocal largest
            largest = max(largest, self.server.rss_bytes())
            return all(channel["client_count"] == 0 for channel in self.server.topic(topic)["channels"])
        wait_until(all_cut_off, "those who do not read are cut off after their heartbeats' deadline")
        print(f"\n    resident memory grew by {(largest - before) / MB:.1f} MB ", end="")
        self.assertLess(largest - before, MAX_GROWTH)
        self.assert_healthy()

    def test_a_reader_beside_those_who_never_read(self):
        topic = self.name()
        idle = self.server.client(receive_buffer=4096)
        self.addCleanup(idle.close)
        idle.subscribe(topic, "idle", ready=2500)
        reader = self.consumer(topic, "reader", ready=100)
        self.publish(topic)
        for _ in range(MESSAGES):
            message = reader.read_message()
            self.assertEqual(len(message.body), len(BODY))
            reader.fin(message)
        self.server.wait_channel(topic, "reader", depth=0, in_flight_count=0)

    def test_a_slow_reader_gets_everything(self):
        topic = self.name()
        consumer = self.server.client(receive_buffer=4096)
        self.addCleanup(consumer.close)
        consumer.subscribe(topic, "c", ready=2500)
        self.publish(topic)
        ids = set()
        for _ in range(MESSAGES):
            message = consumer.read_message()
            self.assertEqual(message.body, BODY)
            ids.add(message.id)
            consumer.fin(message)
        self.assertEqual(len(ids), MESSAGES)
        self.server.wait_channel(topic, "c", depth=0, in_flight_count=0)

    def test_answers_that_nobody_reads(self):
        # Each of these is answered by an error three times its size.
        commands = b"FIN 0123456789abcdef\n" * 5000
        client = self.server.client(receive_buffer=4096)
        self.addCleanup(client.close)
        client.subscribe(self.name(), "c")
        before = self.server.rss_bytes()
        client.socket.settimeout(None)
        client.socket.setblocking(False)
        sent = 0
        largest = before
        # It may stop reading us, or cut us off; or read on, but then without keeping all the answers.
        while sent < 64 * MB and select.select([], [client.socket], [], 1.0)[1]:
            try:
                sent += client.socket.send(commands)
            except ConnectionError:
                break
            largest = max(largest, self.server.rss_bytes())
        print(f"\n    took {sent / MB:.1f} MB of commands; resident memory grew by {(largest - before) / MB:.1f} MB ",
              end="")
        self.assertLess(largest - before, MAX_GROWTH)
        self.client().command(pub(self.name(), b"x"))


if __name__ == "__main__":
    main()
