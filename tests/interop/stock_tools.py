"""The stock nsq_tail, nsq_stat and nsqadmin against the server in NSQD, for a run by hand.

The tools are taken from NSQ_TOOLS_DIR; without it this is a skip (exit code 77)."""

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from nsqtest import DEADLINE_S, Server, mpub, wait_until  # noqa: E402

SKIP = 77


def tool(name):
    path = os.path.join(os.environ.get("NSQ_TOOLS_DIR", ""), name)
    if not os.access(path, os.X_OK):
        print(f"SKIPPED: NSQ_TOOLS_DIR does not have {name}: {path!r}")
        sys.exit(SKIP)
    return path


def check_tail(server, path):
    """nsq_tail prints what comes."""
    client = server.client()
    client.command(mpub("tail", [b"first", b"second", b"third"]))
    output = subprocess.run([path, "--topic=tail", "--channel=tail", "-n", "3",
                             f"--nsqd-tcp-address=127.0.0.1:{server.tcp_port}"],
                            capture_output=True, text=True, timeout=DEADLINE_S, check=True).stdout
    assert sorted(output.split()) == ["first", "second", "third"], output
    client.close()


def check_stat(server, path):
    """nsq_stat prints a line of the channel's numbers."""
    output = subprocess.run([path, "--topic=tail", "--channel=tail", "--count=2", "--interval=100ms",
                             f"--nsqd-http-address=127.0.0.1:{server.http_port}"],
                            capture_output=True, text=True, timeout=DEADLINE_S, check=True).stdout
    assert re.search(r"^ +0 +0 \| +0 .*\| +0 +0 +3 +0$", output.replace("\r", ""), re.MULTILINE), output


def check_admin(server, path):
    """nsqadmin shows the node, its topics and channels, and pauses, empties and deletes them."""
    with tempfile.TemporaryFile("w+") as log:
        admin = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", path, "--http-address=127.0.0.1:0",
                                  f"--nsqd-http-address=127.0.0.1:{server.http_port}"], stdout=log, stderr=log)
        try:
            check_admin_api(server, wait_until(lambda: listening(log), "nsqadmin listens"))
        finally:
            admin.terminate()
            admin.wait()


def listening(log):
    log.seek(0)
    match = re.search(r"HTTP: listening on (\S+)", log.read())
    return match and match.group(1)


def check_admin_api(server, address):
    def call(method, path, **body):
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"http://{address}/api{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as reply:
            return json.loads(reply.read() or b"null")
    consumer = server.client()
    consumer.identify(client_id="watched", user_agent="stock_tools/1")
    consumer.subscribe("tail", "tail")
    assert call("GET", "/topics")["topics"] == ["tail"]
    node = call("GET", "/nodes")["nodes"][0]
    assert (node["version"], node["tcp_port"], node["http_port"]) == ("1.3.0", server.tcp_port, server.http_port), node
    topic = call("GET", "/topics/tail")
    assert (topic["message_count"], topic["channels"][0]["channel_name"]) == (3, "tail"), topic
    channel = call("GET", "/topics/tail/tail")
    assert channel["clients"][0]["client_id"] == "watched", channel
    assert call("GET", f"/nodes/127.0.0.1:{server.http_port}")["total_messages"] >= 0
    call("POST", "/topics/tail/tail", action="pause")
    server.wait_channel("tail", "tail", paused=True)
    call("POST", "/topics/tail/tail", action="unpause")
    call("POST", "/topics/tail/tail", action="empty")
    server.wait_channel("tail", "tail", paused=False, depth=0)
    call("POST", "/topics/tail", action="pause")
    assert server.topic("tail")["paused"] is True
    call("DELETE", "/topics/tail/tail")
    consumer.expect_closed()
    call("DELETE", "/topics/tail")
    wait_until(lambda: server.topic("tail") is None, "the topic is gone")


def main():
    checks = [(check, tool(name)) for check, name in
              ((check_tail, "nsq_tail"), (check_stat, "nsq_stat"), (check_admin, "nsqadmin"))]
    server = Server("--broadcast-address=127.0.0.1")
    for check, path in checks:
        check(server, path)
        print(f"ok {os.path.basename(path)}", flush=True)
    server.stop()


if __name__ == "__main__":
    main()
