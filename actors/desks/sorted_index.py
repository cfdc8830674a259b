"""A sorted set of keys over the ledger: a B+ tree whose nodes are records of a few KB.

Ten thousand orders of one buyer must page through without any of them being loaded that is not
shown, and one more must not rewrite them all: so neither one big record nor one per key will do.

*Shape.* The root lies in a record of its own name, so an index of up to ``FANOUT`` keys is one
record. Only leaves hold keys; an inner node holds its children's numbers with a lower bound each.
A number is never given twice while the index lives.

*Misses.* A descent misses one level at a time, three levels for a hundred thousand keys. Every
operation reads all it needs before it stages anything: one that misses leaves the index as it was,
also for others in the same run (``gathering.together``).

*Filling.* A full node is halved, but at either end of the index only the new key moves on: keys
that come in order, as times do, leave full nodes behind. A node under a quarter full joins one
beside it where both fit into one; an empty one goes.

Source: D. Comer, "The Ubiquitous B-Tree", ACM Computing Surveys 11 (1979).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from doorward.actors.ledger import Ledger, Miss
from doorward.actors.records.index import IndexKey, IndexNode, IndexRoot

FANOUT: Final = 64
"""64 keys of 44 bytes: a leaf stays under 3 KB, and is written whole whenever it changes."""
_WORTH_MERGING: Final = 4
"""Keys; so few are put in their places one by one with less work."""
_ROOT: Final = 0
_NO_ROOT: Final = IndexRoot()


class _Node(NamedTuple):
    """A node by its number, and where in it the way went on."""

    number: int
    keys: tuple[IndexKey, ...]
    children: tuple[int, ...]
    slot: int


class SortedIndex:
    """One index of a storefront; as short-lived as the turn whose ledger it works on."""

    __slots__ = ("_fanout", "_ledger", "_name", "_root", "_staged")

    def __init__(self, ledger: Ledger, name: str, *, fanout: int = FANOUT) -> None:
        """Work on the index of this name; ``fanout`` must be the same every time.

        Raises:
            Miss: When its root is not in memory.
        """
        self._ledger = ledger
        self._name = name
        self._fanout = fanout
        self._root = ledger.get(IndexRoot, name) or _NO_ROOT
        self._staged: dict[int, IndexNode | None] = {}

    @property
    def count(self) -> int:
        """How many keys there are."""
        return self._root.count

    def insert(self, key: IndexKey) -> bool:
        """Add a key; False when it was there already.

        Raises:
            Miss: When a node on the way is not in memory; nothing is staged then.
        """
        self._staged.clear()
        added = self._insert(key, self._way(key))
        if added:
            self._stage()
        return added

    def _insert(self, key: IndexKey, way: Sequence[_Node]) -> bool:
        *path, leaf = way
        if _holds(leaf, key):
            return False
        cut = self._cut(path, leaf)
        names = self._root.names
        node = leaf._replace(keys=_with(leaf.keys, leaf.slot, key))
        while node.number != _ROOT and len(node.keys) > self._fanout:
            names += 1
            node = self._split(node, path.pop(), names, cut)
        if node.number != _ROOT:
            self._write(node.number, node.keys, node.children)
            node = _Node(_ROOT, self._root.keys, self._root.children, 0)
        elif len(node.keys) > self._fanout:
            node = self._deepened(node, names, cut)
            names += 2
        self._settle(node, names, self._root.count + 1)
        return True

    def insert_all(self, keys: Iterable[IndexKey]) -> int:
        """Add many keys; those that lie together cost little more than one of them.

        Returns:
            How many were not there before.

        Raises:
            Miss: Naming all nodes on the ways that are not in memory; nothing is staged then.
        """
        self._staged.clear()
        before, names = self._root.count, self._root.names
        groups = self._grouped(sorted(set(keys)))
        for group, way in groups:
            # Groups lie in different leaves: a way stays true until a node is split.
            if len(group) == 1 and self._root.names == names:
                self._insert(group[0], way)
                continue
            left = group
            while left:
                left = left[self._fill(left) :]
        if self._root.count != before:
            self._stage()
        return self._root.count - before

    def remove(self, key: IndexKey) -> bool:
        """Take a key out; False when it was not there.

        Raises:
            Miss: When a node on the way, or one beside it, is not in memory; nothing is staged.
        """
        self._staged.clear()
        *path, leaf = self._way(key, beside=True)
        if not _holds(leaf, key):
            return False
        node = leaf._replace(keys=_without(leaf.keys, leaf.slot))
        while node.number != _ROOT:
            joined = self._joined(node, path[-1]) if self._is_scant(node.keys) else None
            if joined is None:
                self._write(node.number, node.keys, node.children)
                node = _Node(_ROOT, self._root.keys, self._root.children, 0)
                break
            node = joined
            path.pop()
        self._settle(self._shrunk(node), self._root.names, self._root.count - 1)
        self._stage()
        return True

    def page(self, *, after: IndexKey | None = None, limit: int) -> list[IndexKey]:
        """List keys, greatest first, from below ``after`` on (None: from the greatest).

        Raises:
            Miss: When a node is not in memory.
        """
        found: list[IndexKey] = []
        self._collect(self._root, after, limit, found)
        return found

    def _grouped(self, keys: Sequence[IndexKey]) -> list[tuple[list[IndexKey], Sequence[_Node]]]:
        """Part sorted keys by the leaf that each belongs to now, with the way to it."""
        groups: list[tuple[list[IndexKey], Sequence[_Node]]] = []
        missing: dict[str, None] = {}
        bound: IndexKey | None = None
        for key in keys:
            if groups and (bound is None or key < bound):
                groups[-1][0].append(key)
                continue
            try:
                way = self._way(key)
                groups.append(([key], way))
                bound = _bound(way)
            except Miss as miss:
                missing.update(dict.fromkeys(miss.keys))
                groups.append(([key], ()))
                bound = key
        if missing:
            raise Miss(tuple(missing))
        return groups

    def _fill(self, keys: Sequence[IndexKey]) -> int:
        """Add the first of sorted keys, and those after it that find room in the same leaf.

        Returns:
            How many were seen to.
        """
        if len(keys) < _WORTH_MERGING:
            self._insert(keys[0], self._way(keys[0]))
            return 1
        way = self._way(keys[0])
        leaf, bound = way[-1], _bound(way)
        end = len(keys) if bound is None else bisect_left(keys, bound)
        part = keys[: min(self._fanout - len(leaf.keys), end)]
        if len(part) < _WORTH_MERGING:
            self._insert(keys[0], self._way(keys[0]))
            return 1
        filled = tuple(dict.fromkeys(sorted((*leaf.keys, *part))))
        root = _Node(_ROOT, self._root.keys, self._root.children, 0)
        if leaf.number == _ROOT:
            root = root._replace(keys=filled)
        else:
            self._write(leaf.number, filled, ())
        added = len(filled) - len(leaf.keys)
        if added:
            self._settle(root, self._root.names, self._root.count + added)
        return len(part)

    def _way(self, key: IndexKey, *, beside: bool = False) -> list[_Node]:
        """Find the way to a key's place, root first; with ``beside``, read neighbours too."""
        number = _ROOT
        node: IndexRoot | IndexNode = self._root
        path = []
        while children := node.children:
            slot = max(0, bisect_right(node.keys, key) - 1)
            path.append(_Node(number, node.keys, children, slot))
            if beside:
                self._need(children[max(0, slot - 1) : slot + 2])
            number = children[slot]
            node = self._node(number)
        path.append(_Node(number, node.keys, (), bisect_left(node.keys, key)))
        return path

    def _cut(self, path: Sequence[_Node], leaf: _Node) -> int | None:
        """Tell where to cut overfull nodes: at the index's ends, only the new key goes."""
        if leaf.slot == len(leaf.keys) and all(n.slot == len(n.keys) - 1 for n in path):
            return -1
        if leaf.slot == 0 and all(n.slot == 0 for n in path):
            return 1
        return None

    def _split(self, node: _Node, parent: _Node, number: int, cut: int | None) -> _Node:
        """Halve a node; return its parent with the new half in it."""
        at = len(node.keys) // 2 if cut is None else cut
        self._write(node.number, node.keys[:at], node.children[:at])
        self._write(number, node.keys[at:], node.children[at:])
        slot = parent.slot + 1
        return parent._replace(
            keys=_with(parent.keys, slot, node.keys[at]),
            children=(*parent.children[:slot], number, *parent.children[slot:]),
        )

    def _deepened(self, root: _Node, names: int, cut: int | None) -> _Node:
        """Halve an overfull root into two nodes below it."""
        at = len(root.keys) // 2 if cut is None else cut
        self._write(names + 1, root.keys[:at], root.children[:at])
        self._write(names + 2, root.keys[at:], root.children[at:])
        return _Node(_ROOT, (root.keys[0], root.keys[at]), (names + 1, names + 2), 0)

    def _is_scant(self, keys: Sequence[IndexKey]) -> bool:
        return len(keys) < max(2, self._fanout // 4)

    def _joined(self, node: _Node, parent: _Node) -> _Node | None:
        """Join a scant node with one beside it; return its parent, or None where nothing fits."""
        if not node.keys:
            self._staged[node.number] = None
            return _closed_up(parent, parent.slot)
        for left in (parent.slot - 1, parent.slot):
            right = left + 1
            if left < 0 or right == len(parent.children):
                continue
            beside = self._node(parent.children[left if right == parent.slot else right])
            if len(beside.keys) + len(node.keys) > self._fanout:
                continue
            pair = (beside, node) if right == parent.slot else (node, beside)
            keys = pair[1].keys
            if node.children:
                # Below the right one's first child lie keys down to the parent's bound.
                keys = (parent.keys[right], *keys[1:])
            self._write(
                parent.children[left],
                (*pair[0].keys, *keys),
                (*pair[0].children, *pair[1].children),
            )
            self._staged[parent.children[right]] = None
            return _closed_up(parent, right)
        return None

    def _shrunk(self, root: _Node) -> _Node:
        """Put an only child in its place."""
        while len(root.children) == 1:
            (number,) = root.children
            child = self._node(number)
            self._staged[number] = None
            root = _Node(_ROOT, child.keys, child.children, 0)
        return root

    def _collect(
        self,
        node: IndexRoot | IndexNode,
        after: IndexKey | None,
        limit: int,
        found: list[IndexKey],
    ) -> None:
        keys, children = node.keys, node.children
        end = len(keys) if after is None else bisect_left(keys, after)
        if not children:
            found.extend(reversed(keys[max(0, end - limit + len(found)) : end]))
            return
        for slot in range(max(0, end - 1), -1, -1):
            if len(found) >= limit:
                return
            ahead = (limit - len(found)) // max(1, self._fanout // 2)
            self._need(children[max(0, slot - ahead) : slot + 1])
            self._collect(self._node(children[slot]), after, limit, found)

    def _need(self, numbers: Sequence[int]) -> None:
        self._ledger.need(*((IndexNode, f"{self._name}-{number}") for number in numbers))

    def _node(self, number: int) -> IndexNode:
        node = self._staged.get(number) or self._ledger.get(IndexNode, f"{self._name}-{number}")
        if node is None:
            raise LookupError(f"index {self._name} lost its node {number}")
        return node

    def _write(self, number: int, keys: tuple[IndexKey, ...], children: tuple[int, ...]) -> None:
        self._staged[number] = IndexNode(keys, children)

    def _settle(self, root: _Node, names: int, count: int) -> None:
        self._root = IndexRoot(root.keys, root.children, names, count) if count else _NO_ROOT

    def _stage(self) -> None:
        """Stage what an operation changed; an index without keys has no record at all."""
        for number, node in self._staged.items():
            name = f"{self._name}-{number}"
            if node is None:
                self._ledger.delete(IndexNode, name)
            else:
                self._ledger.put(node, name)
        self._staged.clear()
        if self._root.count:
            self._ledger.put(self._root, self._name)
        else:
            self._ledger.delete(IndexRoot, self._name)


def _bound(way: Sequence[_Node]) -> IndexKey | None:
    """Tell what the keys of a leaf lie below; None at the end of the index."""
    for node in reversed(way[:-1]):
        if node.slot + 1 < len(node.keys):
            return node.keys[node.slot + 1]
    return None


def _holds(leaf: _Node, key: IndexKey) -> bool:
    return leaf.slot < len(leaf.keys) and leaf.keys[leaf.slot] == key


def _with(keys: tuple[IndexKey, ...], slot: int, key: IndexKey) -> tuple[IndexKey, ...]:
    return (*keys[:slot], key, *keys[slot:])


def _without(keys: tuple[IndexKey, ...], slot: int) -> tuple[IndexKey, ...]:
    return keys[:slot] + keys[slot + 1 :]


def _closed_up(parent: _Node, slot: int) -> _Node:
    """Take a child out of its parent."""
    children = parent.children[:slot] + parent.children[slot + 1 :]
    return parent._replace(keys=_without(parent.keys, slot), children=children)
