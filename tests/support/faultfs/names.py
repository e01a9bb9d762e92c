"""The names in a data directory: which are there for certain after a power cut, and which may be."""

import collections

# `changes`: {(directory, name): node or None}. `unsynced`: directories that must be synced before it is durable.
_Change = collections.namedtuple("_Change", "position changes unsynced")


class Names:
    """A change of names (creation, removal, rename) is durable when its directory, or both, were synced after it;
    syncing the file does not do it. The changes of one name keep their order; others may overtake each other."""

    def __init__(self):
        self._durable = {}
        self._now = {}
        self._pending = []

    def present(self, directory, name, node):
        self._durable[directory, name] = self._now[directory, name] = node

    def node(self, directory, name):
        return self._now[directory, name]

    def change(self, position, changes):
        self._apply(self._now, changes)
        self._pending.append(_Change(position, changes, {directory for directory, _ in changes}))

    def sync(self, directory, covers):
        for change in self._pending:
            if change.position < covers:
                change.unsynced.discard(directory)
        durable = self._with_predecessors({i for i, change in enumerate(self._pending) if not change.unsynced})
        for i in sorted(durable):
            self._apply(self._durable, self._pending[i].changes)
        self._pending = [change for i, change in enumerate(self._pending) if i not in durable]

    def entries(self, luck):
        """One of the sets of names a power cut can leave: {(directory, name): node}."""
        left = dict(self._durable)
        chosen = {i for i in range(len(self._pending)) if luck.happens()}
        for i in sorted(self._with_predecessors(chosen)):
            self._apply(left, self._pending[i].changes)
        return left

    def _with_predecessors(self, chosen):
        """Adds the earlier changes of the same names."""
        closed, touched = set(), set()
        for i in reversed(range(len(self._pending))):
            names = self._pending[i].changes.keys()
            if i in chosen or touched & names:
                closed.add(i)
                touched |= names
        return closed

    @staticmethod
    def _apply(entries, changes):
        for key, node in changes.items():
            if node is None:
                entries.pop(key, None)
            else:
                entries[key] = node
