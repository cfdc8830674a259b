"""Sorted indexes against a sorted list, and what a page of a large one touches."""

import random
from bisect import insort
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from doorward.actors.desks.gathering import together
from doorward.actors.desks.sorted_index import FANOUT, SortedIndex
from doorward.actors.host import MAX_RUNS
from doorward.actors.ledger import Ledger, Miss
from doorward.actors.records.codec import encode
from doorward.actors.records.index import IndexKey, IndexNode, IndexRoot
from doorward.actors.records.record import Record

T = TypeVar("T")


class Shelf:
    """A store and a memory in front of it that is told what was missed, as a host does."""

    def __init__(self) -> None:
        self.stored: dict[str, Record] = {}
        self.known: set[str] = set()
        self.looked: set[str] = set()
        self.runs = 0

    def knows(self, key: str) -> bool:
        return key in self.known

    def look(self, key: str) -> Record | None:
        if key not in self.known:
            raise KeyError(key)
        self.looked.add(key)
        return self.stored.get(key)

    def forget(self) -> None:
        self.known.clear()
        self.looked.clear()

    def run(self, step: Callable[[SortedIndex], T], *, fanout: int = FANOUT) -> T:
        """Run a step on the index until it misses nothing; take over what it staged."""
        for runs in range(1, 100):
            ledger = Ledger(self, {}, prefix="p:", shared="s:")
            try:
                answer = step(SortedIndex(ledger, "x", fanout=fanout))
            except Miss as miss:
                missed = miss.keys
            else:
                missed = ()
            if missed:
                assert not ledger.writes, "what missed must stage nothing"
                assert not self.known.issuperset(missed), "what is known is no miss"
                self.known.update(missed)
                continue
            self.runs = max(self.runs, runs)
            for key, write in ledger.writes.items():
                self.known.add(key)
                if write.record is None:
                    self.stored.pop(key, None)
                else:
                    self.stored[key] = write.record
            return answer
        raise AssertionError("it never had enough")

    def insert(self, key: IndexKey, *, fanout: int = FANOUT) -> bool:
        return self.run(lambda index: index.insert(key), fanout=fanout)

    def remove(self, key: IndexKey, *, fanout: int = FANOUT) -> bool:
        return self.run(lambda index: index.remove(key), fanout=fanout)

    def listed(self, *, fanout: int = FANOUT, limit: int = 7) -> list[IndexKey]:
        """Page through all of it."""
        found: list[IndexKey] = []
        while True:
            after = found[-1] if found else None
            page = self.run(lambda index, a=after: index.page(after=a, limit=limit), fanout=fanout)
            found += page
            if len(page) < limit:
                return found


KEYS = st.tuples(st.integers(0, 40), st.sampled_from(["a", "b", "c"]))


class Index(RuleBasedStateMachine):
    """An index of small nodes, so that it is deep, and often forgotten, so that it misses."""

    @initialize(fanout=st.sampled_from([4, 5, 8, 11]))
    def open(self, fanout: int) -> None:
        self.shelf = Shelf()
        self.fanout = fanout
        self.model: list[IndexKey] = []

    @rule(keys=st.lists(KEYS, max_size=30))
    def insert(self, keys: list[IndexKey]) -> None:
        for key in keys:
            assert self.shelf.insert(key, fanout=self.fanout) == (key not in self.model)
            if key not in self.model:
                insort(self.model, key)

    @rule(keys=st.lists(KEYS, max_size=60), run=st.integers(0, 40))
    def insert_all(self, keys: list[IndexKey], run: int) -> None:
        keys += [(start, "e") for start in range(run, run + len(keys))]
        fresh = set(keys) - set(self.model)

        added = self.shelf.run(lambda index: index.insert_all(keys), fanout=self.fanout)

        assert added == len(fresh)
        for key in fresh:
            insort(self.model, key)

    @rule(start=st.integers(0, 40), step=st.sampled_from([1, -1]))
    def insert_in_order(self, start: int, step: int) -> None:
        self.insert([(start + step * number, "d") for number in range(20)])

    @rule(keys=st.lists(KEYS, max_size=30))
    def remove(self, keys: list[IndexKey]) -> None:
        for key in keys:
            assert self.shelf.remove(key, fanout=self.fanout) == (key in self.model)
            if key in self.model:
                self.model.remove(key)

    @rule(data=st.data(), share=st.sampled_from([2, 3, 1]))
    def remove_many(self, data: st.DataObject, share: int) -> None:
        order = data.draw(st.permutations(self.model))
        self.remove(order[::share])

    @rule(after=KEYS, limit=st.integers(1, 50))
    def page(self, after: IndexKey, limit: int) -> None:
        page = self.shelf.run(
            lambda index: index.page(after=after, limit=limit), fanout=self.fanout
        )

        assert page == [key for key in reversed(self.model) if key < after][:limit]

    @rule()
    def forget(self) -> None:
        self.shelf.forget()

    @invariant()
    def it_holds_what_the_model_holds(self) -> None:
        if hasattr(self, "model"):
            assert self.shelf.listed(fanout=self.fanout) == self.model[::-1]
            assert self.shelf.run(lambda index: index.count) == len(self.model)

    @invariant()
    def every_record_is_part_of_it_and_none_is_overfull(self) -> None:
        if not hasattr(self, "model") or not self.model:
            assert not hasattr(self, "model") or self.shelf.stored == {}
            return
        root = self.shelf.stored["p:index-root:x"]
        assert isinstance(root, IndexRoot)
        reached, nodes = set(), [root]
        while nodes:
            node = nodes.pop()
            assert 0 < len(node.keys) <= self.fanout
            assert not node.children or len(node.children) == len(node.keys)
            names = {f"p:index:x-{number}" for number in node.children}
            assert not reached & names
            reached |= names
            nodes += [self.shelf.stored[name] for name in names]
        assert len(root.children) != 1
        assert reached == set(self.shelf.stored) - {"p:index-root:x"}


