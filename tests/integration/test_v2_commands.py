"""Each V2 command's success."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import RESPONSE, Frame, ServerCase, dpub, identify, main, mpub, mpub_body, pub, sized  # noqa: E402

NAME_64 = "n" * 64
EPHEMERAL_64 = "n" * 54 + "#ephemeral"

NEGOTIATED = {
    "max_rdy_count": 2500, "version": "1.3.0", "max_msg_timeout": 900000, "msg_timeout": 60000, "tls_v1": False,
    "deflate": False, "deflate_level": 6, "max_deflate_level": 6, "snappy": False, "sample_rate": 0,
    "auth_required": False, "output_buffer_size": 16384, "output_buffer_timeout": 250,
}


class Successes(ServerCase):
    def test_identify_without_negotiation(self):
        for body in (b"{}", b"null", b'{"unknown":{"x":[1]},"client_id":"c","hostname":"h"}',
                     b'{"heartbeat_interval":1000}', b'{"feature_negotiation":false,"msg_timeout":1000}'):
            with self.subTest(body=body):
                self.client().command(b"IDENTIFY\n" + sized(body))

    def test_identify_answer(self):
        client = self.client()
        client.send(identify(feature_negotiation=True))
        frame = client.read_frame()
        self.assertEqual(frame.type, RESPONSE)
        answer = json.loads(frame.data)
        self.assertEqual(answer, NEGOTIATED)
        self.assertEqual(list(answer), list(NEGOTIATED))

    def test_identify_takes_each_valid_value(self):
        for asked, told in (
                ({"heartbeat_interval": 1000}, {}), ({"heartbeat_interval": 60000}, {}),
                ({"heartbeat_interval": 0}, {}), ({"heartbeat_interval": -1}, {}),
                ({"output_buffer_size": 64}, {"output_buffer_size": 64}),
                ({"output_buffer_size": 65536}, {"output_buffer_size": 65536}),
                ({"output_buffer_size": -1, "output_buffer_timeout": -1},
                 {"output_buffer_size": 1, "output_buffer_timeout": 0}),
                ({"output_buffer_timeout": 25}, {"output_buffer_timeout": 25}),
                ({"output_buffer_timeout": 30000}, {"output_buffer_timeout": 30000}),
                ({"sample_rate": 1}, {"sample_rate": 1}), ({"sample_rate": 99}, {"sample_rate": 99}),
                ({"msg_timeout": 1000}, {"msg_timeout": 1000}), ({"msg_timeout": 900000}, {"msg_timeout": 900000}),
                ({"tls_v1": True}, {})):
            with self.subTest(asked=asked):
                self.assertEqual(self.client().identify(**asked), {**NEGOTIATED, **told})

    def test_publish_and_consume(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=100)
        producer = self.client()
        producer.command(pub(topic, b"one"))
        producer.command(b"PUB " + topic.encode() + b"\r\n" + sized(b"two\r\n"))
        producer.command(b"PUB " + topic.encode() + b" ignored\n" + sized(b"three"))
        producer.command(mpub(topic, [b"four", b"\x00\xff" * 10]))
        producer.command(dpub(topic, 0, b"six"))
        messages = consumer.read_messages(6)
        self.assertEqual(sorted(m.body for m in messages),
                         sorted([b"one", b"two\r\n", b"three", b"four", b"\x00\xff" * 10, b"six"]))
        for message in messages:
            self.assertEqual(message.attempts, 1)
            self.assertRegex(message.id.decode(), "^[0-9a-f]{16}$")
            consumer.fin(message)
        self.server.wait_channel(topic, "c", in_flight_count=0, depth=0)

    def test_any_state_may_publish(self):
        topic = self.name()
        client = self.consumer(topic, "c")
        client.command(pub(topic, b"x"))
        client.command(b"CLS\n", b"CLOSE_WAIT")
        client.command(pub(topic, b"x"))
        client.command(mpub(topic, [b"x"]))
        client.command(dpub(topic, 0, b"x"))
        self.assertEqual(self.server.topic(topic)["message_count"], 4)

    def test_names(self):
        for name in ("a", "A.b_C-9", NAME_64, EPHEMERAL_64, "." * 3, "x#ephemeral"):
            with self.subTest(name=name):
                self.client().command(pub(name, b"x"))
                self.consumer(name, name)

    def test_sizes_at_the_limits(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=10)
        producer = self.client()
        sizes = [1048576, 1048575, 1]
        for size in sizes:
            producer.command(pub(topic, b"x" * size))
        self.assertEqual([len(m.body) for m in consumer.read_messages(3)], sizes)
        body = mpub_body([b"y" * 1048576] * 4 + [b"z" * (5242880 - 4 - 4 * 1048580 - 4)])
        self.assertEqual(len(body), 5242880)
        producer.command(b"MPUB " + topic.encode() + b"\n" + sized(body))
        self.assertEqual(len(consumer.read_messages(5)), 5)

    def test_mpub_of_many(self):
        topic = self.name()
        self.client().command(mpub(topic, [b"%d" % number for number in range(10000)]))
        consumer = self.consumer(topic, "c", ready=2500)
        seen = []
        while len(seen) < 10000:
            message = consumer.read_message()
            seen.append(int(message.body))
            consumer.fin(message)
        self.assertEqual(sorted(seen), list(range(10000)))

    def test_ready(self):
        topic = self.name()
        consumer = self.consumer(topic, "c")
        consumer.send(b"RDY\n")
        self.server.wait_channel(topic, "c", client_count=1)
        self.web.publish(topic, b"x")
        self.assertEqual(consumer.read_message().body, b"x")
        self.assertEqual(self.server.channel(topic, "c")["clients"][0]["ready_count"], 1)
        for count in (0, 2500):
            consumer.ready(count)
            consumer.expect_alive()
            self.assertEqual(self.server.channel(topic, "c")["clients"][0]["ready_count"], count)

    def test_cls(self):
        topic = self.name()
        consumer = self.consumer(topic, "c", ready=3)
        for body in (b"1", b"2", b"3"):
            self.web.publish(topic, body)
        messages = consumer.read_messages(3)
        consumer.command(b"CLS\n", b"CLOSE_WAIT")
        self.web.publish(topic, b"not for a closing client")
        consumer.ready(10)
        consumer.touch(messages[0])
        consumer.fin(messages[0])
        consumer.req(messages[1], 0)
        # Only after FIN and REQ were done may nothing have come: a new message would be in the way here.
        consumer.expect_alive()
        channel = self.server.wait_channel(topic, "c", depth=2, in_flight_count=1)
        self.assertEqual((channel["clients"][0]["state"], channel["clients"][0]["ready_count"]), (4, 0))
        consumer.send(b"CLS\n")
        consumer.expect_fatal(b"E_INVALID cannot CLS in current state")

    def test_cls_then_sub(self):
        consumer = self.consumer(self.name(), "c")
        consumer.command(b"CLS\n", b"CLOSE_WAIT")
        consumer.send(b"SUB again c\n")
        consumer.expect_fatal(b"E_INVALID cannot SUB in current state")

    def test_nop(self):
        client = self.client()
        client.send(b"NOP\n" * 100 + b"NOP ignored\n")
        client.command(pub(self.name(), b"x"))

    def test_pipelined_commands_are_answered_in_order(self):
        topic = self.name()
        client = self.client()
        client.send(identify() + b"".join(pub(topic, b"%d" % number) for number in range(2000))
                    + f"SUB {topic} c\n".encode() + b"CLS\n")
        for _ in range(2002):
            client.expect(Frame(RESPONSE, b"OK"))
        client.expect(Frame(RESPONSE, b"CLOSE_WAIT"))
        self.assertEqual(self.server.topic(topic)["message_count"], 2000)


class Limits(ServerCase):
    FLAGS = ("--max-rdy-count=10", "--max-msg-timeout=5s", "--msg-timeout=2s", "--output-buffer-timeout=100ms")

    def test_identify_tells_the_options(self):
        answer = self.client().identify()
        self.assertEqual(answer, {**NEGOTIATED, "max_rdy_count": 10, "max_msg_timeout": 5000, "msg_timeout": 2000,
                                  "output_buffer_timeout": 100})


if __name__ == "__main__":
    main()
