"""/stats: the shape of the JSON, key by key in order, the text, the filters, and every counter."""

import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import ServerCase, dpub, main, mpub, ours_only, pub, wait_until  # noqa: E402

TOP_KEYS = ["version", "health", "start_time", "topics", "memory", "producers"]
MEMORY_KEYS = ["heap_objects", "heap_idle_bytes", "heap_in_use_bytes", "heap_released_bytes", "gc_pause_usec_100",
               "gc_pause_usec_99", "gc_pause_usec_95", "next_gc_bytes", "gc_total_runs"]
TOPIC_KEYS = ["topic_name", "channels", "depth", "backend_depth", "message_count", "message_bytes", "paused",
              "e2e_processing_latency", "damaged_batches"]
CHANNEL_KEYS = ["channel_name", "depth", "backend_depth", "in_flight_count", "deferred_count", "message_count",
                "requeue_count", "timeout_count", "client_count", "clients", "paused", "e2e_processing_latency"]
CLIENT_KEYS = ["client_id", "hostname", "version", "remote_address", "state", "ready_count", "in_flight_count",
               "message_count", "finish_count", "requeue_count", "connect_ts", "sample_rate", "deflate", "snappy",
               "user_agent", "tls", "tls_cipher_suite", "tls_version", "tls_negotiated_protocol",
               "tls_negotiated_protocol_is_mutual"]
PRODUCER_KEYS = CLIENT_KEYS[:15] + ["pub_counts"] + CLIENT_KEYS[15:]
NO_LATENCY = {"count": 0, "percentiles": None}


