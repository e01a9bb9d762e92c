"""Runs the tests of one language's client libraries: run.py (go|python|node) --build-dir=DIR, with the server in NSQD.

They are its program "interop", for what the NSQ library does with messages, for Python and Node "stomp", in which a
STOMP library and that one exchange them, and then all transports (transports.py); with --transport=NAME, as often as
needed, only these transports.

The libraries and their dependencies come from their package registries, pinned, into the build directory, once. What is
not there (the language, the network) is a skip (exit code 77); with CI=true in the environment it is a failure."""

import argparse
import collections
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import transports  # noqa: E402
from nsqtest import Server  # noqa: E402

SKIP = 77
INSTALL_DEADLINE_S = 600
RUN_DEADLINE_S = 600

# Commands. Go has no `stomp`, the others no `cluster`.
Programs = collections.namedtuple("Programs", "interop transport stomp cluster", defaults=(None, None))


class Missing(Exception):
    """Something the tests need is not there."""


def find(program):
    path = shutil.which(program)
    if not path:
        raise Missing(f"{program} is not installed")
    return path


def fetch(what, command, **kwargs):
    """Runs a package client. Any failure of it counts as the network missing."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=INSTALL_DEADLINE_S, check=False, **kwargs)
    if done.returncode != 0:
        raise Missing(f"{what} cannot be installed:\n{done.stdout[-3000:]}")


def fingerprint(*files):
    """Of these files, and of what is done with them here."""
    digest = hashlib.sha256()
    for file in (*files, os.path.abspath(__file__)):
        with open(file, "rb") as content:
            digest.update(content.read())
    return digest.hexdigest()


def prepared(directory, mark):
    """Whether an earlier run has prepared the directory for just these files."""
    try:
        with open(os.path.join(directory, "prepared"), encoding="ascii") as file:
            return file.read() == mark
    except FileNotFoundError:
        return False


def set_prepared(directory, mark):
    with open(os.path.join(directory, "prepared"), "w", encoding="ascii") as file:
        file.write(mark)


def fresh(directory):
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)


def prepare_go(build):
    """go-nsq: compiles the programs."""
    source = os.path.join(HERE, "go")
    interop = os.path.join(build, "interop.test")
    programs = {name: os.path.join(build, name) for name in ("transport", "cluster")}
    files = [os.path.join(source, name)
             for name in ("go.mod", "go.sum", "interop_test.go", *(f"{name}/main.go" for name in programs))]
    mark = fingerprint(*files)
    if not prepared(build, mark):
        go = find("go")
        fresh(build)
        fetch("go-nsq", [go, "mod", "download"], cwd=source)
        for command in (["test", "-c", "-o", interop],
                        *(["build", "-o", path, f"./{name}"] for name, path in programs.items())):
            subprocess.run([go, *command], cwd=source, check=True, timeout=INSTALL_DEADLINE_S)
        set_prepared(build, mark)
    return Programs([interop, "-test.v", "-test.timeout=300s"], **{name: [path] for name, path in programs.items()})


def prepare_python(build):
    """pynsq and stomp.py: makes a virtual environment."""
    source = os.path.join(HERE, "python")
    needs = [os.path.join(source, name) for name in ("requirements-build.txt", "requirements.txt")]
    python = os.path.join(build, "bin", "python")
    mark = fingerprint(*needs)
    if not prepared(build, mark):
        if sys.version_info >= (3, 12):
            raise Missing("this Python is not before 3.12, as requirements.txt's tornado needs (ssl.match_hostname)")
        fresh(build)
        fetch("a virtual environment", [sys.executable, "-m", "venv", build])
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        fetch("setuptools", [*pip, "-r", needs[0]])
        fetch("pynsq and stomp.py", [*pip, "--no-build-isolation", "-r", needs[1]])
        set_prepared(build, mark)
    scripts = ("interop.py", "transport.py", "stomp_interop.py")
    return Programs(*([python, "-B", os.path.join(source, name)] for name in scripts))


def prepare_node(build):
    """nsqjs and stompjs: installs them without scripts of packages, which an optional part, snappy, has no need of."""
    source = os.path.join(HERE, "node")
    node, npm = find("node"), find("npm")
    files = [os.path.join(source, name) for name in ("package.json", "package-lock.json")]
    mark = fingerprint(*files)
    if not prepared(build, mark):
        fresh(build)
        for file in files:
            shutil.copy(file, build)
        fetch("nsqjs and stompjs", [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=build)
        set_prepared(build, mark)
    # Beside node_modules, where node looks for what the programs require.
    scripts = ("interop.js", "transport.js", "stomp.js")
    for script in (*scripts, "bench.js"):
        shutil.copy(os.path.join(source, script), build)
    return Programs(*([node, os.path.join(build, script)] for script in scripts))


def skip(reason):
    """The exit code when something is missing."""
    if os.environ.get("CI") == "true":
        print(f"FAILED: in CI nothing may be skipped: {reason}")
        return 1
    print(f"SKIPPED: {reason}")
    return SKIP


# Each returns Programs.
PREPARE = {"go": prepare_go, "python": prepare_python, "node": prepare_node}


def run_interop(command, *flags):
    """Runs the client's tests against a server of their own, with these flags. Returns whether all is well."""
    server = Server(*flags)
    environment = {**os.environ, "NSQD_TCP": f"127.0.0.1:{server.tcp_port}",
                   "NSQD_HTTP": f"127.0.0.1:{server.http_port}"}
    code = subprocess.run(command, env=environment, timeout=RUN_DEADLINE_S, check=False).returncode
    if code != 0:
        print("the end of the server's log:", "".join(server.log_lines[-50:]), sep="\n", flush=True)
    server.stop()
    return code == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=PREPARE)
    parser.add_argument("--build-dir", required=True)
    parser.add_argument("--transport", action="append", choices=[each.name for each in transports.TRANSPORTS])
    arguments = parser.parse_args()
    build = os.path.join(os.path.abspath(arguments.build_dir), arguments.client)
    os.makedirs(build, exist_ok=True)
    try:
        programs = PREPARE[arguments.client](build)
    except Missing as reason:
        return skip(reason)
    well = arguments.transport is not None or run_interop(programs.interop)
    if arguments.transport is None and programs.stomp:
        well = run_interop(programs.stomp, "--plugin=stomp") and well
    well = transports.run(arguments.client, programs.transport, only=arguments.transport) and well
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
