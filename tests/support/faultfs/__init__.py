"""Disk failures for a process under test: errors switched on and off, and power cuts. See README.md."""

from .control import Faults, available
from .disk import Disk
from .journal import read_journal
from .power_cut import Luck, build_image
