"""Reads what shim/journal.cpp writes."""

import collections
import enum
import struct

_HEAD = struct.Struct("<IIQQQII")
_MAGIC = 0x31544C46


class Kind(enum.IntEnum):
    ROOT = 1
    DIRECTORY_PRESENT = 2
    FILE_PRESENT = 3
    CREATE = 4
    MKDIR = 5
    UNLINK = 6
    RENAME = 7
    WRITE = 8
    TRUNCATE = 9
    SYNC = 10
    SYNC_FAILED = 11


# `position` is where it stands in the journal. `node` and `directory` are inode numbers. `other` is, by kind, the
# directory renamed into (and `data` the name there), a write's offset, a size, or the position a sync covers.
Record = collections.namedtuple("Record", "position kind node directory other name data")


def read_journal(path, until=None):
    """The records that end at or before the position `until`. The last one may have been cut by a SIGKILL."""
    with open(path, "rb") as file:
        content = file.read(until)
    position = 0
    while position + _HEAD.size <= len(content):
        magic, kind, node, directory, other, name_size, data_size = _HEAD.unpack_from(content, position)
        if magic != _MAGIC:
            raise ValueError(f"{path}: no record at {position}")
        name_at = position + _HEAD.size
        data_at = name_at + name_size
        end = data_at + data_size
        if end > len(content):
            break
        yield Record(position, Kind(kind), node, directory, other, content[name_at:data_at], content[data_at:end])
        position = end
