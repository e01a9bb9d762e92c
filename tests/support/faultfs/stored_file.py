"""A file as it is now, as it is for certain on the disk, and all that may be there instead after a power cut."""

import collections

SECTOR = 512

_Version = collections.namedtuple("_Version", "position content")


class StoredFile:
    """Each sector keeps the versions it had since it was last synced: any of them, or the synced one, can be what a
    power cut leaves. The same goes for the size."""

    def __init__(self, content=b""):
        self._now = bytearray(content)
        self._durable = bytearray(content)
        self._size = len(content)
        self._sizes = []
        self._sectors = collections.defaultdict(list)
        self._given_up = -1

    def write(self, position, offset, data):
        """`position`: of the record in the journal, here and below."""
        end = offset + len(data)
        self._grow(position, end)
        self._now[offset:end] = data
        self._touch(position, offset, end)

    def truncate(self, position, size):
        before = len(self._now)
        self._grow(position, size)
        if size < before:
            self._now[size:] = bytes(before - size)
            self._touch(position, size, before)
            del self._now[size:]
            self._sizes.append(_Version(position, size))

    def sync(self, covers):
        """What was written before the position `covers` is durable, but for what a failed sync has given up."""
        for sector in list(self._sectors):
            versions = self._sectors[sector]
            covered = [version for version in versions if version.position < covers]
            if not covered or covered[-1].position < self._given_up:
                continue
            self._store(sector, covered[-1].content)
            self._sectors[sector] = versions[len(covered):]
            if not self._sectors[sector]:
                del self._sectors[sector]
        covered = [version for version in self._sizes if version.position < covers]
        if covered:
            self._size = covered[-1].content
            del self._sizes[:len(covered)]

    def sync_failed(self, covers):
        """As Linux has it: the kernel takes the pages for written and a later sync does not try them again. Only
        what is written again can become durable."""
        self._given_up = covers

    def content(self, luck):
        """One of the contents a power cut can leave."""
        left = bytearray(self._durable)
        for sector, versions in sorted(self._sectors.items()):
            chosen = luck.version(len(versions))
            if chosen:
                _put(left, sector, versions[chosen - 1].content)
        size = luck.size(self._size, [version.content for version in self._sizes])
        left.extend(bytes(max(0, size - len(left))))
        return bytes(left[:size])

    def _grow(self, position, size):
        if size > len(self._now):
            self._now.extend(bytes(size - len(self._now)))
            self._sizes.append(_Version(position, size))

    def _touch(self, position, begin, end):
        for sector in range(begin // SECTOR, (end + SECTOR - 1) // SECTOR):
            content = bytes(self._now[sector * SECTOR:(sector + 1) * SECTOR])
            self._sectors[sector].append(_Version(position, content))

    def _store(self, sector, content):
        _put(self._durable, sector, content)


def _put(content, sector, bytes_there):
    begin = sector * SECTOR
    if len(content) < begin:
        content.extend(bytes(begin - len(content)))
    content[begin:begin + SECTOR] = bytes_there.ljust(SECTOR, b"\0")
