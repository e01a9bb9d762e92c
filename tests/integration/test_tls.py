"""TLS on V2 connections, HTTPS, and what a server that requires them answers without."""

import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import (DEADLINE_S, ERROR, RESPONSE, Authority, Client, Closed, Frame, Server, Web, dpub,  # noqa: E402
                     identify, is_stock, main, memory_limit, ours_only, pub, run_to_exit, wait_until)

OK = Frame(RESPONSE, b"OK")
# From the server's contract.
HANDSHAKE_S = 5


def go_name(suite):
    """Of a cipher suite by OpenSSL's name, for those these tests come to."""
    if suite.startswith("TLS_"):
        return suite
    exchange, _, cipher = suite.partition("-AES")
    mode = "CBC_SHA" if cipher.endswith("-SHA") else cipher.partition("-")[2].replace("-", "_")
    return f"TLS_{exchange.replace('-', '_')}_WITH_AES_{cipher[:3]}_{mode}"


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="nsqd-tls-")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = directory.name
        cls.authority = Authority(cls.directory)
        cls.identity = cls.authority.sign("server")
        cls.client_identity = cls.authority.sign("client", "the client")
        cls.stranger = Authority(cls.directory, "stranger")
        cls.strangers_identity = cls.stranger.sign("strangers-client")
        cls.trusting = cls.authority.trusting()
        cls.as_client = cls.authority.trusting(cls.client_identity)
        cls.as_stranger = cls.authority.trusting(cls.strangers_identity)

    def start(self, *flags, identity=None, **kwargs):
        certificate, key = identity or self.identity
        server = Server(f"--tls-cert={certificate}", f"--tls-key={key}", "--https-address=127.0.0.1:0", *flags,
                        **kwargs)
        self.addCleanup(server.kill)
        return server

    def plain(self, server, **kwargs):
        client = server.client(**kwargs)
        self.addCleanup(client.close)
        return client

    def secured(self, server, context=None, **fields):
        """A V2 client behind the handshake."""
        client = self.plain(server)
        self.assertTrue(client.identify(tls_v1=True, **fields)["tls_v1"])
        client.start_tls(context or self.trusting)
        client.expect(OK)
        return client

    def assert_handshake_refused(self, server, context):
        """At the latest when something is read: in TLS 1.3 the client is done before the server has looked."""
        client = self.plain(server)
        self.assertTrue(client.identify(tls_v1=True)["tls_v1"])
        with self.assertRaises((ssl.SSLError, ConnectionError, Closed)):
            client.start_tls(context)
            client.read_frame()

    def test_messages_go_both_ways(self):
        server = self.start()
        consumer = self.secured(server).subscribe("t", "c", 2500)
        producer = self.secured(server)
        bodies = [os.urandom(size) for size in (1, 100, 16383, 16384, 16385, 100_000, 1_000_000)] * 3
        for body in bodies:
            producer.command(pub("t", body))
        for body in bodies:
            message = consumer.read_message()
            self.assertTrue(message.body == body)
            consumer.fin(message)
        server.wait_channel("t", "c", depth=0, in_flight_count=0)
        server.stop()

    def test_pipelined_publishes(self):
        server = self.start()
        producer = self.secured(server)
        count = 5000
        producer.send(pub("t", b"x" * 200) * count)
        for _ in range(count):
            producer.expect(OK)
        self.assertEqual(server.topic("t")["message_count"], count)
        server.stop()

    def test_what_is_agreed_is_shown(self):
        server = self.start()
        for version, name in ((ssl.TLSVersion.TLSv1_3, "TLS1.3"), (ssl.TLSVersion.TLSv1_2, "TLS1.2"),
                              (ssl.TLSVersion.TLSv1_1, "TLS1.1"), (ssl.TLSVersion.TLSv1, "TLS1.0")):
            with self.subTest(version=name):
                client = self.secured(server, self.authority.trusting(version=version))
                client.subscribe("t", "c" + name)
                shown = server.wait_channel("t", "c" + name, client_count=1)["clients"][0]
                self.assertTrue(shown["tls"])
                self.assertEqual(shown["tls_version"], name)
                self.assertTrue(shown["tls_negotiated_protocol_is_mutual"])
                self.assertEqual(shown["tls_negotiated_protocol"], "")
                if not is_stock():  # which calls those it does not know "Unknown 4865"
                    self.assertEqual(shown["tls_cipher_suite"], go_name(client.socket.cipher()[0]))
        plain = self.plain(server).subscribe("t", "plain")
        shown = server.wait_channel("t", "plain", client_count=1)["clients"][0]
        self.assertEqual((shown["tls"], shown["tls_cipher_suite"], shown["tls_version"]), (False, "", ""))
        plain.close()
        server.stop()

    def test_least_version(self):
        server = self.start("--tls-min-version=tls1.2")
        self.assert_handshake_refused(server, self.authority.trusting(version=ssl.TLSVersion.TLSv1_1))
        self.secured(server, self.authority.trusting(version=ssl.TLSVersion.TLSv1_2)).command(pub("t", b"x"))
        self.assertEqual(server.web().get("/config/tls_min_version").body, b"771")
        server.stop()

    def test_a_client_that_does_not_ask_stays_plain(self):
        server = self.start()
        client = self.plain(server)
        self.assertFalse(client.identify()["tls_v1"])
        client.command(pub("t", b"x"))
        client = self.plain(server)
        client.command(identify(tls_v1=True))  # without feature_negotiation nothing is agreed
        client.command(pub("t", b"x"))
        server.stop()

    def test_without_a_certificate_nothing_is_agreed(self):
        server = Server()
        self.addCleanup(server.kill)
        client = self.plain(server)
        self.assertFalse(client.identify(tls_v1=True)["tls_v1"])
        client.command(pub("t", b"x"))
        self.assertNotIn("HTTPS: listening", server.log)
        server.stop()

    def test_the_server_is_who_it_says(self):
        server = self.start()
        self.assert_handshake_refused(server, self.stranger.trusting())
        server.stop()

    def test_any_client_certificate(self):
        server = self.start("--tls-client-auth-policy=require", f"--tls-root-ca-file={self.authority.file}")
        self.secured(server, self.as_client).command(pub("t", b"x"))
        self.secured(server, self.as_stranger).command(pub("t", b"x"))
        self.assert_handshake_refused(server, self.trusting)
        server.stop()

    def test_verified_client_certificate(self):
        server = self.start("--tls-client-auth-policy=require-verify", f"--tls-root-ca-file={self.authority.file}")
        self.secured(server, self.as_client).command(pub("t", b"x"))
        self.assert_handshake_refused(server, self.as_stranger)
        self.assert_handshake_refused(server, self.trusting)
        web = Web(server.https_port(), tls=self.as_client)
        self.assertEqual(web.get("/ping").body, b"OK")
        for context in (self.as_stranger, self.trusting):
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                Web(server.https_port(), tls=context).get("/ping")
        server.stop()

    def test_required(self):
        server = self.start("--tls-required")
        for command, name in ((pub("t", b"x"), "PUB"), (dpub("t", 1, b"x"), "DPUB"), (b"SUB t c\n", "SUB"),
                              (b"NOP\n", "NOP"), (b"RDY 1\n", "RDY"), (b"CLS\n", "CLS"), (b"WHAT\n", "WHAT")):
            for identified in (False, True):
                with self.subTest(command=name, identified=identified):
                    client = self.plain(server)
                    if identified:
                        client.identify()
                    client.send(command)
                    client.expect_fatal(f"E_INVALID cannot {name} in current state (TLS required)".encode())
        self.secured(server).command(pub("t", b"x"))
        reply = server.web().get("/ping")
        self.assertEqual(reply.status, 403)
        self.assertEqual(reply.body.replace(b" ", b""),
                         b'{"message":"TLS_REQUIRED","https_port":%d}' % server.https_port())
        self.assertEqual(reply.headers["X-NSQ-Content-Type"], "nsq; version=1.0")
        self.assertEqual(server.web().post("/pub?topic=t", b"x").status, 403)
        web = Web(server.https_port(), tls=self.trusting)
        self.assertEqual(web.get("/config/tls_required").body, b"2")
        web.publish("t", b"over https")
        self.assertEqual(web.json("GET", "/stats?format=json")["topics"][0]["message_count"], 2)
        server.stop()

    def test_required_but_for_http(self):
        server = self.start("--tls-required=tcp-https")
        server.web().publish("t", b"x")
        client = self.plain(server)
        client.send(pub("t", b"x"))
        client.expect_fatal(b"E_INVALID cannot PUB in current state (TLS required)")
        self.assertEqual(server.web().get("/config/tls_required").body, b"1")
        server.stop()

    def test_https(self):
        server = self.start()
        web = Web(server.https_port(), tls=self.trusting)
        web.publish("t", b"small")
        big = os.urandom(1_000_000)
        web.publish("t", big)
        self.assertEqual(web.post("/pub?topic=t", b"x" * 1_100_000).status, 413)
        kept = web.connection()
        for _ in range(3):
            kept.request("GET", "/stats?format=json")
            self.assertEqual(kept.getresponse().read()[:1], b"{")
        kept.close()
        consumer = self.secured(server).subscribe("t", "c", 10)
        bodies = [consumer.read_message().body for _ in range(2)]
        self.assertTrue(bodies == [b"small", big])
        server.stop()

    def test_garbage_instead_of_a_handshake(self):
        server = self.start()
        client = self.plain(server)
        self.assertTrue(client.identify(tls_v1=True)["tls_v1"])
        client.send(b"garbage, garbage, garbage")
        frame = client.read_frame()
        self.assertEqual(frame.type, ERROR)
        self.assertTrue(frame.data.startswith(b"E_IDENTIFY_FAILED IDENTIFY failed tls: "), frame)
        client.expect_closed()
        # Commands in the clear behind IDENTIFY are no part of what comes through TLS.
        client = self.plain(server)
        client.send(identify(feature_negotiation=True, tls_v1=True) + pub("injected", b"x"))
        client.read_frame()
        if not is_stock():  # which forgets them
            self.assertEqual(client.read_frame().type, ERROR)
            client.expect_closed()
        self.assertIsNone(server.topic("injected"))
        with socket.create_connection(("127.0.0.1", server.https_port()), timeout=DEADLINE_S) as plain:
            plain.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while chunk := plain.recv(4096):
                answer += chunk
            self.assertNotIn(b"200 OK", answer)
        server.stop()

    def test_a_client_hello_in_the_same_packet_as_identify(self):
        if is_stock():
            self.skipTest("the stock nsqd loses it")
        server = self.start()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.trusting.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        client = self.plain(server)
        client.send(identify(feature_negotiation=True, tls_v1=True) + outgoing.read())
        self.assertIn(b'"tls_v1":true', client.read_frame().data)
        incoming.write(bytes(client._buffer))
        received = b""
        while len(received) < 10:
            try:
                received += tls.read(100)
            except ssl.SSLWantReadError:
                client.socket.sendall(outgoing.read())
                incoming.write(client.socket.recv(65536))
        self.assertEqual(received, b"\0\0\0\6\0\0\0\0OK")
        server.stop()

    @ours_only
    def test_a_handshake_that_stalls_is_given_up(self):
        server = self.start()
        started = time.monotonic()
        silent, halfway = self.plain(server), self.plain(server)
        for client in (silent, halfway):
            self.assertTrue(client.identify(tls_v1=True)["tls_v1"])
        halfway.send(b"\x16\x03\x01\x02\x00\x01")
        https = socket.create_connection(("127.0.0.1", server.https_port()), timeout=DEADLINE_S)
        self.addCleanup(https.close)
        for client in (silent, halfway):
            client.expect_fatal(b"E_IDENTIFY_FAILED IDENTIFY failed the TLS handshake was not done in time")
        self.assertEqual(https.recv(100), b"")
        took = time.monotonic() - started
        self.assertGreater(took, HANDSHAKE_S - 0.5)
        server.stop()

    def test_clients_that_leave_in_the_middle(self):
        server = self.start()
        files = f"/proc/{server.pid}/fd"
        before = len(os.listdir(files))
        for leave in ("close", "reset", "finish_sending"):
            client = self.plain(server)
            client.identify(tls_v1=True)
            client.send(b"\x16\x03\x01")
            getattr(client, leave)()
            client.close()
            secured = self.secured(server)
            secured.send(b"PUB t\n")
            getattr(secured, "close" if leave == "finish_sending" else leave)()
        wait_until(lambda: len(os.listdir(files)) <= before + 2, "the server has closed its ends")
        self.assertEqual(server.web().get("/ping").body, b"OK")
        server.stop()

    def test_a_client_that_ends_its_side_is_still_answered(self):
        server = self.start()
        client = self.secured(server)
        client.send(pub("t", b"x") * 100)
        # Of the socket beneath: TLS itself would not listen any more.
        socket.socket.shutdown(client.socket, socket.SHUT_WR)
        for _ in range(100):
            client.expect(OK)
        client.expect_closed()
        self.assertEqual(server.topic("t")["message_count"], 100)
        server.stop()

    def test_a_slow_reader_takes_bounded_memory(self):
        server = self.start("--max-rdy-count=100000")
        client = self.plain(server, receive_buffer=4096)
        client.identify(tls_v1=True)
        client.start_tls(self.trusting)
        client.expect(OK)
        client.subscribe("t", "c", 100000)
        producer = self.plain(server)
        before = server.rss_bytes()
        body = os.urandom(500_000)
        for _ in range(200):
            producer.command(pub("t", body))
        if not is_stock():
            self.assertLess(server.rss_bytes() - before, memory_limit(60_000_000))
        for _ in range(200):
            message = client.read_message()
            self.assertTrue(message.body == body)
            client.fin(message)
        server.wait_channel("t", "c", depth=0, in_flight_count=0)
        server.stop()

    def test_a_killed_frame_is_refused(self):
        server = self.start()
        client = self.secured(server)
        raw = client.socket.detach()
        with socket.socket(fileno=raw) as forged:
            forged.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
            forged.settimeout(DEADLINE_S)
            try:
                while forged.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        self.assertEqual(server.web().get("/ping").body, b"OK")
        server.stop()

    def test_twice(self):
        if is_stock():
            self.skipTest("it waits for a handshake within the handshake")
        server = self.start()
        client = self.secured(server)
        client.send(identify(feature_negotiation=True, tls_v1=True))
        client.expect_fatal(b"E_IDENTIFY_FAILED IDENTIFY failed it is too late for TLS")
        client = self.secured(server)
        client.command(identify(heartbeat_interval=5000))  # to identify itself again is all right
        client.command(pub("t", b"x"))
        server.stop()

    def test_it_stops_with_clients_connected(self):
        server = self.start()
        consumer = self.secured(server).subscribe("t", "c", 1)
        unfinished = self.plain(server)
        unfinished.identify(tls_v1=True)
        kept = Web(server.https_port(), tls=self.trusting).connection()
        kept.request("GET", "/ping")
        self.assertEqual(kept.getresponse().read(), b"OK")
        server.stop()
        consumer.expect_closed()  # with a close_notify: an end without one is an error here
        kept.close()

    @ours_only
    def test_the_certificate_is_read_again(self):
        certificate, key = self.authority.sign("changing", "before")
        rsa_certificate, _ = self.authority.sign("rsa-server", rsa=True)
        server = self.start(identity=(certificate, key))

        def name():
            with socket.create_connection(("127.0.0.1", server.https_port()), timeout=DEADLINE_S) as plain:
                with self.trusting.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
                    return dict(pair[0] for pair in tls.getpeercert()["subject"])["commonName"]

        def reload(says):
            count = server.log.count(says)
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: server.log.count(says) > count, f"a line with {says!r}")

        self.assertEqual(name(), "before")
        old = self.secured(server).subscribe("t", "c", 1)
        self.authority.sign("changing", "after")
        reload("the certificate was read again")
        self.assertEqual(name(), "after")
        for damage in (lambda: os.truncate(certificate, 100), lambda: os.unlink(certificate),
                       lambda: os.truncate(key, 10), lambda: shutil.copy(rsa_certificate, certificate)):
            damage()
            reload("ERROR: TLS: the certificate before stays in use")
            self.assertEqual(name(), "after")
            self.authority.sign("changing", "after")
        self.secured(server).command(pub("t", b"x"))
        self.assertEqual(old.read_message().body, b"x")
        server.stop()

    @ours_only
    def test_sighup_without_a_certificate(self):
        server = Server()
        self.addCleanup(server.kill)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "there is no certificate to read again" in server.log, "the answer to SIGHUP")
        server.stop()

    @ours_only
    def test_refusals_to_start(self):
        certificate, key = self.identity
        both = [f"--tls-cert={certificate}", f"--tls-key={key}"]
        rsa_certificate, rsa_key = self.authority.sign("rsa-server", rsa=True)
        garbage = os.path.join(self.directory, "garbage.pem")
        with open(garbage, "w", encoding="ascii") as file:
            file.write("garbage\n")
        locked = os.path.join(self.directory, "locked.key")
        subprocess.run(["openssl", "ec", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked], check=True,
                       stderr=subprocess.DEVNULL)
        for flags, *said in (([f"--tls-cert={certificate}"], "--tls-cert", "--tls-key"),
                             ([f"--tls-key={key}"], "--tls-key", "--tls-cert"),
                             (["--tls-required=true"], "--tls-required", "--tls-cert"),
                             (["--tls-required=tcp-https"], "--tls-required", "--tls-cert"),
                             (["--tls-client-auth-policy=require"], "--tls-client-auth-policy", "--tls-cert"),
                             ([*both, "--tls-client-auth-policy=perhaps"], "--tls-client-auth-policy", "perhaps"),
                             ([*both, "--tls-required=perhaps"], "--tls-required", "perhaps"),
                             ([*both, "--tls-min-version=ssl3.0"], "--tls-min-version", "ssl3.0"),
                             (["--tls-cert=/nonexistent", f"--tls-key={key}"], "--tls-cert", "/nonexistent"),
                             ([f"--tls-cert={certificate}", "--tls-key=/nonexistent"], "--tls-key", "/nonexistent"),
                             ([f"--tls-cert={garbage}", f"--tls-key={key}"], "--tls-cert", garbage),
                             ([f"--tls-cert={certificate}", f"--tls-key={garbage}"], "--tls-key", garbage),
                             ([f"--tls-cert={certificate}", f"--tls-key={self.client_identity[1]}"], "--tls-key",
                              "mismatch"),
                             ([f"--tls-cert={rsa_certificate}", f"--tls-key={key}"], "--tls-key", key,
                              rsa_certificate),
                             ([f"--tls-cert={certificate}", f"--tls-key={rsa_key}"], "--tls-key", rsa_key, certificate),
                             ([f"--tls-cert={certificate}", f"--tls-key={locked}"], "--tls-key", locked),
                             ([*both, "--tls-root-ca-file=/nonexistent"], "--tls-root-ca-file", "/nonexistent"),
                             ([*both, f"--tls-root-ca-file={garbage}"], "--tls-root-ca-file", garbage),
                             (["--tls-root-ca-file=/nonexistent"], "--tls-root-ca-file", "/nonexistent"),
                             (["--max-deflate-level=0"], "--max-deflate-level"),
                             (["--max-deflate-level=10"], "--max-deflate-level")):
            with self.subTest(flags=flags):
                code, _, stderr = run_to_exit(f"--data-path={self.directory}", "--tcp-address=127.0.0.1:0",
                                              "--http-address=127.0.0.1:0", "--https-address=127.0.0.1:0", *flags)
                self.assertEqual(code, 2, stderr)
                self.assertEqual(stderr.count("\n"), 1, stderr)
                for words in said:
                    self.assertIn(words, stderr)

    @ours_only
    def test_config_file_and_addresses(self):
        config = os.path.join(self.directory, "tls.cfg")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'tls_cert = "{self.identity[0]}"\ntls_key = "{self.identity[1]}"\ntls_required = true\n'
                       f'tls_min_version = "tls1.2"\ntls_client_auth_policy = ""\nhttps_address = "127.0.0.1:0"\n')
        process = subprocess.Popen([os.environ["NSQD"], f"--config={config}", f"--data-path={self.directory}",
                                    "--tcp-address=127.0.0.1:0", "--http-address=", "--print-addresses"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertTrue(select.select([process.stdout], [], [], DEADLINE_S)[0])
        self.assertTrue(process.stdout.readline().startswith("TCP:     127.0.0.1:"))
        https = process.stdout.readline()
        self.assertTrue(https.startswith("HTTPS:   127.0.0.1:"), https)
        web = Web(int(https.rpartition(":")[2]), tls=self.trusting)
        self.assertEqual(web.get("/config/tls_required").body, b"2")
        process.terminate()
        self.assertEqual(process.wait(DEADLINE_S), 0)

    @ours_only
    def test_no_https_address(self):
        server = self.start("--https-address=", "--tls-required")
        self.assertNotIn("HTTPS: listening", server.log)
        self.assertEqual(server.web().get("/ping").body, b'{"message":"TLS_REQUIRED","https_port":0}')
        server.stop()


if __name__ == "__main__":
    main()
