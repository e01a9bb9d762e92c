"""Host names of a server's own, and a double of a name server. Both need root (see can_have_names)."""

import os
import socket
import struct
import subprocess
import tempfile
import threading

from .waiting import DEADLINE_S


def can_have_names():
    """Whether this process may give a server names of its own."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


class Names:
    """An /etc/hosts and an /etc/resolv.conf, and what to begin a command with for it to see them."""

    def __init__(self, hosts="", name_server=None):
        """`hosts`: lines of /etc/hosts. `name_server`: an address, whose port is 53."""
        self._directory = tempfile.TemporaryDirectory(prefix="nsqd-names-")
        mounts = ""
        for name, text in (("hosts", hosts), ("resolv.conf", f"nameserver {name_server}\n" if name_server else "")):
            path = os.path.join(self._directory.name, name)
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            mounts += f"mount --bind {path} /etc/{name} && "
        self.prefix = ["unshare", "--mount", "sh", "-c", mounts + 'exec "$@"', "names"]

    def close(self):
        self._directory.cleanup()


class HangingNameServer:
    """Answers over UDP that the answer is too long for it, and then says nothing over TCP."""

    def __init__(self):
        self.connections = []
        for last in range(10, 250):
            self.address = f"127.0.53.{last}"
            try:
                self._tcp = socket.create_server((self.address, 53), backlog=100)
                break
            except OSError:
                continue  # another test has it
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((self.address, 53))
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._answer, self._accept)]
        for thread in self._threads:
            thread.start()

    def close(self):
        for listener in (self._tcp, self._udp):
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # not connected, says UDP, and ends the wait none the less
            listener.close()
        for thread in self._threads:
            thread.join(DEADLINE_S)
        for connection in self.connections:
            connection.close()

    def _answer(self):
        try:
            while True:
                question, client = self._udp.recvfrom(4096)
                if len(question) < 12:
                    return
                # A response, truncated; one question and nothing else.
                head = question[:2] + struct.pack(">5H", 0x8380, 1, 0, 0, 0)
                end = question.index(b"\0", 12) + 5
                self._udp.sendto(head + question[12:end], client)
        except OSError:
            return

    def _accept(self):
        try:
            while True:
                self.connections.append(self._tcp.accept()[0])
        except OSError:
            return