Index.TestCase.settings = settings(max_examples=60, stateful_step_count=15)
test_an_index_behaves_as_a_sorted_list = Index.TestCase


@pytest.mark.parametrize("fanout", [4, 6, 8])
@pytest.mark.parametrize("seed", range(4))
def test_ranges_that_are_cleared_and_filled_again_stay_in_order(fanout: int, seed: int) -> None:
    shelf, chance = Shelf(), random.Random(seed)
    model: set[int] = set()

    for turn in range(80):
        start, width = chance.randrange(2_000), chance.choice([5, 50, 400])
        touched = chance.sample(range(start, start + width), k=chance.randrange(1, width))
        for at in sorted(touched) if chance.random() < 0.3 else touched:
            if turn % 2:
                assert shelf.remove((at, "x"), fanout=fanout) == (at in model)
                model.discard(at)
            else:
                assert shelf.insert((at, "x"), fanout=fanout) == (at not in model)
                model.add(at)
        if turn % 5 == 0:
            found = [at for at, _ in shelf.listed(fanout=fanout, limit=500)]
            assert found == sorted(model, reverse=True)


@pytest.mark.parametrize("step", [1, -1])
def test_keys_that_come_in_order_amid_others_leave_no_empty_nodes_behind(step: int) -> None:
    shelf = filled(1_000, order="forwards")

    # Between two full leaves: past the end of one, before the start of the other.
    for number in range(2_000)[::step]:
        shelf.insert((FANOUT - 1, f"~{number:04}"))

    assert len(shelf.stored) < 3_000 / (FANOUT / 3)


def filled(count: int, *, order: str) -> Shelf:
    shelf = Shelf()
    keys = [(number, f"{number:032x}") for number in range(count)]
    if order == "random":
        random.Random(1).shuffle(keys)
    if order == "backwards":
        keys.reverse()
    for key in keys:
        shelf.insert(key)
    return shelf


@pytest.mark.parametrize("order", ["forwards", "backwards", "random"])
def test_ten_thousand_keys_page_through_touching_little_at_a_time(order: str) -> None:
    shelf = filled(10_000, order=order)

    found: list[IndexKey] = []
    most = 0
    while True:
        shelf.forget()
        after = found[-1] if found else None
        page = shelf.run(lambda index, a=after: index.page(after=a, limit=20))
        most = max(most, len(shelf.known))
        found += page
        if len(page) < 20:
            break

    assert [at for at, _ in found] == list(range(9_999, -1, -1))
    assert most <= 6
    assert shelf.runs <= 6


@pytest.mark.parametrize(("order", "nodes"), [("forwards", 165), ("backwards", 165)])
def test_keys_that_come_in_order_leave_full_nodes_behind(order: str, nodes: int) -> None:
    assert len(filled(10_000, order=order).stored) <= nodes


@pytest.mark.parametrize("order", ["forwards", "random"])
def test_a_record_stays_small(order: str) -> None:
    shelf = filled(10_000, order=order)
    late = 2**41

    for number in range(100):
        shelf.insert((late + number, f"{number:032x}"))

    assert max(len(encode(record)) for record in shelf.stored.values()) < 4_096


def test_a_hundred_keys_cost_no_more_runs_than_a_turn_has_though_nothing_is_in_memory() -> None:
    shelf = filled(30_000, order="random")
    shelf.forget()
    shelf.runs = 0

    page = shelf.run(lambda index: index.page(limit=100))
    shelf.forget()
    shelf.insert((15_000, "new"))
    shelf.forget()
    shelf.remove((15_000, "new"))

    assert len(page) == 100
    assert shelf.runs <= MAX_RUNS // 2


def test_a_thinned_out_index_gives_its_records_back() -> None:
    shelf = filled(5_000, order="random")
    before = len(shelf.stored)

    for number in range(5_000):
        if number % 50:
            shelf.remove((number, f"{number:032x}"))

    assert len(shelf.stored) < before / 10
    assert [at for at, _ in shelf.listed()] == list(range(4_950, -1, -50))


def test_an_emptied_index_leaves_nothing() -> None:
    shelf = filled(1_000, order="random")

    for number in random.Random(2).sample(range(1_000), 1_000):
        assert shelf.remove((number, f"{number:032x}"))

    assert shelf.stored == {}


def test_a_small_index_is_one_record() -> None:
    shelf = filled(FANOUT, order="random")

    assert set(shelf.stored) == {"p:index-root:x"}


def test_many_operations_miss_a_level_of_all_their_nodes_at_once() -> None:
    shelf = filled(10_000, order="random")
    shelf.forget()
    wanted = [(number, f"{number:032x}") for number in range(0, 10_000, 100)]
    runs = 0

    while True:
        runs += 1
        ledger = Ledger(shelf, {}, prefix="p:", shared="s:")
        try:
            index = SortedIndex(ledger, "x")
            together(*(partial(index.remove, key) for key in wanted))
        except Miss as miss:
            shelf.known.update(miss.keys)
        else:
            break

    assert runs <= 5
    assert index.count == 9_900


def test_a_lost_node_is_told_and_not_taken_for_an_empty_one() -> None:
    shelf = filled(200, order="forwards")
    lost = next(key for key, node in shelf.stored.items() if isinstance(node, IndexNode))
    del shelf.stored[lost]

    with pytest.raises(LookupError, match="lost its node"):
        shelf.listed()
