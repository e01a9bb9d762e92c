"""Power cuts under --durability=power: what was acknowledged is there, whatever became of what was not synced.

One run of the server gives many power cuts: at its end and at moments in between, each with its own luck. See
tests/support/faultfs/README.md for what a power cut does to the disk. `--long`: more of them, and longer runs."""

import filecmp
import itertools
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from faultfs import available, build_image  # noqa: E402
from faultfs.power_cut import EVERYTHING, NOTHING  # noqa: E402
from nsqtest import (ERROR, OK, WAYS, Closed, Publisher, drain, key_of, main, make_body, mpub, pub, take_flag,  # noqa: E402
                     wait_until)
from nsqtest.power import PowerCase  # noqa: E402

LONG = take_flag("--long")
IMAGES = 100 if LONG else 10
ACKNOWLEDGED = 20000 if LONG else 2000
TOPICS = [f"t{number}" for number in range(4)]


class Load(PowerCase):
    """Publishers of all kinds while channels are made and one of them is consumed."""

    def setUp(self):
        super().setUp()
        self.channels = {}  # (topic, channel): the time and the position in the journal when it was there
        self.finished = []

    def topics(self, way):
        """Mostly old topics, and every 20th time a new one."""
        for number in itertools.count(1):
            yield f"{way.strip('/').lower()}-{number}" if number % 20 == 0 else self.random.choice(TOPICS)

    def run_load(self, server, until):
        """Publishes until `until` messages more are acknowledged, and kills the server."""
        end = len(self.acknowledged) + until
        publishers = [Publisher(server, way, f"{way}{len(self.acknowledged)}", self.topics(way), self.acknowledged)
                      for way in WAYS]
        consumer = threading.Thread(target=self.consume, args=(server,))
        for topic in TOPICS:
            self.make_channel(server, topic, "early").close()
        for thread in publishers:
            thread.start()
        wait_until(lambda: len(self.acknowledged) > end - until // 2, "the first half of the messages", 300)
        consumer.start()
        wait_until(lambda: len(self.acknowledged) > end, "the second half of the messages", 300)
        server.kill()
        for thread in publishers + [consumer]:
            thread.join()

    def make_channel(self, server, topic, channel):
        # Where syncs fail it is refused, as a publish is: then it is asked for again.
        client = None
        while client is None:
            asking = server.client()
            asking.send(f"SUB {topic} {channel}\n".encode())
            if asking.read_frame() == OK:
                client = asking
            else:
                asking.close()
        self.channels.setdefault((topic, channel), (time.monotonic(), self.faults.recorded()))
        return client

    def consume(self, server):
        """Makes the channels `late` and finishes every second message of one of them until the server is gone."""
        try:
            for topic in TOPICS[1:]:
                self.make_channel(server, topic, "late").close()
            client = self.make_channel(server, TOPICS[0], "late")
            client.ready(50)
            while True:
                message = client.read_message()
                if hash(message.id) % 2:
                    self.finished.append(key_of(message.body))
                    client.fin(message)
                else:
                    client.req(message, 20)
        except (Closed, OSError):
            pass

    def check(self, seed, until):
        with self.restarted(seed, until) as server:
            for (topic, channel), (since, made) in self.channels.items():
                if made <= until:
                    self.check_channel(server, topic, channel, 0 if channel == "early" else since, until)
            for topic in {publish.topic for publish in self.acknowledged.publishes} - set(TOPICS):
                self.check_channel(server, topic, "first", 0, until)

    def check_channel(self, server, topic, channel, since, until):
        expected = self.acknowledged.keys(topic, since, lambda publish: publish.mark <= until)
        self.assert_none_lost(server, topic, channel, expected, self.finished if channel == "late" else ())

    def test_one_run(self):
        server = self.start()
        self.run_load(server, ACKNOWLEDGED)
        for seed, until in self.cuts(0, IMAGES):
            self.check(seed, until)

    def test_a_kill_before_the_power_cut(self):
        """What the first server wrote and did not sync is read, but not yet durable, when the second one starts."""
        self.run_load(self.start(), ACKNOWLEDGED // 4)
        killed_at = self.faults.recorded()
        self.run_load(self.start(), ACKNOWLEDGED // 4)
        for seed, until in self.cuts(killed_at, IMAGES // 2):
            self.check(seed, until)

    def test_failing_syncs(self):
        """After a failed sync the kernel forgets what it had to write: a second one says nothing of it."""
        server = self.start()
        switching = threading.Thread(target=self.switch, args=(server, "sync EIO every=7"))
        switching.start()
        self.run_load(server, ACKNOWLEDGED // 2)
        switching.join()
        for seed, until in self.cuts(0, IMAGES // 2):
            self.check(seed, until)

    def switch(self, server, rule):
        """Turns `rule` on and off, as publishes go on, until the server is gone."""
        for number in itertools.count(1):
            self.faults.set(*([rule] if number % 2 else []))
            seen = self.faults.recorded()
            wait_until(lambda: self.faults.recorded() > seen + 50000 or not server.alive(), "the load goes on", 300)
            if not server.alive():
                return

    def test_the_journal_is_complete(self):
        """The shim sees all that the server does to its files, or the other tests would mean nothing."""
        server = self.start()
        publishers = [Publisher(server, way, way, self.topics(way), self.acknowledged) for way in WAYS]
        for thread in publishers:
            thread.start()
        wait_until(lambda: len(self.acknowledged) > 500, "some messages", 300)
        for thread in publishers:
            thread.stop()
        server.stop()
        image = os.path.join(self.directory, "image")
        build_image(self.faults.journal, image, EVERYTHING)
        self.assert_same_tree(self.data_path, image)

    def assert_same_tree(self, one, other):
        compared = filecmp.dircmp(one, other)
        self.assertFalse(compared.left_only + compared.right_only, one)
        _, different, unreadable = filecmp.cmpfiles(one, other, compared.common_files, shallow=False)
        self.assertFalse(different + unreadable, one)
        for name in compared.common_dirs:
            self.assert_same_tree(os.path.join(one, name), os.path.join(other, name))


class Moments(PowerCase):
    """Power cuts right after an OK."""

    def test_the_first_burst(self):
        """The stock nsqd loses it whole: its metadata file does not exist before the first sync."""
        server = self.start()
        client = server.client()
        keys = [f"burst-{number}" for number in range(1000)]
        sent = time.monotonic()
        client.send(b"".join(pub("burst", make_body(key)) for key in keys))
        for key in keys:
            self.assertEqual(client.read_frame(), OK)
            self.acknowledged.add("burst", [key], sent)
        server.kill()
        client.close()
        moments = [self.acknowledged.publishes[number].mark for number in (0, 1, 499, 999)]
        for seed, until in list(self.cuts(0, IMAGES // 2)) + [(NOTHING, moment) for moment in moments]:
            with self.restarted(seed, until) as restarted:
                expected = self.acknowledged.keys("burst", 0, lambda publish: publish.mark <= until)
                self.assert_none_lost(restarted, "burst", "c", expected)

    def test_the_state_is_written_anew(self):
        """When it has become long: the new file is on the disk before it takes the old one's place."""
        server = self.start()
        web = server.web()
        web.do("topic/create", "t")
        client = server.client().subscribe("t", "c", 2500)
        state = os.path.join(self.data_path, "topics", "t", "state")
        first = os.stat(state).st_ino
        publisher = server.client()
        publisher.command(mpub("t", [make_body(f"key-{number}") for number in range(2500)]))
        messages = client.read_messages(2500)
        web.do("topic/pause", "t")
        for message in messages:
            client.req(message, 600000)
        server.wait_channel("t", "c", deferred_count=2500)
        for _ in range(20):
            if os.stat(state).st_ino != first:
                break
            # Something that changes the state, and is seen to be saved.
            size = os.stat(state).st_size
            publisher.command(pub("t", make_body(f"more-{size}")))
            wait_until(lambda size=size: os.stat(state).st_size != size, "the state is saved")
        self.assertNotEqual(os.stat(state).st_ino, first, "the state was not written anew")
        publisher.command(pub("t", make_body("last")))  # syncs the directory, too
        until = self.faults.recorded()
        server.kill()
        for seed in range(IMAGES):
            with self.restarted(seed, until) as restarted:
                self.assertTrue(restarted.topic("t")["paused"])

    def test_what_the_http_api_made(self):
        server = self.start()
        web = server.web()
        for topic in ("plain", "gone", "paused"):
            web.do("topic/create", topic)
        for channel in ("plain", "gone", "paused"):
            web.do("channel/create", "plain", channel)
            web.publish("plain", make_body(f"before-{channel}"))
        web.do("topic/pause", "paused")
        web.do("channel/pause", "plain", "paused")
        web.do("channel/delete", "plain", "gone")
        web.do("channel/empty", "plain", "plain")
        web.do("topic/delete", "gone")  # last: what syncs a topic's names would sync that it is gone
        server.kill()
        for seed in range(IMAGES):
            with self.restarted(seed, self.faults.recorded()) as restarted:
                topics = {topic["topic_name"]: topic for topic in restarted.stats()["topics"]}
                self.assertEqual({name: topic["paused"] for name, topic in topics.items()},
                                 {"plain": False, "paused": True})
                self.assertEqual({c["channel_name"]: (c["paused"], c["depth"]) for c in topics["plain"]["channels"]},
                                 {"plain": (False, 0), "paused": (True, 1)})


class FailingSyncs(PowerCase):
    """What is answered while syncs fail, or last, is true."""

    def setUp(self):
        super().setUp()
        self.server = self.start()
        self.web = self.server.web()
        self.web.do("topic/create", "t")
        self.web.do("channel/create", "t", "c")

    def clients(self, count):
        """Connections that the server has begun to serve."""
        clients = [self.server.client() for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
            client.identify()
        return clients

    def wait_healthy(self):
        wait_until(lambda: self.web.get("/ping").body == b"OK", "/ping is OK again")

    def assert_there_after_a_cut(self, keys):
        until = self.faults.recorded()
        self.server.kill()
        with self.restarted(NOTHING, until) as restarted:
            self.assert_none_lost(restarted, "t", "c", set(keys))

    def test_the_header_is_lost_and_the_next_write_fails(self):
        with self.faults.on("sync EIO"):
            self.assertEqual(self.web.post("/pub?topic=t", make_body("unsynced", 20000)).status, 500)
        with self.faults.on("write ENOSPC"):
            self.assertEqual(self.web.post("/pub?topic=t", make_body("unwritten")).status, 500)
        self.wait_healthy()
        self.web.publish("t", make_body("acknowledged"))
        self.assert_there_after_a_cut(["acknowledged"])

    def test_published_while_a_sync_fails(self):
        """A later sync cannot make good what the failed one lost, such as the file's header."""
        first, second = self.clients(2)
        self.faults.set("sync HOLD", "sync EIO")
        first.send(pub("t", make_body("first", 20000)))
        wait_until(self.faults.is_holding, "the first one is being synced")
        before = self.faults.recorded()
        second.send(pub("t", make_body("second", 1000)))
        wait_until(lambda: self.faults.recorded() > before + 1000, "the second one is written")
        self.faults.clear()
        for client in (first, second):
            self.assertEqual(client.read_frame().type, ERROR)
        self.wait_healthy()
        self.web.publish("t", make_body("third"))
        self.assert_there_after_a_cut(["third"])

    def test_many_failures_during_one_sync(self):
        self.web.publish("t", make_body("before"))  # it makes the file
        for action in ("pause", "unpause"):  # all is saved then
            self.web.do(f"topic/{action}", "t")
        clients = self.clients(160)
        # A sync of the file of messages: others can be waited for by all.
        self.faults.set("sync HOLD times=1", "write ENOSPC every=2")
        for number, client in enumerate(clients):
            client.send(pub("t", make_body(str(number))))
            if number == 0:
                wait_until(self.faults.is_holding, "the first one is being synced")
            self.web.get("/stats?format=json")  # so that each is written for itself
        self.faults.clear()
        acknowledged = {str(number) for number, client in enumerate(clients) if client.read_frame() == OK}
        self.assert_none_lost(self.server, "t", "c", acknowledged)
        self.assertGreater(len(clients) - len(acknowledged), 64, "so many failures are remembered apart")

    def test_the_state_is_replaced_during_a_sync(self):
        """The name is part of what has to be on the disk."""
        path = os.path.join(self.data_path, "topics", "t", "state")
        consumer = self.server.client().subscribe("t", "c", 200)
        client = self.server.client()
        client.command(mpub("t", [b"x"] * 200))
        self.web.do("channel/create", "t", "d")
        self.faults.set("look HOLD")
        answers = []
        pausing = threading.Thread(target=lambda: answers.append(self.web.post("/channel/pause?topic=t&channel=d")))
        pausing.start()
        wait_until(self.faults.is_holding, "the state is about to be synced")
        before = os.stat(path).st_ino

        def replaced():
            """Gives messages back until the changes are too many for the old file."""
            while not consumer.nothing_to_read():
                consumer.req(consumer.read_message(), 1)
            return os.stat(path).st_ino != before
        wait_until(replaced, "the state is written anew")
        self.faults.clear()
        pausing.join()
        self.assertEqual(answers[0].status, 200)
        until = self.faults.recorded()
        self.server.kill()
        with self.restarted(NOTHING, until) as restarted:
            self.assertTrue(restarted.channel("t", "d")["paused"])

    def test_administration_is_refused(self):
        self.web.publish("t", make_body("kept"))
        actions = ["topic/pause?topic=t", "channel/create?topic=t&channel=d", "channel/pause?topic=t&channel=c",
                   "channel/empty?topic=t&channel=c"]
        with self.faults.on("sync EIO"):
            for action in actions:
                reply = self.web.post("/" + action)
                self.assertEqual((action, reply.status), (action, 500))
                self.assertIn(b"cannot be synced: Input/output error", reply.body)
        self.wait_healthy()
        for action in actions:
            self.assertEqual(self.web.post("/" + action).status, 200, action)
        until = self.faults.recorded()
        self.server.kill()
        with self.restarted(NOTHING, until) as restarted:
            topic = restarted.topic("t")
            self.assertTrue(topic["paused"])
            self.assertEqual({c["channel_name"]: (c["paused"], c["depth"]) for c in topic["channels"]},
                             {"c": (True, 0), "d": (False, 0)})


if __name__ == "__main__":
    if not available():
        print("SKIPPED: FAULTFS does not name libfaultfs.so (there is none in sanitizer builds)")
        sys.exit(77)
    main()