class Shape(ServerCase):
    def test_1_an_empty_server(self):
        reply = self.web.get("/stats?format=json")
        self.assertEqual(reply.headers["Content-Type"], "application/json; charset=utf-8")
        self.assertEqual(reply.headers["X-NSQ-Content-Type"], "nsq; version=1.0")
        stats = json.loads(reply.body)
        self.assertEqual(list(stats), TOP_KEYS)
        self.assertEqual(list(stats["memory"]), MEMORY_KEYS)
        self.assertTrue(all(isinstance(value, int) and value >= 0 for value in stats["memory"].values()))
        self.assertEqual((stats["version"], stats["health"], stats["topics"], stats["producers"]),
                         ("1.3.0", "OK", [], None))
        self.assertLess(abs(stats["start_time"] - time.time()), 3600)
        text = self.web.get("/stats")
        self.assertEqual(text.headers["Content-Type"], "text/plain; charset=utf-8")
        self.assertRegex(text.body.decode(), r"(?s)\n\nHealth: OK\n\nMemory:\n   heap_objects             \t\d+\n.*"
                                             r"\n\nTopics: None\n\nProducers: None\n")

    def test_2_topics_channels_and_clients(self):
        consumer = self.client()
        consumer.identify(client_id="cid", hostname="hn", user_agent="ua/1", sample_rate=0)
        consumer.subscribe("shape", "a", 2)
        producer = self.client()
        producer.command(mpub("shape", [b"x", b"yy", b"zzz"]))
        consumer.read_messages(2)
        self.web.do("channel/create", "shape", "b#ephemeral")
        self.web.do("channel/pause", "shape", "b#ephemeral")
        self.web.do("topic/create", "before")
        self.web.do("topic/pause", "before")
        self.server.wait_channel("shape", "a", in_flight_count=2)
        stats = self.server.stats()
        self.assertEqual([topic["topic_name"] for topic in stats["topics"]], ["before", "shape"])
        before, shape = stats["topics"]
        self.assertEqual(list(shape), TOPIC_KEYS)
        self.assertEqual(before, {"topic_name": "before", "channels": [], "depth": 0, "backend_depth": 0,
                                  "message_count": 0, "message_bytes": 0, "paused": True,
                                  "e2e_processing_latency": NO_LATENCY, "damaged_batches": 0})
        self.assertEqual((shape["message_count"], shape["message_bytes"], shape["depth"], shape["paused"]),
                         (3, 6, 0, False))
        first, second = shape["channels"]
        self.assertEqual(list(first), CHANNEL_KEYS)
        client = first.pop("clients")[0]
        self.assertEqual(first, {"channel_name": "a", "depth": 1, "backend_depth": 0, "in_flight_count": 2,
                                 "deferred_count": 0, "message_count": 3, "requeue_count": 0, "timeout_count": 0,
                                 "client_count": 1, "paused": False, "e2e_processing_latency": NO_LATENCY})
        self.assertEqual(second, {"channel_name": "b#ephemeral", "depth": 0, "backend_depth": 0,
                                  "in_flight_count": 0, "deferred_count": 0, "message_count": 0, "requeue_count": 0,
                                  "timeout_count": 0, "client_count": 0, "clients": [], "paused": True,
                                  "e2e_processing_latency": NO_LATENCY})
        self.check_clients(client, consumer, stats["producers"], producer)
        self.check_text(consumer, producer)
        self.check_filters()

    def check_clients(self, client, consumer, producers, producer):
        self.assertEqual(list(client), CLIENT_KEYS)
        self.assertLess(abs(client.pop("connect_ts") - time.time()), 3600)
        expected = {"client_id": "cid", "hostname": "hn", "version": "V2",
                    "remote_address": f"127.0.0.1:{consumer.local_port}", "state": 3, "ready_count": 2,
                    "in_flight_count": 2, "message_count": 2, "finish_count": 0, "requeue_count": 0, "sample_rate": 0,
                    "deflate": False, "snappy": False, "user_agent": "ua/1", "tls": False, "tls_cipher_suite": "",
                    "tls_version": "", "tls_negotiated_protocol": "", "tls_negotiated_protocol_is_mutual": False}
        self.assertEqual(client, expected)
        self.assertEqual(len(producers), 1)
        self.assertEqual(list(producers[0]), PRODUCER_KEYS)
        self.assertLess(abs(producers[0].pop("connect_ts") - time.time()), 3600)
        self.assertEqual(producers[0], {**expected, "client_id": "127.0.0.1", "hostname": "127.0.0.1",
                                        "remote_address": f"127.0.0.1:{producer.local_port}", "state": 0,
                                        "ready_count": 0, "in_flight_count": 0, "message_count": 0, "user_agent": "",
                                        "pub_counts": [{"topic": "shape", "count": 3}]})

    def check_text(self, consumer, producer):
        text = self.web.get("/stats").body.decode()
        topics = re.sub(r"connected: \S+", "connected: 0s", text[text.index("Topics:"):])
        port, producer_port = consumer.local_port, producer.local_port
        lines = [
            "Topics:",
            "*P [before         ] depth: 0     be-depth: 0     msgs: 0        e2e%: ",
            "",
            "   [shape          ] depth: 0     be-depth: 0     msgs: 3        e2e%: ",
            "      [a                        ] depth: 1     be-depth: 0     inflt: 2    def: 0    re-q: 0     "
            "timeout: 0     msgs: 3        e2e%: ",
            f"        [{f'V2 hn:{port} ua/1':<24}] state: 3 inflt: 2    rdy: 2    fin: 0        re-q: 0        "
            "msgs: 2        connected: 0s",
            "   *P [b#ephemeral              ] depth: 0     be-depth: 0     inflt: 0    def: 0    re-q: 0     "
            "timeout: 0     msgs: 0        e2e%: ",
            "",
            "Producers:",
            f"   [{f'V2 127.0.0.1:{producer_port}':<24}] msgs: 3        topics: shape=3 connected: 0s",
        ]
        self.assertEqual([line.rstrip() for line in topics.rstrip("\n").split("\n")],
                         [line.rstrip() for line in lines])

    def check_filters(self):
        self.assertIsNone(self.server.stats("&topic=nosuch")["topics"])
        self.assertEqual([t["topic_name"] for t in self.server.stats("&topic=shape")["topics"]], ["shape"])
        only = self.server.stats("&topic=shape&channel=a")["topics"]
        self.assertEqual([c["channel_name"] for c in only[0]["channels"]], ["a"])
        only = self.server.stats("&channel=a")["topics"]
        self.assertEqual([t["topic_name"] for t in only], ["shape"])
        self.assertNotIn("memory", self.server.stats("&include_mem=false"))
        self.assertIn("memory", self.server.stats("&include_mem=true"))
        without = self.server.stats("&include_clients=false")
        self.assertEqual(without["producers"], None)
        self.assertIsNone(without["topics"][1]["channels"][0]["clients"])
        self.assertEqual(without["topics"][1]["channels"][0]["client_count"], 1)
        text = self.web.get("/stats?topic=shape&channel=a").body.decode()
        self.assertIn("[a  ", text)
        self.assertNotIn("before", text)
        self.assertNotIn("b#ephemeral", text)
        self.assertNotIn("V2 hn", self.web.get("/stats?include_clients=false").body.decode())
        self.assertIn("Topics: None", self.web.get("/stats?topic=nosuch").body.decode())


