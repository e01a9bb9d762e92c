"""Each error of the V2 protocol with its exact text, and whether it ends the connection."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import ERROR, RESPONSE, Closed, Frame, ServerCase, identify, main, pub, sized  # noqa: E402

UNKNOWN_ID = b"0123456789abcdef"
SUBSCRIBE = b"SUB errors c\n"


def i32(*numbers):
    return struct.pack(f">{len(numbers)}i", *numbers)


def identify_text(text):
    return b"IDENTIFY\n" + sized(text)


# (what is sent, the whole error frame's text), for connections that did nothing before. All are fatal.
FATAL = [
    # unknown commands
    (b"\n", b"E_INVALID invalid command "),
    (b"foo\n", b"E_INVALID invalid command foo"),
    (b"foo bar\n", b"E_INVALID invalid command foo"),
    (b"foo\r\n", b"E_INVALID invalid command foo"),
    (b"pub errors\n", b"E_INVALID invalid command pub"),
    (b" PUB errors\n", b"E_INVALID invalid command "),
    # PUB
    (b"PUB\n", b"E_INVALID PUB insufficient number of parameters"),
    (b"PUB \n", b'E_BAD_TOPIC PUB topic name "" is not valid'),
    (b"PUB bad!\n", b'E_BAD_TOPIC PUB topic name "bad!" is not valid'),
    (b"PUB #ephemeral\n", b'E_BAD_TOPIC PUB topic name "#ephemeral" is not valid'),
    (b"PUB x#other\n", b'E_BAD_TOPIC PUB topic name "x#other" is not valid'),
    (b"PUB " + b"n" * 65 + b"\n", b'E_BAD_TOPIC PUB topic name "' + b"n" * 65 + b'" is not valid'),
    (b"PUB " + b"n" * 55 + b"#ephemeral\n",
     b'E_BAD_TOPIC PUB topic name "' + b"n" * 55 + b'#ephemeral" is not valid'),
    (b"PUB errors\n" + i32(0), b"E_BAD_MESSAGE PUB invalid message body size 0"),
    (b"PUB errors\n" + i32(-1), b"E_BAD_MESSAGE PUB invalid message body size -1"),
    (b"PUB errors\n" + i32(-2147483648), b"E_BAD_MESSAGE PUB invalid message body size -2147483648"),
    (b"PUB errors\n" + i32(1048577), b"E_BAD_MESSAGE PUB message too big 1048577 > 1048576"),
    (b"PUB errors\n" + i32(2147483647), b"E_BAD_MESSAGE PUB message too big 2147483647 > 1048576"),
    # DPUB
    (b"DPUB\n", b"E_INVALID DPUB insufficient number of parameters"),
    (b"DPUB errors\n", b"E_INVALID DPUB insufficient number of parameters"),
    (b"DPUB bad! 10\n", b'E_BAD_TOPIC DPUB topic name "bad!" is not valid'),
    (b"DPUB errors x\n", b"E_INVALID DPUB could not parse timeout x"),
    (b"DPUB errors -1\n", b"E_INVALID DPUB could not parse timeout -1"),
    (b"DPUB errors 3600001\n", b"E_INVALID DPUB timeout 3600001 out of range 0-3600000"),
    (b"DPUB errors 10\n" + i32(0), b"E_BAD_MESSAGE DPUB invalid message body size 0"),
    (b"DPUB errors 10\n" + i32(-7), b"E_BAD_MESSAGE DPUB invalid message body size -7"),
    (b"DPUB errors 10\n" + i32(1048577), b"E_BAD_MESSAGE DPUB message too big 1048577 > 1048576"),
    # MPUB
    (b"MPUB\n", b"E_INVALID MPUB insufficient number of parameters"),
    (b"MPUB errors\n" + i32(0), b"E_BAD_BODY MPUB invalid body size 0"),
    (b"MPUB errors\n" + i32(-5), b"E_BAD_BODY MPUB invalid body size -5"),
    (b"MPUB errors\n" + i32(5242881), b"E_BAD_BODY MPUB body too big 5242881 > 5242880"),
    (b"MPUB errors\n" + i32(4, 0), b"E_BAD_BODY MPUB invalid message count 0"),
    (b"MPUB errors\n" + i32(4, -1), b"E_BAD_BODY MPUB invalid message count -1"),
    (b"MPUB errors\n" + i32(8, 1048576), b"E_BAD_BODY MPUB invalid message count 1048576"),
    (b"MPUB errors\n" + i32(8, 1, 0), b"E_BAD_MESSAGE MPUB invalid message(0) body size 0"),
    (b"MPUB errors\n" + i32(8, 1, -3), b"E_BAD_MESSAGE MPUB invalid message(0) body size -3"),
    (b"MPUB errors\n" + i32(8, 1, 1048577), b"E_BAD_MESSAGE MPUB message too big 1048577 > 1048576"),
    (b"MPUB errors\n" + i32(13, 2) + sized(b"a") + i32(0), b"E_BAD_MESSAGE MPUB invalid message(1) body size 0"),
    # SUB
    (b"SUB\n", b"E_INVALID SUB insufficient number of parameters"),
    (b"SUB errors\n", b"E_INVALID SUB insufficient number of parameters"),
    (b"SUB bad! c\n", b'E_BAD_TOPIC SUB topic name "bad!" is not valid'),
    (b"SUB errors bad!\n", b'E_BAD_CHANNEL SUB channel name "bad!" is not valid'),
    (b"SUB errors " + b"n" * 65 + b"\n", b'E_BAD_CHANNEL SUB channel name "' + b"n" * 65 + b'" is not valid'),
    # commands of subscribers
    (b"RDY 1\n", b"E_INVALID cannot RDY in current state"),
    (b"FIN " + UNKNOWN_ID + b"\n", b"E_INVALID cannot FIN in current state"),
    (b"REQ " + UNKNOWN_ID + b" 0\n", b"E_INVALID cannot REQ in current state"),
    (b"TOUCH " + UNKNOWN_ID + b"\n", b"E_INVALID cannot TOUCH in current state"),
    (b"CLS\n", b"E_INVALID cannot CLS in current state"),
    # AUTH, which is not configured
    (b"AUTH\n" + sized(b"secret"), b"E_AUTH_DISABLED AUTH disabled"),
    # IDENTIFY
    (b"IDENTIFY\n" + i32(0), b"E_BAD_BODY IDENTIFY invalid body size 0"),
    (b"IDENTIFY\n" + i32(-1), b"E_BAD_BODY IDENTIFY invalid body size -1"),
    (b"IDENTIFY\n" + i32(5242881), b"E_BAD_BODY IDENTIFY body too big 5242881 > 5242880"),
    (identify_text(b"x"), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify_text(b"[]"), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify_text(b"{} x"), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify_text(b'{"client_id":5}'), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
    (identify_text(b'{"heartbeat_interval":"1000"}'), b"E_BAD_BODY IDENTIFY failed to decode JSON body"),
] + [
    (identify(**{field: value}), f"E_BAD_BODY IDENTIFY {name} ({value}) is invalid".encode())
    for field, name, values in (
        ("heartbeat_interval", "heartbeat interval", (999, 60001, -2)),
        ("output_buffer_size", "output buffer size", (63, 65537, -2)),
        ("output_buffer_timeout", "output buffer timeout", (24, 30001, -2)),
        ("sample_rate", "sample rate", (-1, 100)),
        ("msg_timeout", "msg timeout", (999, 900001, -1)))
    for value in values
]

# The same for a subscriber.
FATAL_SUBSCRIBED = [
    (SUBSCRIBE, b"E_INVALID cannot SUB in current state"),
    (identify_text(b"{}"), b"E_INVALID cannot IDENTIFY in current state"),
    (b"RDY x\n", b"E_INVALID RDY could not parse count x"),
    (b"RDY -1\n", b"E_INVALID RDY could not parse count -1"),
    (b"RDY 2501\n", b"E_INVALID RDY count 2501 out of range 0-2500"),
    (b"FIN\n", b"E_INVALID FIN insufficient number of params"),
    (b"FIN short\n", b"E_INVALID invalid message ID"),
    (b"FIN " + UNKNOWN_ID + b"0\n", b"E_INVALID invalid message ID"),
    (b"REQ\n", b"E_INVALID REQ insufficient number of params"),
    (b"REQ " + UNKNOWN_ID + b"\n", b"E_INVALID REQ insufficient number of params"),
    (b"REQ short 0\n", b"E_INVALID invalid message ID"),
    (b"REQ " + UNKNOWN_ID + b" x\n", b"E_INVALID REQ could not parse timeout x"),
    (b"REQ " + UNKNOWN_ID + b" -1\n", b"E_INVALID REQ could not parse timeout -1"),
    (b"TOUCH\n", b"E_INVALID TOUCH insufficient number of params"),
    (b"TOUCH short\n", b"E_INVALID invalid message ID"),
]

# For a subscriber; the connection goes on.
NOT_FATAL = [
    (b"FIN " + UNKNOWN_ID + b"\n", b"E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight"),
    (b"FIN " + UNKNOWN_ID + b" more\n", b"E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight"),
    (b"FIN zzzzzzzzzzzzzzzz\n", b"E_FIN_FAILED FIN zzzzzzzzzzzzzzzz failed ID not in flight"),
    (b"REQ " + UNKNOWN_ID + b" 0\n", b"E_REQ_FAILED REQ 0123456789abcdef failed ID not in flight"),
    (b"REQ " + UNKNOWN_ID + b" 99999999999\n", b"E_REQ_FAILED REQ 0123456789abcdef failed ID not in flight"),
    (b"TOUCH " + UNKNOWN_ID + b"\n", b"E_TOUCH_FAILED TOUCH 0123456789abcdef failed ID not in flight"),
]


class Errors(ServerCase):
    def test_fatal_errors(self):
        for sent, error in FATAL:
            with self.subTest(sent=sent[:60]), self.server.client() as client:
                client.send(sent)
                client.expect_fatal(error)
        self.assert_healthy()

    def test_fatal_errors_of_subscribers(self):
        for sent, error in FATAL_SUBSCRIBED:
            with self.subTest(sent=sent[:60]), self.server.client() as client:
                client.command(SUBSCRIBE)
                client.send(sent)
                client.expect_fatal(error)
        self.assert_healthy()

    def test_errors_that_leave_the_connection_open(self):
        client = self.client()
        client.command(SUBSCRIBE)
        for sent, error in NOT_FATAL:
            with self.subTest(sent=sent):
                client.send(sent)
                client.expect_error(error)
        client.command(pub("errors", b"still alive"))

    def test_mpub_topic_name(self):
        with self.server.client() as client:
            client.send(b"MPUB bad!\n")
            frame = client.read_frame()
            self.assertEqual(frame.type, ERROR)
            # nsqd 1.3.0 says the code twice; clients look at the first word only.
            self.assertIn(frame.data, (b'E_BAD_TOPIC MPUB topic name "bad!" is not valid',
                                       b'E_BAD_TOPIC E_BAD_TOPIC MPUB topic name "bad!" is not valid'))
            client.expect_closed()

    def test_commands_before_an_error_are_answered(self):
        client = self.client()
        client.send(pub("errors", b"1") + pub("errors", b"2") + b"foo\n")
        client.expect(Frame(RESPONSE, b"OK"))
        client.expect(Frame(RESPONSE, b"OK"))
        client.expect_fatal(b"E_INVALID invalid command foo")

    def test_mpub_is_validated_before_any_message_is_queued(self):
        topic = self.name()
        self.web.do("topic/create", topic)
        client = self.client()
        client.send(b"MPUB " + topic.encode() + b"\n" + i32(13, 2) + sized(b"a") + i32(-1))
        client.expect_fatal(b"E_BAD_MESSAGE MPUB invalid message(1) body size -1")
        self.assertEqual(self.server.topic(topic)["message_count"], 0)

    def test_not_the_owner(self):
        topic = self.name()
        owner = self.consumer(topic, "c", ready=1)
        other = self.consumer(topic, "c")
        self.web.publish(topic, b"x")
        message = owner.read_message()
        for command, code in ((b"FIN %s\n", "FIN"), (b"REQ %s 0\n", "REQ"), (b"TOUCH %s\n", "TOUCH")):
            other.send(command % message.id)
            text = f"E_{code}_FAILED {code} {message.id.decode()} failed client does not own message"
            other.expect_error(text.encode())
        owner.fin(message)
        owner.fin(message)
        owner.expect_error(b"E_FIN_FAILED FIN " + message.id + b" failed ID not in flight")

    def test_a_message_of_another_channel(self):
        topic = self.name()
        first, second = self.consumer(topic, "a", ready=1), self.consumer(topic, "b", ready=1)
        self.web.publish(topic, b"x")
        message = first.read_message()
        second.fin(second.read_message())
        self.server.wait_channel(topic, "b", in_flight_count=0)
        stranger = self.consumer(self.name(), "a")
        stranger.fin(message)
        stranger.expect_error(b"E_FIN_FAILED FIN " + message.id + b" failed ID not in flight")
        first.fin(message)
        self.server.wait_channel(topic, "a", in_flight_count=0, depth=0)

    def test_sub_without_heartbeats(self):
        client = self.client()
        client.identify(heartbeat_interval=-1)
        client.send(b"SUB errors c\n")
        client.expect_fatal(b"E_INVALID cannot SUB with heartbeats disabled")

    def test_a_line_without_end(self):
        client = self.client()
        client.send(b"a" * 20000)
        with self.assertRaises(Closed):
            # The stock nsqd says nothing; an error first is more than it does.
            self.assertEqual(client.read_frame().data.split()[0], b"E_INVALID")
            client.read_frame()
        self.assert_healthy()

    def test_a_long_line(self):
        client = self.client()
        client.send(b"PUB " + b"n" * 4000 + b"\n")
        client.expect_fatal(b'E_BAD_TOPIC PUB topic name "' + b"n" * 4000 + b'" is not valid')


class ConsumerLimit(ServerCase):
    FLAGS = ("--max-channel-consumers=1", "--max-rdy-count=10", "--max-msg-size=100", "--max-body-size=200",
             "--max-req-timeout=1s", "--max-heartbeat-interval=2s", "--max-msg-timeout=5s", "--msg-timeout=2s",
             "--max-output-buffer-size=100", "--max-output-buffer-timeout=1s", "--min-output-buffer-timeout=50ms",
             "--output-buffer-timeout=100ms")

    def test_max_channel_consumers(self):
        first = self.consumer("limit", "c")
        self.consumer("limit", "other")
        refused = self.client()
        refused.send(b"SUB limit c\n")
        refused.expect_fatal(b"E_SUB_FAILED SUB failed consumers for limit:c exceeds limit of 1")
        first.close()
        self.server.wait_channel("limit", "c", client_count=0)
        self.consumer("limit", "c")

    def test_limits_come_from_the_options(self):
        for sent, error in (
                (pub("t", b"x" * 101), b"E_BAD_MESSAGE PUB message too big 101 > 100"),
                (b"MPUB t\n" + i32(201), b"E_BAD_BODY MPUB body too big 201 > 200"),
                (b"MPUB t\n" + i32(8, 40), b"E_BAD_BODY MPUB invalid message count 40"),
                (b"DPUB t 1001\n", b"E_INVALID DPUB timeout 1001 out of range 0-1000"),
                (b"IDENTIFY\n" + i32(201), b"E_BAD_BODY IDENTIFY body too big 201 > 200"),
                (identify(heartbeat_interval=2001), b"E_BAD_BODY IDENTIFY heartbeat interval (2001) is invalid"),
                (identify(msg_timeout=5001), b"E_BAD_BODY IDENTIFY msg timeout (5001) is invalid"),
                (identify(output_buffer_size=101), b"E_BAD_BODY IDENTIFY output buffer size (101) is invalid"),
                (identify(output_buffer_timeout=49), b"E_BAD_BODY IDENTIFY output buffer timeout (49) is invalid"),
                (identify(output_buffer_timeout=1001),
                 b"E_BAD_BODY IDENTIFY output buffer timeout (1001) is invalid"),
                (b"SUB t c\nRDY 11\n", b"E_INVALID RDY count 11 out of range 0-10")):
            with self.subTest(sent=sent[:60]), self.server.client() as client:
                # The last byte of a body too big is left out: what the server has not read when it closes makes
                # a TCP reset, which may overtake the error.
                client.send(sent[:len(sent) - 101] if error.startswith(b"E_BAD_MESSAGE") else sent)
                if sent.startswith(b"SUB"):
                    client.expect(Frame(RESPONSE, b"OK"))
                client.expect_fatal(error)


if __name__ == "__main__":
    main()
