"""The disk under a data directory, replayed from the journal."""

import os

from .journal import Kind
from .names import Names
from .stored_file import StoredFile


class _Directory:
    pass


class Disk:
    def __init__(self, records):
        self._root = _Directory()
        self._names = Names()
        self._nodes = {}  # by inode number, which is used again when a file is gone
        for record in records:
            self._replay(record)

    def build(self, path, luck):
        """Makes the directory `path` as a power cut could leave the data directory."""
        os.mkdir(path)
        children = {}
        for (directory, name), node in sorted(self._names.entries(luck).items(), key=lambda entry: entry[0][1]):
            children.setdefault(directory, []).append((name, node))
        self._build(self._root, os.fsencode(path), children, luck)

    def _build(self, directory, path, children, luck):
        for name, node in children.get(directory, ()):
            below = os.path.join(path, name)
            if isinstance(node, _Directory):
                os.mkdir(below)
                self._build(node, below, children, luck)
            else:
                with open(below, "wb") as file:
                    file.write(node.content(luck))

    def _replay(self, record):
        kind = record.kind
        if kind == Kind.ROOT:
            self._nodes[record.node] = self._root
        elif kind in (Kind.DIRECTORY_PRESENT, Kind.FILE_PRESENT):
            node = _Directory() if kind == Kind.DIRECTORY_PRESENT else StoredFile(record.data)
            self._nodes[record.node] = node
            self._names.present(self._nodes[record.directory], record.name, node)
        elif kind in (Kind.CREATE, Kind.MKDIR):
            self._nodes[record.node] = _Directory() if kind == Kind.MKDIR else StoredFile()
            self._change(record, {self._key(record): self._nodes[record.node]})
        elif kind == Kind.UNLINK:
            self._change(record, {self._key(record): None})
        elif kind == Kind.RENAME:
            node = self._names.node(*self._key(record))
            self._change(record, {self._key(record): None, (self._nodes[record.other], record.data): node})
        else:
            self._replay_content(record, self._nodes[record.node])

    def _replay_content(self, record, node):
        if record.kind == Kind.WRITE:
            node.write(record.position, record.other, record.data)
        elif record.kind == Kind.TRUNCATE:
            node.truncate(record.position, record.other)
        elif record.kind == Kind.SYNC and isinstance(node, _Directory):
            self._names.sync(node, record.other)
        elif record.kind == Kind.SYNC:
            node.sync(record.other)
        elif isinstance(node, StoredFile):
            node.sync_failed(record.other)

    def _key(self, record):
        return self._nodes[record.directory], record.name

    def _change(self, record, changes):
        self._names.change(record.position, changes)
