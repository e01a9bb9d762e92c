"""The server and its SDK as installed in a directory of their own, and what is built against them.

Environment: NSQ_CMAKE, NSQ_SOURCE_DIR, NSQ_BUILD_DIR (built), NSQ_CXX, NSQ_CXX_FLAGS, NSQ_BUILD_TYPE."""

import os
import pathlib
import shutil
import subprocess

CMAKE = os.environ["NSQ_CMAKE"]
SOURCE = pathlib.Path(os.environ["NSQ_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["NSQ_BUILD_DIR"])


def run(*command, **kwargs):
    """Returns what it printed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kwargs)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} failed:\n{done.stdout}")
    return done.stdout


def install(root):
    """Installs the build into a new directory in `root`. The tests' NSQD is the one there from now on."""
    prefix = root / "installed"
    run(CMAKE, "--install", BUILD, "--prefix", prefix)
    os.environ["NSQD"] = str(prefix / "bin" / "nsqd")
    return prefix


def example(name, root, prefix):
    """Builds a copy of an installed example with every warning an error. Returns its build directory."""
    source = root / "examples" / name
    shutil.copytree(next(prefix.glob(f"share/doc/*/sdk/examples/{name}")), source)
    built = root / "built" / name
    run(CMAKE, "-S", source, "-B", built, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_COMPILER={os.environ['NSQ_CXX']}", f"-DCMAKE_CXX_FLAGS={os.environ['NSQ_CXX_FLAGS']}",
        f"-DCMAKE_BUILD_TYPE={os.environ['NSQ_BUILD_TYPE']}")
    run(CMAKE, "--build", built)
    return built


def foreign_files(built):
    """The files of the source and the build tree that went into what was built with Ninja."""
    used = run("ninja", "-C", built, "-t", "deps") + run("ninja", "-C", built, "-t", "inputs", "all")
    files = (line.strip() for line in used.splitlines())
    return [file for file in files if file.startswith((f"{SOURCE}/", f"{BUILD}/"))]


def unit_tests(built):
    return run(CMAKE.replace("cmake", "ctest"), "--test-dir", built, "--output-on-failure")
