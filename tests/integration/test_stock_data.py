"""From a stock nsqd's data directory to ours, and back.

The stock files are written here byte by byte. With STOCK_NSQD=/path/to/nsqd a real one writes and reads them as well."""

import os
import random
import shutil
import sys
import tempfile
import time
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from faultfs import Faults, available, build_image  # noqa: E402
from faultfs.journal import Kind, read_journal  # noqa: E402
from faultfs.power_cut import EVERYTHING, NOTHING  # noqa: E402
from nsqtest import Server, dpub, main, mpub, run_to_exit, wait_until  # noqa: E402
from nsqtest.damage import files_below  # noqa: E402
from nsqtest.stock_files import (data_file, meta_file, queue_files, read_metadata, read_queue, record,  # noqa: E402
                                 stock_message, write, write_metadata, write_queue)

INTERRUPTED = "undone what was taken over before an interruption"


def numbered(prefix, count, attempts=0, size=0):
    return [stock_message(b"%s-%d|" % (prefix, number) + b"x" * size, attempts, number) for number in range(count)]


def bodies(messages):
    return [message.body for message in messages]


def shown(body):
    """What tells it from others, short."""
    return body if len(body) < 50 else (body[:20], len(body), hash(body))


class StockDataCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="nsqd-stock-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data_path = self.path("data")
        os.mkdir(self.data_path)

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self, *flags, data_path=None, **kwargs):
        server = Server(*flags, data_path=data_path or self.data_path, **kwargs)
        self.addCleanup(server.kill)
        return server

    def drain(self, server, topic, channel):
        """Finishes all that the channel has, which must exist. Returns the messages in their order."""
        self.assertIsNotNone(server.channel(topic, channel), (topic, channel))
        client = server.client().subscribe(topic, channel, 2500)
        messages = []

        def empty():
            while not client.nothing_to_read():
                messages.append(client.read_message())
                client.fin(messages[-1])
            stats = server.channel(topic, channel)
            waiting = any(stats[key] for key in ("depth", "in_flight_count", "deferred_count"))
            return not waiting and client.nothing_to_read()
        wait_until(empty, f"{topic}:{channel} is empty", 300)
        client.close()
        return messages

    def assert_channel(self, server, topic, channel, expected):
        """It has exactly these stock messages, in this order, with what they bring along."""
        got = self.drain(server, topic, channel)
        self.assertEqual([(shown(m.body), m.timestamp, m.attempts) for m in got],
                         [(shown(m.body), m.timestamp, m.attempts + 1) for m in expected])
        self.assertEqual(len({message.id for message in got}), len(got))


