"""The program itself: options in every spelling, the configuration file, refusals to start, stopping."""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import (DEADLINE_S, Client, Server, is_stock, main, ours_only, pub, run_to_exit,  # noqa: E402
                     wait_until)

LOCAL = ("--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0")

# Option and default as they stand in the help text.
OPTIONS = {
    "config": None, "log-level": "info", "log-prefix": "[nsqd] ", "node-id": None, "tcp-address": "0.0.0.0:4150",
    "http-address": "0.0.0.0:4151", "broadcast-address": None, "broadcast-tcp-port": None,
    "broadcast-http-port": None, "data-path": None, "mem-queue-size": "10000", "msg-timeout": "1m",
    "max-msg-timeout": "15m", "max-req-timeout": "1h", "max-msg-size": "1048576", "max-body-size": "5242880",
    "max-heartbeat-interval": "1m", "max-rdy-count": "2500", "max-output-buffer-size": "65536",
    "max-output-buffer-timeout": "30s", "min-output-buffer-timeout": "25ms", "output-buffer-timeout": "250ms",
    "max-channel-consumers": "0", "version": None,
}


class Process(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="nsqd-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def start(self, *flags, **kwargs):
        server = Server(*flags, **kwargs)
        self.addCleanup(server.kill)
        return server

    def config(self, server, option):
        return server.web().get("/config/" + option).body

    def assert_refused(self, flags, *said):
        """It does not start with these flags, and one clear line says why: it has each of the words."""
        code, stdout, stderr = run_to_exit(f"--data-path={self.directory}", *LOCAL, *flags)
        self.assertNotEqual(code, 0, flags)
        self.assertGreater(code, 0, f"{flags}: ended by a signal\n{stderr}")
        self.assertEqual(stdout, "", flags)
        for words in said:
            self.assertIn(words, stderr, flags)
        self.assertNotIn("TCP: listening on", stderr)
        if not is_stock():
            self.assertEqual(stderr.rstrip("\n").count("\n"), 0, f"{flags}: not one line\n{stderr}")

    def test_four_spellings(self):
        for spelling in (["--msg-timeout=90s"], ["-msg-timeout=90s"], ["--msg-timeout", "90s"],
                         ["-msg-timeout", "90s"]):
            with self.subTest(spelling=spelling):
                server = self.start(*spelling)
                self.assertEqual(self.config(server, "msg_timeout"), b"90000000000")
                server.stop()

    def test_durations_and_booleans(self):
        server = self.start("--msg-timeout=1m30s", "--max-req-timeout=1h30m", "--max-msg-timeout=2h0m1.5s",
                            "--max-heartbeat-interval=90000ms", "--output-buffer-timeout=250000us",
                            "--mem-queue-size=0", "--max-output-buffer-timeout=0.5m", "--verbose=false")
        for option, value in (("msg_timeout", b"90000000000"), ("max_req_timeout", b"5400000000000"),
                              ("max_msg_timeout", b"7201500000000"), ("max_heartbeat_interval", b"90000000000"),
                              ("output_buffer_timeout", b"250000000"), ("mem_queue_size", b"0"),
                              ("max_output_buffer_timeout", b"30000000000")):
            with self.subTest(option=option):
                self.assertEqual(self.config(server, option), value)
        server.stop()

    def test_config_file(self):
        path = self.write("nsqd.cfg", """
## a comment
log_level = "error"
id = 7
mem_queue_size = 123
msg_timeout = "33s"
max_msg_timeout = 90000
max_rdy_count = 99
broadcast_address = "somewhere.example"
broadcast_tcp_port = 1234
""")
        for spelling in ([f"--config={path}"], ["-config", path]):
            server = self.start(*spelling, "--max-rdy-count=100", "--log-level=info")
            for option, value in (("id", b"7"), ("mem_queue_size", b"123"), ("msg_timeout", b"33000000000"),
                                  ("max_msg_timeout", b"90000000000"),
                                  ("max_rdy_count", b"100"), ("broadcast_address", b"somewhere.example")):
                with self.subTest(option=option):
                    self.assertEqual(self.config(server, option), value)
            info = server.web().json("GET", "/info")
            self.assertEqual((info["broadcast_address"], info["tcp_port"]), ("somewhere.example", server.tcp_port))
            client = server.client()
            self.assertEqual(client.identify()["max_rdy_count"], 100)
            client.close()
            server.stop()

    def test_config_file_with_addresses(self):
        path = self.write("addresses.cfg", 'tcp_address = "127.0.0.1:0"\nhttp_address = "127.0.0.1:0"\n')
        server = self.start(f"--config={path}", addresses=False)
        client = server.client()
        client.command(pub("t", b"x"))
        client.close()
        server.stop()

    def test_deprecated_flags_are_accepted(self):
        server = self.start("--verbose", "--worker-id")
        server.stop()

    def test_help(self):
        for flag in ("--help", "-h", "-help"):
            code, stdout, stderr = run_to_exit(flag)
            self.assertEqual(code, 0, flag)
            text = stdout + stderr
            for option, default in OPTIONS.items():
                with self.subTest(option=option):
                    self.assertIn("-" + option, text)
                    if default:
                        self.assertIn(default, text)

    def test_version(self):
        for flag in ("--version", "-version"):
            code, stdout, _ = run_to_exit(flag)
            self.assertEqual(code, 0)
            self.assertRegex(stdout, r"^nsqd ")
            self.assertIn("1.3.0", stdout)

    def start_daemon(self, *flags):
        """Runs it from self.directory until the first process has ended. Returns the daemon's process id, once it
        listens."""
        code, stdout, stderr = run_to_exit("--daemon", "--pidfile=nsqd.pid", "--log-file=nsqd.log", *flags,
                                           cwd=self.directory)
        self.assertEqual((code, stdout, stderr), (0, "", ""))
        wait_until(lambda: "TCP: listening on" in self.read("nsqd.log"), "the daemon listening")
        daemon = int(self.read("nsqd.pid"))
        handle = os.pidfd_open(daemon)
        self.addCleanup(os.close, handle)
        self.addCleanup(self.kill_daemon, handle)
        return daemon, handle

    @staticmethod
    def kill_daemon(handle):
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def read(self, name):
        try:
            with open(os.path.join(self.directory, name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    @ours_only
    def test_daemon(self):
        os.mkdir(os.path.join(self.directory, "data"))
        # Relative paths are those of the directory it was started in, which the daemon leaves.
        daemon, handle = self.start_daemon("--data-path=data", "--tcp-address=tcp.sock", "--http-address=http.sock")
        self.assertEqual(os.readlink(f"/proc/{daemon}/cwd"), "/")
        self.assertNotEqual(os.getsid(daemon), os.getsid(0))
        for standard in range(3):
            self.assertEqual(os.readlink(f"/proc/{daemon}/fd/{standard}"), "/dev/null")

        code, _, stderr = run_to_exit("--daemon", "--log-file=other.log", "--data-path=data", *LOCAL,
                                      cwd=self.directory)
        self.assertGreater(code, 0, "a second daemon on the same data")
        self.assertIn("--data-path", stderr)
        self.assertEqual(stderr.count("\n"), 1, stderr)

        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(DEADLINE_S)
        client.connect(os.path.join(self.directory, "tcp.sock"))
        client.sendall(b"  V2" + pub("t", b"x"))
        self.assertEqual(client.recv(100), b"\0\0\0\6\0\0\0\0OK")

        signal.pidfd_send_signal(handle, signal.SIGTERM)
        self.assertTrue(select.select([handle], [], [], DEADLINE_S)[0], "the daemon did not stop")
        self.assertTrue(self.read("nsqd.log").endswith("NSQ: bye\n"), self.read("nsqd.log"))
        self.assertIn('"t"', self.read("data/nsqd.dat"))
        for gone in ("nsqd.pid", "tcp.sock", "http.sock"):
            self.assertFalse(os.path.exists(os.path.join(self.directory, gone)), gone)

    @ours_only
    def test_pidfile_and_log_file(self):
        log = os.path.join(self.directory, "nsqd.log")
        pidfile = os.path.join(self.directory, "nsqd.pid")
        process = subprocess.Popen([os.environ["NSQD"], f"--data-path={self.directory}", *LOCAL,
                                    f"--log-file={log}", f"--pidfile={pidfile}"], stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: "TCP: listening on" in self.read("nsqd.log"), "the server listening")
        self.assertEqual(int(self.read("nsqd.pid")), process.pid)
        process.terminate()
        self.assertEqual(process.wait(DEADLINE_S), 0)
        self.assertEqual(process.stderr.read(), b"")
        self.assertFalse(os.path.exists(pidfile))

    @ours_only
    def test_files_that_cannot_be_written(self):
        self.assert_refused([f"--log-file={self.directory}"], "--log-file", self.directory)
        self.assert_refused(["--log-file=/nonexistent/log"], "--log-file", "/nonexistent")
        self.assert_refused(["--pidfile=/nonexistent/pid"], "--pidfile", "/nonexistent/pid")
        self.assert_refused(["--daemon"], "--daemon", "--log-file")

    @ours_only
    def test_exit_codes(self):
        """Each is what --help says of it."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            for expected, flag in ((1, "--plugin=nonexistent"), (2, "--nope"), (2, "--config=/nonexistent"),
                                   (3, f"--tcp-address={address}"), (4, "--data-path=/nonexistent")):
                with self.subTest(flag=flag):
                    code, _, stderr = run_to_exit(f"--data-path={self.directory}", *LOCAL, flag)
                    self.assertEqual(code, expected, stderr)
                    self.assertEqual(stderr.count("\n"), 1, stderr)

    def test_without_http(self):
        process = subprocess.Popen([os.environ["NSQD"], f"--data-path={self.directory}", "--tcp-address=127.0.0.1:0",
                                    "--http-address="], stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        log = b""
        while b"TCP: listening on" not in log:
            line = process.stderr.readline()
            self.assertTrue(line, log)
            log += line
        port = int(log.rpartition(b":")[2])
        client = Client(port)
        self.addCleanup(client.close)
        client.send(b"  V2")
        client.command(pub("t", b"x"))
        process.terminate()
        self.assertEqual(process.wait(DEADLINE_S), 0)
        self.assertNotIn(b"HTTP: listening", log + process.stderr.read())

    def test_unknown_flags(self):
        self.assert_refused(["--nope"], "nope")
        self.assert_refused(["--nope=5"], "nope")
        self.assert_refused(["-msg-timeot", "5s"], "msg-timeot")

    def test_bad_values(self):
        for flag, value in (("mem-queue-size", "x"), ("mem-queue-size", "1e3"), ("mem-queue-size", ""),
                            ("mem-queue-size", "99999999999999999999"), ("msg-timeout", "5"), ("msg-timeout", "5 s"),
                            ("msg-timeout", "s"), ("verbose", "maybe"), ("log-level", "bogus"), ("node-id", "x")):
            with self.subTest(flag=flag, value=value):
                self.assert_refused([f"--{flag}={value}"], flag)
        self.assert_refused(["--mem-queue-size"], "mem-queue-size")
        self.assert_refused(["--node-id=1024"], "node-id")
        self.assert_refused(["--node-id=-1"], "node-id")
        self.assert_refused(["--tcp-address=127.0.0.1:99999"], "99999")

    def test_bad_config_files(self):
        self.assert_refused(["--config=/nonexistent/file"], "/nonexistent/file")
        self.assert_refused([f"--config={self.directory}"], self.directory)
        path = self.write("syntax.cfg", "x = [\n")
        self.assert_refused([f"--config={path}"], path)
        path = self.write("type.cfg", 'mem_queue_size = "x"\n')
        self.assert_refused([f"--config={path}"])

    @ours_only
    def test_what_the_stock_nsqd_takes_in_silence(self):
        path = self.write("unknown.cfg", "no_such_option = 5\n")
        self.assert_refused([f"--config={path}"], "no_such_option")
        self.assert_refused(["stray"], "stray")

    def test_addresses_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            for flag in ("tcp-address", "http-address"):
                with self.subTest(flag=flag):
                    flags = [f"--data-path={self.directory}", *LOCAL, f"--{flag}={address}"]
                    code, _, stderr = run_to_exit(*flags)
                    self.assertGreater(code, 0)
                    self.assertIn(address, stderr)
                    self.assertIn("address already in use", stderr.lower())

    def test_data_paths_that_cannot_be_used(self):
        file = self.write("a_file", "")
        for path in ("/nonexistent/directory", file, "/proc/nonexistent"):
            with self.subTest(path=path):
                code, _, stderr = run_to_exit(*LOCAL, f"--data-path={path}")
                self.assertGreater(code, 0)
                self.assertIn(path, stderr)

    def test_a_data_path_has_one_server(self):
        server = self.start(data_path=self.directory)
        code, _, stderr = run_to_exit(*LOCAL, f"--data-path={self.directory}")
        self.assertGreater(code, 0)
        self.assertIn(self.directory, stderr)
        self.assertEqual(server.web().get("/ping").body, b"OK")
        server.stop()

    def test_a_data_path_that_may_not_be_written(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        os.chmod(self.directory, 0o500)
        code, _, stderr = run_to_exit(*LOCAL, f"--data-path={self.directory}")
        os.chmod(self.directory, 0o700)
        self.assertGreater(code, 0)
        self.assertIn(self.directory, stderr)

    def test_signals_stop_it_with_clients_connected(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                server = self.start()
                silent = server.client(magic=None)
                if is_stock():
                    # It does not end before a client it has not heard from leaves.
                    silent.send(b"  V2")
                    silent.command(pub("other", b"x"))
                consumer = server.client().subscribe("t", "c", 1)
                kept = server.web().connection()
                kept.request("GET", "/ping")
                self.assertEqual(kept.getresponse().read(), b"OK")
                half = server.client()
                half.command(pub("other", b"x"))
                half.send(b"PUB other\n")
                server.process.send_signal(number)
                self.assertEqual(server.wait(), 0, server.log[-3000:])
                consumer.expect_closed()
                for client in (silent, half):
                    client.close()
                kept.close()

    def test_it_stops_while_nobody_reads(self):
        server = self.start()
        client = server.client(receive_buffer=4096)
        client.subscribe("t", "c", 2500)
        producer = server.client()
        for _ in range(40):
            producer.command(pub("t", b"x" * 500000))
        wait_until(lambda: server.channel("t", "c")["in_flight_count"] > 0, "messages on their way")
        server.stop()
        client.close()
        producer.close()

    def test_it_stops_at_once_after_it_started(self):
        server = self.start()
        server.stop()


if __name__ == "__main__":
    main()
