"""A double of the auth server that nsqd asks, which can also be slow, wrong or gone."""

import http.server
import json
import os
import socketserver
import ssl
import subprocess
import threading
import urllib.parse

from .waiting import DEADLINE_S


def grant(topic=".*", channels=(".*",), permissions=("subscribe", "publish")):
    """One authorization."""
    return {"topic": topic, "channels": list(channels), "permissions": list(permissions)}


def granted(*authorizations, ttl=3600, identity="somebody", identity_url="http://id.example/somebody"):
    """The body of an answer."""
    return json.dumps({"ttl": ttl, "identity": identity, "identity_url": identity_url,
                       "authorizations": list(authorizations)}).encode()


def make_certificate(directory, *names):
    """A self-signed certificate for these, such as "IP:127.0.0.1" or "DNS:host". Returns (certificate, key): files."""
    certificate, key = (os.path.join(directory, name) for name in ("auth.crt", "auth.key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=auth double", "-addext", "subjectAltName=" + ",".join(names),
                    "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=DEADLINE_S)
    return certificate, key


class AuthServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listens at once. `answer` may be changed at any time: a body, or a function of the query (a dict) that returns
    one, or (status, headers, body). While held (see hold) requests get no answer. THREAD: any."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, answer=None, certificate=None, host="127.0.0.1"):
        """`certificate`: see make_certificate; it then speaks HTTPS."""
        super().__init__((host, 0), _Handler)
        self.answer = answer or granted(grant())
        self.port = self.server_address[1]
        self.address = f"{host}:{self.port}"
        self.url = f"{'https' if certificate else 'http'}://{self.address}/auth"
        self.requests = []  # (method, path, headers, query) of each
        self._open = threading.Event()
        self._open.set()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def hold(self):
        self._open.clear()

    def release(self):
        self._open.set()

    def close(self):
        self.release()
        self.shutdown()
        self.server_close()
        self._thread.join()

    @property
    def queries(self):
        return [query for _, _, _, query in self.requests]

    def wait_open(self):
        self._open.wait(DEADLINE_S)

    def handle_error(self, request, client_address):
        pass  # clients that go away, or do not trust the certificate


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, text = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        self.server.requests.append((self.command, path, dict(self.headers), query))
        self.server.wait_open()
        answer = self.server.answer
        if callable(answer):
            answer = answer(query)
        status, headers, body = (200, {}, answer) if isinstance(answer, bytes) else answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args):
        pass
