"""nsqd as a client of nsqlookupd: registrations, and the channels of new topics.

With a double of nsqlookupd and with ours always; with a stock one (Stock) as well if STOCK_NSQLOOKUPD=/path/to/nsqlookupd
names it, or it is on the PATH."""

import itertools
import json
import os
import shutil
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import DEADLINE_S, OK, Server, main, mpub, pub, run_to_exit, wait_until  # noqa: E402
from nsqtest.lookupd import Lookupd, RealLookupd, our_lookupd, stock_lookupd  # noqa: E402
from nsqtest.v2 import sized  # noqa: E402

OPTION = "/config/nsqlookupd_tcp_addresses"


def flags(*lookupds):
    return ["--broadcast-address=127.0.0.1", *(f"--lookupd-tcp-address={lookupd.address}" for lookupd in lookupds)]


class LookupCase(unittest.TestCase):
    maxDiff = None

    def start(self, *arguments, **kwargs):
        server = Server(*arguments, **kwargs)
        self.addCleanup(server.kill)
        return server

    def double(self, **kwargs):
        lookupd = Lookupd(**kwargs)
        self.addCleanup(lookupd.close)
        return lookupd

    def set_peers(self, server, *lookupds):
        addresses = [lookupd.address for lookupd in lookupds]
        self.assertEqual(server.web().json("PUT", OPTION, json.dumps(addresses).encode()), addresses)
        self.assertEqual(server.web().json("GET", OPTION), addresses)

    def wait_registered(self, lookupd, *expected):
        """`expected`: (topic, channel); a topic with channels is meant with them."""
        whole = set(expected) | {(topic, "") for topic, _ in expected}
        try:
            wait_until(lambda: lookupd.registered() == whole, "registered")
        except AssertionError as error:
            raise AssertionError(f"{error}: {whole}; it is {lookupd.registered()}") from None

    def publish(self, server, topic, *bodies):
        with server.client() as client:
            client.command(mpub(topic, bodies))


