"""Switches the library in a running process."""

import contextlib
import os
import shutil
import tempfile


def available():
    """The path of the library, from the environment variable FAULTFS; None if it is not there."""
    path = os.environ.get("FAULTFS", "")
    return os.path.abspath(path) if os.path.isfile(path) else None


class Faults:
    """The control directory for one data directory. Start processes with `environment`."""

    def __init__(self, data_path, record=False):
        """`record`: whether what is done to the data directory goes into the journal."""
        self.directory = tempfile.mkdtemp(prefix="faultfs-")
        self.journal = os.path.join(self.directory, "journal")
        self.environment = {
            "LD_PRELOAD": available(),
            "FAULTFS_DATA": os.path.realpath(data_path),
            "FAULTFS_CONTROL": self.directory,
        }
        if record:
            with open(self.journal, "xb"):
                pass

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def set(self, *rules):
        """From now on calls fail as these lines say, and no others."""
        path = os.path.join(self.directory, "rules")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + ".held")
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write("".join(rule + "\n" for rule in rules))
        os.rename(path + ".new", path)

    def is_holding(self):
        """Whether a rule with HOLD has kept a call waiting since set()."""
        return os.path.exists(os.path.join(self.directory, "rules.held"))

    def clear(self):
        self.set()

    @contextlib.contextmanager
    def on(self, *rules):
        self.set(*rules)
        try:
            yield
        finally:
            self.clear()

    def recorded(self):
        """How long the journal is. What was known before this call stands before this position."""
        return os.stat(self.journal).st_size
