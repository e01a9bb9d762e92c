"""pynsq over one transport: ../transports.py tells what this does."""

import argparse
import asyncio
import hashlib
import logging
import struct
import sys
import time

import nsq

HELD_TIMEOUT_S = 1


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("nsqd", "lookupd", "bodies", "tls-ca", "tls-cert", "tls-key", "compression", "auth-secret"):
        parser.add_argument(f"--{name}")
    return parser.parse_args()


def connection_settings(arguments):
    settings = {"auth_secret": arguments.auth_secret}
    if arguments.compression:
        settings[arguments.compression] = True
    if arguments.tls_ca:
        settings.update(tls_v1=True, tls_options={"ca_certs": arguments.tls_ca})
    if arguments.tls_cert:
        settings["tls_options"].update(certfile=arguments.tls_cert, keyfile=arguments.tls_key)
    return settings


def tell(topic, message):
    print(topic, message.attempts, hashlib.sha256(message.body).hexdigest(), flush=True)


def finish(message):
    tell("bulk", message)
    return True


async def hold(message):
    tell("held", message)
    if message.attempts == 1:
        message.requeue(backoff=False, delay=0)
        return False
    started = time.monotonic()
    while time.monotonic() < started + HELD_TIMEOUT_S * 1.5:
        message.touch()
        await asyncio.sleep(HELD_TIMEOUT_S / 5)
    return True


def read_bodies(path):
    with open(path, "rb") as file:
        while size := file.read(4):
            yield file.read(struct.unpack(">i", size)[0])


async def publish(writer, bodies):
    answers = asyncio.Queue()

    def answered(_, data):
        answers.put_nowait(data)
    while not writer.conns:
        await asyncio.sleep(0.01)
    messages = [*(("bulk", body) for body in bodies), ("held", b"held")]
    for topic, body in messages:
        writer.pub(topic, body, callback=answered)
    for _ in messages:
        data = await answers.get()
        if data != b"OK":
            raise RuntimeError(f"a publish was answered with {data!r}")


async def main():
    arguments = parse_arguments()
    settings = connection_settings(arguments)
    if arguments.lookupd:
        where = {"lookupd_http_addresses": [f"http://{arguments.lookupd}"]}
    else:
        where = {"nsqd_tcp_addresses": [arguments.nsqd]}
    nsq.Reader("bulk", "c", message_handler=finish, max_in_flight=2500, **where, **settings)
    nsq.Reader("held", "c", message_handler=hold, msg_timeout=HELD_TIMEOUT_S, **where, **settings)
    await publish(nsq.Writer([arguments.nsqd], **settings), read_bodies(arguments.bodies))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(main())