class Scenario:
    """What nsqlookupd sees of a server, and the server of nsqlookupd. `lookupd(port)` makes one."""

    def test_registers_what_is_there_and_what_comes_and_goes(self):
        first, second = self.lookupd(), self.lookupd()
        server = self.start(*flags(first))
        web = server.web()
        web.do("topic/create", "old")
        web.do("channel/create", "old", "c")
        web.do("topic/create", "lonely")
        self.wait_registered(first, ("old", "c"), ("lonely", ""))
        self.set_peers(server, first, second)
        self.wait_registered(second, ("old", "c"), ("lonely", ""))

        web.do("channel/create", "lonely", "x")
        web.do("channel/create", "lonely", "y")
        web.do("channel/delete", "old", "c")
        both = (("old", ""), ("lonely", "x"), ("lonely", "y"))
        self.wait_registered(first, *both)
        self.wait_registered(second, *both)
        web.do("topic/delete", "lonely")
        self.wait_registered(first, ("old", ""))
        self.wait_registered(second, ("old", ""))
        server.stop()
        self.wait_registered(first)
        self.wait_registered(second)

    def test_ephemeral_ones_are_registered_while_they_live(self):
        lookupd = self.lookupd()
        server = self.start(*flags(lookupd))
        consumers = [server.client().subscribe(topic, "c#ephemeral") for topic in ("t", "u#ephemeral")]
        self.wait_registered(lookupd, ("t", "c#ephemeral"), ("u#ephemeral", "c#ephemeral"))
        for consumer in consumers:
            consumer.close()
        self.wait_registered(lookupd, ("t", ""))
        server.stop()

    def test_restarted_data_is_registered(self):
        lookupd = self.lookupd()
        server = self.start()
        self.addCleanup(shutil.rmtree, server.data_path, ignore_errors=True)
        for topic in ("a", "b"):
            server.web().do("topic/create", topic)
            server.web().do("channel/create", topic, "c")
        server.stop(keep_data=True)
        again = self.start(*flags(lookupd), data_path=server.data_path)
        self.wait_registered(lookupd, ("a", "c"), ("b", "c"))
        again.stop()

    def test_a_lookupd_that_comes_back_is_told_everything(self):
        lookupd = self.lookupd()
        port = lookupd.port
        server = self.start(*flags(lookupd))
        server.web().do("topic/create", "before")
        self.wait_registered(lookupd, ("before", ""))
        lookupd.close()
        self.publish(server, "meanwhile", b"m")
        server.web().do("topic/delete", "before")
        lookupd = self.lookupd(port=port)
        self.wait_registered(lookupd, ("meanwhile", ""))
        server.web().do("topic/create", "after")
        self.wait_registered(lookupd, ("meanwhile", ""), ("after", ""))
        server.stop()

    def test_removed_peers_are_closed(self):
        first, second = self.lookupd(), self.lookupd()
        server = self.start(*flags(first))
        server.web().do("topic/create", "t")
        self.wait_registered(first, ("t", ""))
        self.set_peers(server, second)
        self.wait_registered(first)
        self.wait_registered(second, ("t", ""))
        self.set_peers(server)
        self.wait_registered(second)
        self.publish(server, "u", b"m")
        self.set_peers(server, first, first)
        self.wait_registered(first, ("t", ""), ("u", ""))
        server.stop()

    def test_made_anew_after_being_deleted_everywhere(self):
        """What nsqadmin does: it deletes at nsqlookupd, then at each nsqd, and clients may be quick to come back."""
        lookupd = self.lookupd()
        server = self.start(*flags(lookupd))
        web = server.web()
        web.do("topic/create", "t")
        web.do("channel/create", "t", "c")
        self.wait_registered(lookupd, ("t", "c"))
        for _ in range(10):
            lookupd.forget("t")
            web.do("topic/delete", "t")
            server.client().subscribe("t", "c").close()
            self.wait_registered(lookupd, ("t", "c"))
        server.stop()

    def test_channels_of_a_new_topic_get_its_first_message(self):
        first, second = self.lookupd(), self.lookupd()
        first.know_channels("t", "a", "both", "e#ephemeral")
        second.know_channels("t", "b", "both")
        server = self.start(*flags(first, second))
        self.publish(server, "other", b"m")
        clients = [server.client() for _ in range(8)]
        each = [[b"%d-%d" % (number, i) for i in range(50)] for number in range(len(clients))]
        threads = [threading.Thread(target=self.publish_all, args=(client, "t", bodies))
                   for client, bodies in zip(clients, each)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        everything = sorted(body for bodies in each for body in bodies)
        for channel in ("a", "b", "both"):
            server.wait_channel("t", channel, message_count=len(everything), depth=len(everything))
            consumer = server.client().subscribe("t", channel, 2500)
            messages = consumer.read_messages(len(everything))
            self.assertEqual(sorted(message.body for message in messages), everything)
            self.assertTrue(all(message.attempts == 1 for message in messages))
            consumer.close()
        self.assertEqual([c["channel_name"] for c in server.topic("t")["channels"]], ["a", "b", "both"])
        self.assertEqual(server.topic("t")["depth"], 0)
        self.assertEqual(server.topic("other")["channels"], [])
        server.stop()

    @staticmethod
    def publish_all(client, topic, bodies):
        for body in bodies:
            client.command(pub(topic, body))
        client.close()

    def test_ten_thousand_topics(self):
        count = 10_000
        lookupd = self.lookupd()
        server = self.start("--broadcast-address=127.0.0.1")
        server.web().put("/config/log_level", b"warn")
        topics = [f"t{number}#ephemeral" for number in range(count)]
        with server.client() as client:
            client.send(b"".join(pub(topic, b"m") for topic in topics))
            for _ in topics:
                client.expect(OK)
        began = time.monotonic()
        self.set_peers(server, lookupd)
        self.wait_registered(lookupd, *((topic, "") for topic in topics))
        print(f"    {count} topics registered after {time.monotonic() - began:.2f} s", flush=True)
        server.stop()


class Double(Scenario, LookupCase):
    def lookupd(self, port=0):
        return self.double(port=port)

    def test_what_is_said(self):
        lookupd = self.lookupd()
        server = self.start(*flags(lookupd), "--broadcast-http-port=1234")
        web = server.web()
        wait_until(lambda: lookupd.identified, "IDENTIFY")
        info = web.json("GET", "/info")
        self.assertEqual(lookupd.identified, [{
            "version": info["version"], "tcp_port": server.tcp_port, "http_port": 1234, "hostname": info["hostname"],
            "broadcast_address": "127.0.0.1"}])
        self.assertEqual(lookupd.commands, ["IDENTIFY"])

        def said(*commands):
            wait_until(lambda: len(lookupd.commands) >= len(commands), commands)
            self.assertEqual(lookupd.commands, list(commands))
            lookupd.commands.clear()
        web.do("topic/create", "t")
        said("IDENTIFY", "REGISTER t")
        web.do("channel/create", "t", "c")
        said("REGISTER t c")
        web.do("channel/create", "t", "d")
        said("REGISTER t d")
        web.do("channel/delete", "t", "d")
        said("UNREGISTER t d")
        lookupd.disconnect()
        said("IDENTIFY", "REGISTER t c")
        web.do("topic/delete", "t")
        said("UNREGISTER t c", "UNREGISTER t")
        self.assertEqual([request.path for request in lookupd.asked], ["/channels?topic=t"])
        self.assertEqual(lookupd.asked[0].headers["Accept"], "application/vnd.nsq; version=1.0")
        self.publish(server, "e#ephemeral", b"m")
        wait_until(lambda: len(lookupd.asked) == 2, "the next question")
        self.assertEqual(lookupd.asked[1].path, "/channels?topic=e%23ephemeral")
        server.stop()
        self.assertIn(f"LOOKUP({lookupd.address}): adding peer", server.log)
        self.assertIn(f"LOOKUPD({lookupd.address}): peer info {{TCPPort:{lookupd.port} HTTPPort:", server.log)
        self.assertIn(f"LOOKUPD({lookupd.address}): channel REGISTER t c\n", server.log)
        self.assertIn(f"LOOKUPD({lookupd.address}): topic UNREGISTER t\n", server.log)

    def test_pings(self):
        lookupd = self.lookupd()
        server = self.start(*flags(lookupd))
        wait_until(lambda: "PING" in lookupd.commands, "PING")
        self.assertEqual(lookupd.commands, ["IDENTIFY", "PING"])
        self.assertEqual(lookupd.connections, 1)
        server.stop()


class Real(Scenario):
    """With a process. `program()` is its path."""

    def lookupd(self, port=0):
        lookupd = RealLookupd(self.program(), port=port)
        self.addCleanup(lookupd.close)
        return lookupd


class Ours(Real, LookupCase):
    program = staticmethod(our_lookupd)


class Stock(Real, LookupCase):
    program = staticmethod(stock_lookupd)


def silent(connection, line):
    return None


# What a lookupd can do wrong: {name: attributes of the double}.
BAD = {
    "says nothing": {"answer": silent},
    "closes at once": {"greet": lambda connection: False},
    "garbage": {"answer": lambda connection, line: b"HTTP/1.1 400 Bad Request\r\n\r\n"},
    "random garbage": {"answer": lambda connection, line: b"\0\0\0\7" + os.urandom(7)},
    "two gigabytes": {"answer": lambda connection, line: b"\x7f\xff\xff\xff" + b"x" * 100_000},
    "negative size": {"answer": lambda connection, line: b"\xff\xff\xff\xff" + b"x" * 100_000},
    "half an answer": {"answer": lambda connection, line: b"\0\0\0\2O"},
    "error": {"answer": lambda connection, line: sized(b"E_INVALID\nno \x1b[31m such thing")},
    "deep JSON": {"answer": lambda connection, line: sized(b"[" * 60_000)},
    "refuses REGISTER": {"answer": lambda connection, line: sized(b"{}" if line == "IDENTIFY" else b"E_BAD_TOPIC")},
    "says too much": {"answer": lambda connection, line: sized(b"{}") * 3},
}


class BadLookupds(LookupCase):
    def test_bad_ones_are_in_nobodys_way(self):
        good, bad = self.double(), {}
        for what, attributes in BAD.items():
            bad[what] = self.double()
            for name, value in attributes.items():
                setattr(bad[what], name, value)
        server = self.start(*flags(*bad.values(), good))
        topics = [(f"t{number}", "") for number in range(100)]
        with server.client() as client:
            for topic, _ in topics:
                client.command(pub(topic, b"m"))
        self.wait_registered(good, *topics)
        for what, lookupd in bad.items():
            with self.subTest(what=what):
                # Again and again, but with one line.
                wait_until(lambda: lookupd.connections >= 3, "it is tried again")
                lines = [line for line in server.log_lines if f"LOOKUPD({lookupd.address})" in line and "ERROR" in line]
                self.assertEqual(len(lines), 1, lines)
                self.assertLess(len(lines[0]), 400)
                self.assertNotIn("\x1b", lines[0])
                self.assertLess(sum(lookupd.address in line for line in server.log_lines), 10, server.log)
        for what, lookupd in bad.items():
            with self.subTest(what=what):
                # Well again: it hears everything.
                lookupd.answer = lookupd.greet = None
                self.wait_registered(lookupd, *topics)
        server.stop()
        self.assertEqual([what for what, lookupd in bad.items() if lookupd.registered()], [])

    def test_publishing_while_nothing_is_answered(self):
        silent_one, holding = self.double(), self.double()
        silent_one.answer = silent
        holding.hold_channels()
        holding.know_channels("t0", "a", "b")
        server = self.start(*flags(silent_one, holding))
        wait_until(lambda: holding.identified, "IDENTIFY")
        with server.client() as client:
            for number in range(100):
                client.command(pub(f"t{number}", b"first"))
        wait_until(lambda: holding.asked, "it is asked")
        # All is acknowledged, and stands where a topic's messages stand that has no channel.
        early = server.client().subscribe("t0", "early", 10)
        self.publish(server, "t0", b"second")
        topic = server.topic("t0")
        self.assertEqual((topic["depth"], topic["message_count"], topic["paused"]), (2, 2, False))
        self.assertTrue(early.nothing_to_read())
        self.assertEqual(server.channel("t0", "early")["message_count"], 0)
        self.assertEqual(len(holding.asked), 1)  # it is still that question
        holding.release_channels()
        self.assertEqual([message.body for message in early.read_messages(2)], [b"first", b"second"])
        for channel in ("a", "b"):
            server.wait_channel("t0", channel, message_count=2, depth=2)
        server.stop()

    def test_a_topic_starts_when_the_time_for_answers_is_over(self):
        holding, good = self.double(), self.double()
        holding.hold_channels()
        good.know_channels("t", "a")
        server = self.start(*flags(holding, good), "--http-client-connect-timeout=100ms",
                            "--http-client-request-timeout=200ms")
        consumers = [server.client().subscribe(f"t{number}", "c", 1) for number in range(20)]
        self.publish(server, "t", b"m")
        for number, consumer in enumerate(consumers):
            self.publish(server, f"t{number}", b"m")
            self.assertEqual(consumer.read_message().body, b"m")
        server.wait_channel("t", "a", depth=1)
        self.assertEqual(sum("failed to query" in line for line in server.log_lines), 1, server.log)
        server.stop()

    def test_many_topics_at_once_all_get_their_channels(self):
        """Asked for one after the other they take longer than one may: that is no reason not to ask."""
        far = self.double()

        def reply(send):
            time.sleep(0.02)  # the way there and back
            body = b'{"channels":["a"]}'
            send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        far.channels_reply = reply
        server = self.start(*flags(far), "--http-client-connect-timeout=250ms", "--http-client-request-timeout=250ms")
        topics = [f"t{number}" for number in range(60)]
        with server.client() as client:
            client.send(b"".join(pub(topic, b"m") for topic in topics))
            for _ in topics:
                client.expect(OK)
        for topic in topics:
            server.wait_channel(topic, "a", depth=1)
        self.assertEqual(len(far.asked), len(topics))
        server.stop()

    def test_what_is_not_asked_is_in_the_log(self):
        holding = self.double()
        holding.hold_channels()
        server = self.start(*flags(holding), "--http-client-connect-timeout=100ms",
                            "--http-client-request-timeout=100ms")
        with server.client() as client:
            for number in range(50):
                client.command(pub(f"t{number}", b"m"))
        wait_until(lambda: "not asked for channels to pre-create for" in server.log, "the log to tell")
        self.assertLess(len(holding.asked), 50)
        server.stop()

    def test_a_deleted_topics_question_is_none_of_its_successors(self):
        holding = self.double()
        holding.know_channels("t", "old")
        holding.hold_channels()
        server = self.start(*flags(holding))
        self.publish(server, "t", b"old")
        wait_until(lambda: holding.asked, "it is asked")
        server.web().do("topic/delete", "t")
        self.publish(server, "t", b"m")
        gate, answers = threading.Semaphore(0), iter((b'{"channels":["old"]}', b'{"channels":["new"]}'))

        def reply(send):
            gate.acquire(timeout=DEADLINE_S)
            body = next(answers)
            send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        holding.channels_reply = reply
        holding.release_channels()
        gate.release()
        wait_until(lambda: len(holding.asked) == 2, "it is asked for the second one")
        self.assertEqual(server.topic("t")["channels"], [])
        gate.release()
        server.wait_channel("t", "new", depth=1)
        self.assertEqual([channel["channel_name"] for channel in server.topic("t")["channels"]], ["new"])
        server.stop()

    def test_more_channels_than_are_taken(self):
        lookupd = self.double()
        lookupd.know_channels("t", *(f"c{number}" for number in range(1200)))
        server = self.start(*flags(lookupd))
        self.publish(server, "t", b"m")
        server.wait_channel("t", "c0", depth=1)
        self.assertEqual(len(server.topic("t")["channels"]), 1000)
        self.assertIn("only 1000 of the 1200 channels it knows of topic t are made", server.log)
        wait_until(lambda: len(lookupd.registered()) == 1001, "all are registered")
        server.stop()

    def test_a_lookupd_that_is_gone_is_not_asked(self):
        lookupd = self.double()
        server = self.start(*flags(lookupd), "--http-client-request-timeout=1h")
        self.publish(server, "before", b"m")
        wait_until(lambda: lookupd.asked, "it is asked")
        lookupd.hold_channels()
        lookupd.greet = lambda connection: False
        lookupd.disconnect()
        before = lookupd.connections
        wait_until(lambda: lookupd.connections > before + 1, "attempts to connect fail")
        consumer = server.client().subscribe("t", "c", 1)
        self.publish(server, "t", b"m")
        self.assertEqual(consumer.read_message().body, b"m")
        self.assertEqual(len(lookupd.asked), 1)
        self.assertIn("failed to query for channels to pre-create for topic t - ", server.log)
        # It is asked again when it is back.
        lookupd.greet = None
        lookupd.know_channels("back", "a")
        lookupd.release_channels()
        self.wait_registered(lookupd, ("before", ""), ("t", "c"))
        self.publish(server, "back", b"m")
        server.wait_channel("back", "a", depth=1)
        server.stop()

    def test_an_address_that_is_none_gets_into_no_request(self):
        lookupd = self.double(broadcast_address="127.0.0.1\r\nX-Mine: yes\r\n\r\n")
        server = self.start(*flags(lookupd))
        consumer = server.client().subscribe("t", "c", 1)
        self.publish(server, "t", b"m")
        self.assertEqual(consumer.read_message().body, b"m")
        self.assertEqual(lookupd.asked, [])
        self.assertIn("does not tell where its HTTP API is", server.log)
        server.stop()

    def test_a_topic_starts_when_the_answers_are_none(self):
        lookupd = self.double()
        server = self.start(*flags(lookupd))
        for number, answer in enumerate((b"", b"null", b"[]", b"{", b'{"channels":7}', b'{"channels":[1,{},"a b"]}',
                                         b"[" * 100_000, b"x" * (9 << 20), b'{"channels":["ok","x#ephemeral"]}')):
            with self.subTest(answer=answer[:20]):
                lookupd.channels_answer = answer
                consumer = server.client().subscribe(f"t{number}", "c", 1)
                self.publish(server, f"t{number}", b"m")
                self.assertEqual(consumer.read_message().body, b"m")
                names = [channel["channel_name"] for channel in server.topic(f"t{number}")["channels"]]
                self.assertEqual(names, ["c", "ok"] if b"ok" in answer else ["c"])
        server.stop()

    def test_answers_without_end(self):
        lookupd = self.double()
        lookupd.know_channels("well", "a")
        timeouts = ("--http-client-connect-timeout=200ms", "--http-client-request-timeout=300ms")
        server = self.start(*flags(lookupd), *timeouts)
        head = b"HTTP/1.1 200 OK\r\n"

        def drip(send):
            for byte in itertools.cycle(head + b"X: y\r\n" * 50):
                send(bytes((byte,)))
                time.sleep(0.05)

        def flood(before, what):
            def reply(send):
                send(before)
                while True:
                    send(what)
            return reply
        for name, reply in (("drip", drip), ("fields", flood(head, b"X: y\r\n" * 1000)),
                            ("field", flood(head + b"X: ", b"y" * 10000)),
                            ("status", flood(b"HTTP/1.1 200 ", b"y" * 10000)),
                            ("interim", flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
                            ("body", flood(head + b"\r\n", b" " * 10000)),
                            ("chunks", flood(head + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 1000))):
            with self.subTest(name=name):
                lookupd.channels_reply = reply
                before = len(lookupd.asked)
                consumers = [server.client().subscribe(f"{name}-{number}", "c", 1) for number in range(3)]
                for number, consumer in enumerate(consumers):
                    self.publish(server, f"{name}-{number}", b"m")
                    self.assertEqual(consumer.read_message().body, b"m")
                    consumer.close()
                self.assertGreater(len(lookupd.asked), before)
        self.assertLess(server.rss_bytes(), 500 << 20)
        # Whoever asked is not stuck.
        lookupd.channels_reply = None
        self.publish(server, "well", b"m")
        server.wait_channel("well", "a", depth=1)
        server.stop()

    def test_a_lookupd_that_does_not_say_where_its_http_is_is_not_asked(self):
        lookupd = self.double(tell_http=False)
        server = self.start(*flags(lookupd))
        consumer = server.client().subscribe("t", "c", 1)
        self.publish(server, "t", b"m")
        self.assertEqual(consumer.read_message().body, b"m")
        self.wait_registered(lookupd, ("t", "c"))
        self.assertEqual(lookupd.asked, [])
        server.stop()

    def test_killed_before_the_answers_are_there(self):
        holding = self.double()
        holding.hold_channels()
        server = self.start(*flags(holding))
        self.addCleanup(shutil.rmtree, server.data_path, ignore_errors=True)
        server.client().subscribe("t", "c")
        bodies = [b"%d" % number for number in range(100)]
        self.publish(server, "t", *bodies)
        self.publish(server, "lonely", *bodies)
        wait_until(lambda: holding.asked, "it is asked")
        self.assertEqual(server.topic("t")["depth"], 100)
        server.process.kill()
        server.wait()
        again = self.start(data_path=server.data_path)
        for topic in ("t", "lonely"):
            consumer = again.client().subscribe(topic, "c", 200)
            self.assertEqual([message.body for message in consumer.read_messages(100)], bodies)
        again.stop()

    def test_stops_at_once_whatever_is_waited_for(self):
        for what in ("connections", "answers", "channels"):
            with self.subTest(what=what):
                lookupd = self.double()
                if what == "connections":
                    lookupd.greet = lambda connection: connection.recv(1000) and threading.Event().wait(30)
                elif what == "answers":
                    lookupd.answer = silent
                else:
                    lookupd.hold_channels()
                server = self.start(*flags(*[lookupd] * 3), "--http-client-request-timeout=1h")
                self.publish(server, "t", b"m")
                wait_until(lambda: lookupd.asked if what == "channels" else lookupd.connections, "it waits")
                began = time.monotonic()
                server.stop()
                print(f"    waiting for {what}, stopped after {time.monotonic() - began:.2f} s", flush=True)

    def test_peers_that_wait_are_replaced_at_once(self):
        silent_one, holding, good = self.double(), self.double(), self.double()
        silent_one.answer = silent
        holding.hold_channels()
        server = self.start(*flags(silent_one, holding), "--http-client-request-timeout=1h")
        wait_until(lambda: holding.identified, "IDENTIFY")
        consumer = server.client().subscribe("t", "c", 1)
        self.publish(server, "t", b"m")
        wait_until(lambda: holding.asked, "it is asked")
        self.set_peers(server, good)
        # Whoever is not there any more is not waited for.
        self.assertEqual(consumer.read_message().body, b"m")
        self.wait_registered(good, ("t", "c"))
        wait_until(lambda: holding.connected() + silent_one.connected() == 0, "they are closed")
        server.stop()

    def test_nobody_there(self):
        lookupd = self.double()
        lookupd.close()
        server = self.start(*flags(lookupd))
        for number in range(100):
            consumer = server.client().subscribe(f"t{number}", "c", 1)
            self.publish(server, f"t{number}", b"m")
            self.assertEqual(consumer.read_message().body, b"m")
            consumer.close()
        lookupd = self.double(port=lookupd.port)
        self.wait_registered(lookupd, *((f"t{number}", "c") for number in range(100)))
        server.stop()

    def test_host_names(self):
        lookupd = self.double()
        server = self.start("--broadcast-address=127.0.0.1", f"--lookupd-tcp-address=localhost:{lookupd.port}",
                            "--lookupd-tcp-address=no.such.host.invalid:4160")
        self.publish(server, "t", b"m")
        self.wait_registered(lookupd, ("t", ""))
        server.stop()


class Options(LookupCase):
    def test_bad_addresses(self):
        for address in ("nonsense", "a:0", "a:x", "a:70000", "a:b:1", ""):
            with self.subTest(address=address):
                code, _, stderr = run_to_exit(f"--lookupd-tcp-address={address}")
                self.assertEqual(code, 2, stderr)
                self.assertIn("option --lookupd-tcp-address:", stderr)

    def test_changed_at_run_time(self):
        server = self.start()
        web = server.web()
        self.assertEqual(web.json("GET", OPTION), [])
        self.assertEqual(web.json("GET", "/config/http_client_connect_timeout"), 2_000_000_000)
        self.assertEqual(web.json("GET", "/config/http_client_request_timeout"), 5_000_000_000)
        lookupd = self.double()
        self.set_peers(server, lookupd)
        for body in (b"nonsense", b'"127.0.0.1:1"', b"{}", b"[1]", b'["127.0.0.1:1", "x"]', b'["127.0.0.1:1"] x', b'[""]',
                     b"[" * 100_000):
            with self.subTest(body=body[:20]):
                reply = web.put(OPTION, body)
                self.assertEqual((reply.status, reply.body), (400, b'{"message":"INVALID_VALUE"}'))
                self.assertEqual(web.json("GET", OPTION), [lookupd.address])
        # No other change disturbs the connection.
        self.assertEqual(web.put("/config/log_level", b"debug").status, 200)
        wait_until(lambda: lookupd.identified, "IDENTIFY")
        self.set_peers(server, lookupd)
        self.assertEqual(lookupd.connections, 1)
        server.stop()


if __name__ == "__main__":
    if not stock_lookupd():
        print("SKIPPED: Stock needs a real nsqlookupd: STOCK_NSQLOOKUPD=/path/to/nsqlookupd", flush=True)
        del Stock
    main()