class TakeOver(StockDataCase):
    def test_channels_get_their_own_queues_and_the_topics(self):
        a, b, own = numbered(b"a", 30, attempts=2), numbered(b"b", 20), numbered(b"own", 10)
        write_metadata(self.data_path, {"t": (False, {"a": False, "b": True, "c": False})})
        write_queue(self.data_path, "t:a", a)
        write_queue(self.data_path, "t:b", b)
        write_queue(self.data_path, "t", own)
        server = self.start()
        self.assertIn("TOPIC(t): taking over 3 queues of a stock nsqd", server.log)
        self.assertIn("TOPIC(t): took over 60 messages", server.log)
        self.assertEqual(queue_files(self.data_path), [])
        self.assertTrue(server.channel("t", "b")["paused"])
        server.web().do("channel/unpause", "t", "b")
        self.assert_channel(server, "t", "a", a + own)
        self.assert_channel(server, "t", "b", b + own)
        self.assert_channel(server, "t", "c", own)
        server.stop()

    def test_what_was_taken_over_is_there_after_a_kill(self):
        a, own = numbered(b"a", 300), numbered(b"own", 100)
        for durability in ("memory", "crash", "power"):
            with self.subTest(durability=durability):
                write_metadata(self.data_path, {durability: (False, {"a": False, "b": False})})
                write_queue(self.data_path, f"{durability}:a", a)
                write_queue(self.data_path, durability, own)
                self.start(f"--durability={durability}").kill()
                server = self.start(f"--durability={durability}")
                self.assert_channel(server, durability, "a", a + own)
                self.assert_channel(server, durability, "b", own)
                server.stop()

    def test_reading_begins_in_the_middle_of_a_file(self):
        messages = numbered(b"m", 95)
        write_queue(self.data_path, "t:c", messages, finished=37, per_file=10, first_file=999_998)
        self.assertIn("t:c.diskqueue.1000001.dat", queue_files(self.data_path))
        server = self.start()
        self.assertNotIn("WARN", server.log)
        self.assert_channel(server, "t", "c", messages[37:])
        self.assertEqual(queue_files(self.data_path), [])
        server.stop()

    def test_what_the_meta_file_does_not_know_yet(self):
        messages = numbered(b"m", 25)
        write_queue(self.data_path, "t:c", messages, finished=3, per_file=10, unnoted=12)
        write_queue(self.data_path, "u:c", messages, per_file=10)
        os.remove(meta_file(self.data_path, "u:c"))
        with open(data_file(self.data_path, "u:c", 2), "ab") as file:
            file.write(record(messages[0])[:20])  # torn
        server = self.start()
        self.assertIn("of them 12 behind what stock had noted", server.log)
        self.assert_channel(server, "t", "c", messages[3:])
        self.assert_channel(server, "u", "c", messages)
        self.assertEqual(queue_files(self.data_path), [])
        server.stop()

    def test_damaged_files_are_set_aside_and_bad_ones_left_alone(self):
        messages = numbered(b"m", 30)
        write_queue(self.data_path, "t:c", messages, per_file=10)
        damaged = b"".join(map(record, messages[10:14])) + b"\x7f" * 500
        write(data_file(self.data_path, "t:c", 1), damaged)
        write(data_file(self.data_path, "t:c", 0) + ".bad", b"from before")
        server = self.start()
        self.assertRegex(server.log, r"WARN.*t:c\.diskqueue\.000001\.dat: byte \d+")
        self.assert_channel(server, "t", "c", messages[:14] + messages[20:])
        self.assertEqual(queue_files(self.data_path),
                         ["t:c.diskqueue.000000.dat.bad", "t:c.diskqueue.000001.dat.bad"])
        for number, content in enumerate((b"from before", damaged)):
            with open(data_file(self.data_path, "t:c", number) + ".bad", "rb") as file:
                self.assertEqual(file.read(), content)
        server.stop()

    def test_a_paused_topic(self):
        """Its channels have what stock had given them; the rest waits."""
        a, own = numbered(b"a", 20), numbered(b"own", 10)
        write_metadata(self.data_path, {"t": (True, {"a": False, "b": False})})
        write_queue(self.data_path, "t:a", a)
        write_queue(self.data_path, "t", own)
        server = self.start()
        self.assertEqual((server.topic("t")["paused"], server.topic("t")["depth"]), (True, 10))
        self.assert_channel(server, "t", "a", a)
        self.assertEqual(server.channel("t", "b")["depth"], 0)
        server.stop()
        server = self.start()
        server.web().do("topic/unpause", "t")
        self.assert_channel(server, "t", "a", own)
        self.assert_channel(server, "t", "b", own)
        server.stop()

    def test_a_topic_without_channels_keeps_its_messages(self):
        own = numbered(b"own", 10)
        write_queue(self.data_path, "t", own)
        server = self.start()
        self.assertEqual(server.topic("t")["depth"], 10)
        server.web().do("channel/create", "t", "late")
        self.assert_channel(server, "t", "late", own)
        server.stop()

    def test_drained_queues_go_silently(self):
        write_metadata(self.data_path, {"t": (False, {"c": False})})
        for queue in ("t", "t:c", "t:deleted", "forgotten"):
            write_queue(self.data_path, queue, numbered(b"m", 5), finished=5)
        write_queue(self.data_path, "t:never", [])
        server = self.start()
        self.assertEqual(queue_files(self.data_path), [])
        self.assertNotIn("WARN", server.log)
        self.assertNotIn("taking over", server.log)
        self.assertEqual([t["topic_name"] for t in server.stats()["topics"]], ["t"])
        self.assertEqual([c["channel_name"] for c in server.topic("t")["channels"]], ["c"])
        server.stop()

    def test_ephemeral_queues_are_left_alone(self):
        write_queue(self.data_path, "t:c#ephemeral", numbered(b"m", 5))
        server = self.start()
        self.assertIsNone(server.topic("t"))
        server.stop()
        self.assertEqual(len(queue_files(self.data_path)), 2)

    def test_into_a_topic_of_our_own(self):
        """A stock nsqd has run in between."""
        server = self.start()
        for channel in ("a", "b"):
            server.web().do("topic/create", "t")
            server.web().do("channel/create", "t", channel)
        for number in range(5):
            server.web().publish("t", b"ours-%d" % number)
        server.stop()
        b, own = numbered(b"b", 20), numbered(b"own", 10)
        write_queue(self.data_path, "t:b", b)
        write_queue(self.data_path, "t", own)
        server = self.start()
        ours = [b"ours-%d" % number for number in range(5)]
        self.assertEqual(bodies(self.drain(server, "t", "a")), ours + bodies(own))
        self.assertEqual(bodies(self.drain(server, "t", "b")), ours + bodies(b + own))
        server.stop()

    def test_messages_go_on_counting_attempts(self):
        write_queue(self.data_path, "t:c", numbered(b"m", 1, attempts=7))
        server = self.start()
        client = server.client().subscribe("t", "c", 1)
        for attempts in (8, 9):
            message = client.read_message()
            self.assertEqual(message.attempts, attempts)
            client.req(message, 0)
        self.assertEqual(client.read_message().attempts, 10)
        client.close()
        server.stop()
        server = self.start()
        self.assertEqual([m.attempts for m in self.drain(server, "t", "c")], [11])
        server.stop()

    def test_an_error_stops_the_start_and_loses_nothing(self):
        """A data file that cannot be read is no damaged one."""
        messages = numbered(b"m", 50)
        write_queue(self.data_path, "t:c", messages, per_file=20)
        write_queue(self.data_path, "a:c", messages)
        unreadable = data_file(self.data_path, "t:c", 1)
        os.rename(unreadable, unreadable + ".kept")
        os.symlink(unreadable, unreadable + ".loop")
        os.rename(unreadable + ".loop", unreadable)
        code, _, stderr = run_to_exit(f"--data-path={self.data_path}", "--tcp-address=127.0.0.1:0",
                                      "--http-address=127.0.0.1:0")
        self.assertEqual(code, 4, stderr)
        self.assertIn(unreadable, stderr)
        self.assertNotIn("listening on", stderr)
        os.rename(unreadable + ".kept", unreadable)
        server = self.start()
        self.assert_channel(server, "t", "c", messages)
        self.assert_channel(server, "a", "c", messages)
        server.stop()


