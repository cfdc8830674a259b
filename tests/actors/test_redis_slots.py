from typing import Any

from doorward.actors.redis_slots import SLOTS, View, best_view, gaps, is_leaving, read_view

ASKED = ("asked.lan", 7000)
INFO = b"cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_current_epoch:9\r\n"
ONE, OTHER = ("10.0.0.1", 7001), ("10.0.0.2", 7002)


def node(host: bytes | None, port: int) -> list[Any]:
    return [host, port, b"0123abcd", {}]


def view(*kept: tuple[int, int], is_ok: bool = True, epoch: int = 1) -> View:
    keepers: list[tuple[str, int] | None] = [None] * SLOTS
    for first, last in kept:
        keepers[first : last + 1] = [ONE] * (last + 1 - first)
    return View(is_ok, epoch, keepers)


def test_each_slot_is_kept_by_the_master_of_its_row_and_not_by_its_replicas() -> None:
    rows = [
        [0, 99, node(b"10.0.0.1", 7001), node(b"10.0.0.9", 7009)],
        [100, SLOTS - 1, node(b"10.0.0.2", 7002)],
    ]

    read = read_view(INFO, rows, ASKED)

    assert read.is_ok
    assert read.epoch == 9
    assert read.keepers == [ONE] * 100 + [OTHER] * (SLOTS - 100)


def test_a_node_that_does_not_know_its_own_address_is_where_it_was_asked() -> None:
    for host in (b"", None, b"?"):
        read = read_view(INFO, [[0, 0, node(host, 7005)]], ASKED)

        assert read.keepers[:2] == [("asked.lan", 7005), None]


def test_a_cluster_that_does_not_work_is_read_as_such() -> None:
    read = read_view(b"cluster_state:fail\r\ncluster_current_epoch:3\r\n", [], ASKED)

    assert (read.is_ok, read.epoch) == (False, 3)


def test_who_heard_of_the_latest_epoch_is_believed_unless_it_is_cut_off() -> None:
    old, new, cut_off = view(epoch=2), view(epoch=7), view(epoch=9, is_ok=False)

    assert best_view([old, new, cut_off]) is new
    assert best_view([cut_off]) is cut_off


def test_slots_that_nobody_keeps_are_listed_in_runs() -> None:
    assert gaps(view((0, SLOTS - 1))) == []
    assert gaps(view()) == [(0, SLOTS - 1)]
    assert gaps(view((1, 5), (7, 9), (12, SLOTS - 2))) == [
        (0, 0),
        (6, 6),
        (10, 11),
        (SLOTS - 1, SLOTS - 1),
    ]


def test_only_slots_that_this_node_gives_away_are_leaving() -> None:
    said = (
        b"a1 10.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-99 [42->-b2] [7-<-b2]\n"
        b"b2 10.0.0.2:7002@17002 master - 0 0 2 connected 100-200 [150->-a1]\n"
    )

    assert is_leaving(said, 42)
    assert not is_leaving(said, 2)
    assert not is_leaving(said, 7)
    assert not is_leaving(said, 150)