class Counters(ServerCase):
    FLAGS = ("--msg-timeout=1s",)

    def test_a_consumer_s_counters(self):
        topic = self.name()
        consumer = self.consumer(topic, "c")
        consumer.command(mpub(topic, [b"1", b"2", b"3", b"4"]))
        consumer.ready(4)
        messages = consumer.read_messages(4)
        consumer.ready(0)
        consumer.fin(messages[0])
        consumer.req(messages[1], 0)
        consumer.req(messages[2], 3600000)
        # The fourth times out.
        channel = self.server.wait_channel(topic, "c", timeout_count=1, in_flight_count=0)
        self.assertEqual((channel["depth"], channel["deferred_count"], channel["requeue_count"],
                          channel["message_count"]), (2, 1, 2, 4))
        client = channel["clients"][0]
        self.assertEqual((client["message_count"], client["finish_count"], client["requeue_count"],
                          client["in_flight_count"], client["ready_count"]), (4, 1, 2, 0, 0))
        self.assertEqual(client["pub_counts"], [{"topic": topic, "count": 4}])

    def test_depth_of_topic_and_channel(self):
        topic = self.name()
        client = self.client()
        client.command(mpub(topic, [b"12", b"345"]))
        client.command(dpub(topic, 3600000, b"6"))
        stats = self.server.topic(topic)
        self.assertEqual((stats["depth"], stats["message_count"], stats["message_bytes"]), (3, 3, 6))
        self.web.do("channel/create", topic, "c")
        self.server.wait_channel(topic, "c", depth=2, deferred_count=1, message_count=3)
        self.assertEqual(self.server.topic(topic)["depth"], 0)
        self.web.do("topic/pause", topic)
        client.command(pub(topic, b"7"))
        self.assertEqual(self.server.topic(topic)["depth"], 1)
        self.web.do("topic/unpause", topic)
        self.server.wait_channel(topic, "c", depth=3, deferred_count=1, message_count=4)
        self.web.do("channel/empty", topic, "c")
        self.server.wait_channel(topic, "c", depth=0, deferred_count=0, message_count=4)

    @ours_only  # the stock nsqd lists one topic of many
    def test_producers_of_several_topics(self):
        client = self.client()
        client.identify(client_id="many")
        first, second = self.name(), self.name()
        client.command(pub(first, b"x"))
        client.command(mpub(second, [b"x"] * 5))
        client.command(dpub(first, 0, b"x"))
        producer = [p for p in self.server.stats()["producers"] if p["client_id"] == "many"][0]
        counts = sorted(producer["pub_counts"], key=lambda count: count["topic"])
        self.assertEqual(counts, sorted([{"topic": first, "count": 2}, {"topic": second, "count": 5}],
                                        key=lambda count: count["topic"]))
        client.close()
        wait_until(lambda: not any(p["client_id"] == "many" for p in self.server.stats()["producers"] or []),
                   "the producer is gone")

    def test_http_publishes_count_too(self):
        topic = self.name()
        self.web.publish(topic, b"abc")
        self.assertEqual(self.web.post(f"/mpub?topic={topic}", b"d\nef\n").status, 200)
        self.web.publish(topic, b"g", defer=1000)
        stats = self.server.topic(topic)
        self.assertEqual((stats["message_count"], stats["message_bytes"]), (4, 7))

    def test_clients_come_and_go(self):
        topic = self.name()
        clients = [self.consumer(topic, "c") for _ in range(5)]
        self.assertEqual(self.server.channel(topic, "c")["client_count"], 5)
        clients[0].close()
        clients[1].reset()
        clients[2].finish_sending()
        channel = self.server.wait_channel(topic, "c", client_count=2)
        self.assertEqual(len(channel["clients"]), 2)


if __name__ == "__main__":
    main()