class Interrupted(StockDataCase):
    """Nothing is lost, and nothing comes twice on any channel."""

    CHANNELS = ("a", "b", "c")

    def write_stock(self, topics, count, size):
        """Each topic has queues of two of its three channels, and one of its own. Returns what the channels are to
        get: {(topic, channel): [message]}."""
        expected = {}
        write_metadata(self.data_path, {topic: (False, dict.fromkeys(self.CHANNELS, False)) for topic in topics})
        for topic in topics:
            own = numbered(topic.encode() + b"-own", count, size=size)
            write_queue(self.data_path, topic, own, per_file=count // 3)
            for channel in self.CHANNELS:
                its = numbered(f"{topic}-{channel}".encode(), count, 1, size) if channel != "c" else []
                if its:
                    write_queue(self.data_path, f"{topic}:{channel}", its, per_file=count // 2)
                expected[topic, channel] = its + own
        return expected

    def assert_all(self, server, expected):
        for (topic, channel), messages in expected.items():
            self.assert_channel(server, topic, channel, messages)
        self.assertEqual(queue_files(self.data_path), [])

    def test_kills_at_random_moments(self):
        """Before, in, between and after the take-overs of three topics."""
        for round_number in range(4):
            expected = self.write_stock([f"{name}{round_number}" for name in "tuv"], 6000, 500)
            for _ in range(6):
                server = self.start("--durability=" + ("crash", "memory")[round_number % 2], ready=False)
                time.sleep(random.uniform(0, 0.5))  # the moment is to be any
                server.kill()
            server = self.start()
            self.assert_all(server, expected)
            server.stop()

    def test_kills_in_the_middle(self):
        """Each one after another file has been begun."""
        expected = self.write_stock(["t"], 6000, 2000)
        for files in range(1, 6):
            server = self.start("--max-bytes-per-file=1000000", ready=False)
            log = os.path.join(self.data_path, "topics", "t")
            wait_until(lambda: os.path.isdir(log) and not server.log.count("took over") and
                       sum(name.endswith(".log") for name in os.listdir(log)) > files, f"{files} files are full")
            server.kill()
            self.assertTrue(os.path.exists(os.path.join(log, "import")))
        server = self.start("--max-bytes-per-file=1000000")
        self.assertIn(INTERRUPTED, server.log)
        self.assert_all(server, expected)
        server.stop()


class EveryMoment(Interrupted):
    """The disk as a kill or a power cut leaves it after each single change."""

    test_kills_at_random_moments = test_kills_in_the_middle = None

    def test_every_moment(self):
        expected = self.write_stock(["t", "u"], 6, 10)
        write_queue(self.data_path, "t:drained", numbered(b"d", 5), finished=5)
        write(data_file(self.data_path, "t:a", 2), b"damaged")
        with open(meta_file(self.data_path, "t:a"), "wb") as file:
            file.write(b"6\n0,0\n2,7\n")
        faults = Faults(self.data_path, record=True)
        self.addCleanup(faults.close)
        self.start(environment=faults.environment).kill()
        changes = [r.position for r in read_journal(faults.journal) if r.kind >= Kind.CREATE]
        positions = changes + [faults.recorded()]
        self.assertGreater(len(positions), 60)
        undone = 0
        for position in positions:
            for seed in (NOTHING, EVERYTHING, position):
                undone += self.check(faults.journal, seed, position, expected)
        self.assertGreater(undone, 10)

    def check(self, journal, seed, until, expected):
        """Whether there was something to undo."""
        image = tempfile.mkdtemp(prefix="image-", dir=self.directory) + "/data"
        undone = False
        with self.subTest(seed=seed, until=until):
            build_image(journal, image, seed, until)
            server = self.start(data_path=image)
            try:
                undone = INTERRUPTED in server.log
                for (topic, channel), messages in expected.items():
                    self.assert_channel(server, topic, channel, messages)
                server.stop()
            finally:
                server.kill()
            self.assertLessEqual(set(queue_files(image)), {"t:a.diskqueue.000002.dat.bad"})
        shutil.rmtree(image, ignore_errors=True)
        return undone


@unittest.skipUnless(available(), "FAULTFS does not name libfaultfs.so (there is none in sanitizer builds)")
class CutAfterAKill(StockDataCase):
    """What a server finds is not for certain what is on the disk."""

    def setUp(self):
        super().setUp()
        self.faults = Faults(self.data_path, record=True)
        self.addCleanup(self.faults.close)

    def check_cuts(self, begin, check):
        """Checks servers on what cuts leave, from the position `begin` of the journal on."""
        positions = [record.position for record in read_journal(self.faults.journal)] + [self.faults.recorded()]
        for position in filter(lambda position: position > begin, positions):
            for seed in (NOTHING, 3, 5):
                image = tempfile.mkdtemp(prefix="image-", dir=self.directory) + "/data"
                with self.subTest(seed=seed, until=position):
                    build_image(self.faults.journal, image, seed, position)
                    server = self.start(data_path=image)
                    check(server)
                    server.stop()

    def test_an_import_that_is_done_is_not_undone(self):
        write_metadata(self.data_path, {"t": (False, {"c": False})})
        messages = numbered(b"m", 5)
        write_queue(self.data_path, "t:c", messages)
        done = os.path.join(self.data_path, "topics", "t", "imported")
        self.faults.set("sync HOLD")
        server = self.start(environment=self.faults.environment, ready=False)
        wait_until(self.faults.is_holding, "the first sync")
        while not os.path.exists(done):
            self.faults.set("sync HOLD")  # lets one pass
            wait_until(self.faults.is_holding, "the next sync")
        begin = self.faults.recorded()
        server.kill()
        self.faults.clear()
        self.start(environment=self.faults.environment).kill()
        self.check_cuts(begin, lambda server: self.assert_channel(server, "t", "c", messages))

    def metadata_is_synced(self):
        records = iter(list(read_journal(self.faults.journal)))
        replaced = any(record.kind == Kind.RENAME and record.data == b"nsqd.dat" for record in records)
        return replaced and any(record.kind == Kind.SYNC for record in records)

    def test_what_the_metadata_names_stays(self):
        """Topics and channels without messages, once our nsqd.dat has taken the place of the other."""
        topics = {"t": (True, {"a": False, "b": True}), "u": (False, {})}
        write_metadata(self.data_path, topics)
        server = self.start("--durability=power", environment=self.faults.environment)
        wait_until(self.metadata_is_synced, "our metadata is on the disk")
        server.kill()

        def check(cut):
            found = {topic["topic_name"]: (topic["paused"], {channel["channel_name"]: channel["paused"]
                                                            for channel in topic["channels"]})
                     for topic in cut.stats()["topics"]}
            self.assertEqual(found, topics)
        begin = next(record.position for record in read_journal(self.faults.journal) if record.kind >= Kind.CREATE)
        self.check_cuts(begin, check)


class Export(StockDataCase):
    def export(self, *flags, directory=None):
        """Runs the program. Returns (exit code, stdout, stderr)."""
        return run_to_exit(f"--data-path={self.data_path}", f"--export-diskqueue={directory or self.path('stock')}",
                           *flags)

    def export_well(self, *flags, directory=None):
        code, stdout, stderr = self.export(*flags, directory=directory)
        self.assertEqual(code, 0, stderr)
        self.assertEqual(stdout.count("\n"), 1, stdout)
        return stdout

    def assert_refused(self, code, *said, directory=None):
        got, stdout, stderr = self.export(directory=directory)
        self.assertEqual((got, stdout), (code, ""), stderr)
        for words in said:
            self.assertIn(words, stderr)
        self.assertEqual(stderr.count("\n"), 1, stderr)

    def fill(self):
        """A channel with messages of all kinds and one with a gap, a topic that is paused, one without channels."""
        server = self.start("--node-id=5")
        web = server.web()
        for channel in ("mixed", "late"):
            web.do("topic/create", "t")
            web.do("channel/create", "t", channel)
        client = server.client()
        client.command(mpub("t", [b"%d" % number for number in range(10)]))
        client.command(dpub("t", 600_000, b"deferred"))
        server.wait_channel("t", "mixed", depth=10, deferred_count=1)
        consumer = server.client().subscribe("t", "mixed", 5)
        held = consumer.read_messages(5)
        consumer.ready(0)
        consumer.fin(held[0])
        consumer.req(held[1], 0)
        consumer.req(held[2], 600_000)
        server.wait_channel("t", "mixed", in_flight_count=2, depth=6, deferred_count=2)
        self.held = held
        consumer.close()
        web.do("channel/pause", "t", "late")
        web.do("channel/empty", "t", "late")
        web.do("topic/pause", "t")
        client.command(mpub("t", [b"waiting"]))
        client.command(dpub("t", 600_000, b"waiting and deferred"))
        client.command(mpub("lonely", [b"x" * 100] * 100))
        wait_until(lambda: server.topic("t")["depth"] == 2 and server.topic("lonely")["depth"] == 100, "all is there")
        client.close()
        return server

    def test_the_files_byte_by_byte(self):
        self.fill().stop()
        before = files_below(self.data_path)
        summary = self.export_well("--max-bytes-per-file=1000")
        self.assertEqual(files_below(self.data_path), before)
        self.assertIn("exported 2 topics, 2 channels and 112 messages", summary)
        self.assertIn(", 3 of them deferred", summary)
        stock = self.path("stock")
        self.assertEqual(read_metadata(stock), {"lonely": (False, {}), "t": (True, {"late": True, "mixed": False})})
        (mixed,) = read_queue(stock, "t:mixed")
        attempts = {message.body: message.attempts for message in mixed}
        held = {message.body for message in self.held}
        self.assertEqual(attempts, {b"%d" % number: int(b"%d" % number in held) for number in range(10)
                                    if b"%d" % number != self.held[0].body} | {b"deferred": 0})
        identities = {message.body: message.id for message in mixed}
        for message in self.held[1:]:
            self.assertEqual(identities[message.body], message.id)
        for message in mixed:
            self.assertEqual(int(message.id, 16) >> 54, 5)
            self.assertLess(abs(message.timestamp / 1e9 - time.time()), 3600)
        self.assertEqual(bodies(sum(read_queue(stock, "t"), [])), [b"waiting", b"waiting and deferred"])
        lonely = read_queue(stock, "lonely")
        self.assertEqual([len(file) for file in lonely], [7] * 14 + [2])  # of 130 bytes each
        names = {f"lonely.diskqueue.{number:06d}.dat" for number in range(15)} | {"lonely.diskqueue.meta.dat"}
        names |= {f"{queue}.diskqueue.{kind}.dat" for queue in ("t", "t:mixed") for kind in ("000000", "meta")}
        self.assertEqual(set(os.listdir(stock)), names | {"nsqd.dat"})

    def test_after_a_kill(self):
        self.fill().kill()
        self.export_well()
        self.assertEqual(len(sum(read_queue(self.path("stock"), "lonely"), [])), 100)
        self.assertEqual(bodies(sum(read_queue(self.path("stock"), "t"), [])), [b"waiting", b"waiting and deferred"])

    def test_there_and_back(self):
        a, b, own = numbered(b"a", 300, attempts=3), numbered(b"b", 50), numbered(b"own", 100)
        write_metadata(self.data_path, {"t": (False, {"a": False, "b": True, "c": False})})
        for queue, messages in (("t:a", a), ("t:b", b), ("t", own)):
            write_queue(self.data_path, queue, messages)
        self.start("--max-bytes-per-file=10000").stop()
        self.export_well("--max-bytes-per-file=10000")
        server = self.start(data_path=self.path("stock"))
        server.web().do("channel/unpause", "t", "b")
        self.assert_channel(server, "t", "a", a + own)
        self.assert_channel(server, "t", "b", b + own)
        self.assert_channel(server, "t", "c", own)
        server.stop()

    def test_refused_while_a_server_runs(self):
        server = self.fill()
        self.assert_refused(4, "in use by another process")
        self.assertFalse(os.path.exists(self.path("stock")))
        server.stop()

    def test_refused_directories(self):
        self.fill().stop()
        os.mkdir(self.path("stock"))
        write(self.path("stock/file"), b"")
        self.assert_refused(2, self.path("stock"), "not empty")
        self.assertEqual(os.listdir(self.path("stock")), ["file"])
        self.assert_refused(2, "within the data directory", directory=self.data_path + "/new")
        self.assert_refused(1, "cannot be made", directory=self.path("missing/new"))
        for flags in (["--export-diskqueue="], ["--export-diskqueue=/x", "--daemon", "--log-file=/tmp/x"]):
            code, _, stderr = run_to_exit(f"--data-path={self.data_path}", *flags)
            self.assertEqual(code, 2, stderr)
            self.assertIn("--export-diskqueue", stderr)

    def test_refused_with_files_of_a_stock_nsqd(self):
        write_queue(self.data_path, "t:c", numbered(b"m", 3))
        before = files_below(self.data_path)
        self.assert_refused(4, "has files of a stock nsqd")
        self.assertEqual(files_below(self.data_path), before)


class Stock(StockDataCase):
    """With a real stock nsqd, which the environment names."""

    def start_stock(self, *flags, data_path=None):
        with unittest.mock.patch.dict(os.environ, NSQD=os.environ["STOCK_NSQD"]):
            return self.start("--mem-queue-size=0", "--max-bytes-per-file=20000", *flags, data_path=data_path)

    def fill_stock(self):
        """Returns the server and what its channels are to have: {(topic, channel): {body: deliveries}}."""
        server = self.start_stock()
        web = server.web()
        for topic in ("t", "held", "lonely"):
            web.do("topic/create", topic)
        for topic, channel in (("t", "a"), ("t", "b"), ("held", "c")):
            web.do("channel/create", topic, channel)
        web.do("channel/pause", "t", "b")
        client = server.client()
        texts = [b"%d-" % number + b"x" * 100 for number in range(1000)]
        client.command(mpub("t", texts))
        client.command(mpub("held", texts[:300]))
        server.wait_channel("held", "c", depth=300)
        web.do("topic/pause", "held")
        client.command(mpub("held", texts[300:400]))
        client.command(mpub("lonely", texts[:50]))
        server.wait_channel("t", "a", depth=1000)
        server.wait_channel("t", "b", depth=1000)
        consumer = server.client().subscribe("t", "a", 10)
        finished = []
        for _ in range(390):
            finished.append(consumer.read_message())
            consumer.fin(finished[-1])
        self.held = consumer.read_messages(10)
        consumer.ready(0)
        # Not by DPUB: without a memory queue stock forgets the delay at once.
        consumer.req(self.held[0], 600_000)
        server.wait_channel("t", "a", in_flight_count=9, deferred_count=1)
        client.close()
        done = set(bodies(finished))
        rest = dict.fromkeys(texts, 0)
        mine = {body: 0 for body in rest if body not in done} | {message.body: 1 for message in self.held}
        return server, {("t", "a"): mine, ("t", "b"): rest, ("held", "c"): dict.fromkeys(texts[:300], 0),
                        ("held", "later"): dict.fromkeys(texts[300:400], 0),
                        ("lonely", "later"): dict.fromkeys(texts[:50], 0)}

    def assert_taken(self, server, expected):
        self.assertEqual((server.topic("held")["paused"], server.channel("t", "b")["paused"]), (True, True))
        self.assertEqual(server.topic("held")["depth"], 100)
        held = self.drain(server, "held", "c")
        server.web().do("channel/unpause", "t", "b")
        for topic in ("held", "lonely"):
            server.web().do("channel/create", topic, "later")
        server.web().do("topic/unpause", "held")
        wait_until(lambda: server.topic("held")["depth"] == 0, "the topic is distributed")
        for (topic, channel), messages in expected.items():
            got = held if channel == "c" else self.drain(server, topic, channel)
            with self.subTest(topic=topic, channel=channel):
                counted = {message.body: message.attempts - 1 for message in got}
                self.assertEqual(len(counted), len(got), "a message came twice")
                self.assertEqual(counted, messages)

    def assert_removed(self):
        """Stock sets a full file aside itself when it is read to its end before the next one is begun."""
        self.assertEqual([name for name in queue_files(self.data_path) if not name.endswith(".bad")], [])

    def test_from_a_clean_stop(self):
        stock, expected = self.fill_stock()
        stock.stop()
        server = self.start()
        self.assert_taken(server, expected)
        self.assert_removed()
        server.stop()

    def test_from_a_kill(self):
        """What stock had in flight or deferred it has lost itself; what it had not noted as read comes again."""
        stock, expected = self.fill_stock()
        waiting = set(expected["t", "a"]) - set(bodies(self.held))
        stock.kill()
        server = self.start()
        self.assertLessEqual(waiting, set(bodies(self.drain(server, "t", "a"))))
        server.web().do("channel/unpause", "t", "b")
        self.assertEqual(set(bodies(self.drain(server, "t", "b"))), set(expected["t", "b"]))
        self.assert_removed()
        server.stop()

    def test_there_and_back(self):
        """Out of stock, into ours, and into stock again."""
        stock, expected = self.fill_stock()
        stock.stop()
        self.start().stop()
        code, _, stderr = run_to_exit(f"--data-path={self.data_path}", f"--export-diskqueue={self.path('back')}",
                                      "--max-bytes-per-file=20000")
        self.assertEqual(code, 0, stderr)
        again = self.start_stock(data_path=self.path("back"))
        self.assertNotIn("ERROR", again.log)
        self.assert_taken(again, expected)
        again.stop()

    def test_stock_refuses_an_incomplete_export(self):
        server = self.start()
        server.web().publish("t", b"x" * 100_000)
        server.stop()
        code, _, stderr = run_to_exit(f"--data-path={self.data_path}", f"--export-diskqueue={self.path('back')}")
        self.assertEqual(code, 0, stderr)
        write(self.path("back/nsqd.dat"), b"an export by nsqd-cpp that has not come to its end\n")
        with self.assertRaisesRegex(AssertionError, "did not start"):
            self.start_stock(data_path=self.path("back"))


def load_tests(loader, _tests, _pattern):
    classes = [TakeOver, Interrupted, Export]
    if available():
        classes.append(EveryMoment)
    if os.environ.get("STOCK_NSQD"):
        classes.append(Stock)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in classes)


if __name__ == "__main__":
    main()
