"""Kills a server under load, again and again on one data directory, and judges what is left. See series.py."""

from .judge import judge
from .mixes import MIXES, Mix
from .record import Record
from .series import Failed, Series, run_many
