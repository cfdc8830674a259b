import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors.errors import RecordUnreadable
from doorward.actors.memory import Memory
from doorward.actors.records.sign_in import Address, Traffic

ONE, TWO = Traffic(), Address()


def test_what_was_learned_is_found() -> None:
    memory = Memory(1_000_000)

    memory.learn("a", ONE, 10)
    memory.learn("b", None, 0)

    assert memory.look("a") is ONE
    assert memory.look("b") is None
    assert memory.knows("a")
    assert memory.knows("b")
    assert len(memory) == 2


def test_what_was_never_learned_is_not_known() -> None:
    memory = Memory(1_000_000)

    assert not memory.knows("a")
    with pytest.raises(KeyError):
        memory.look("a")


def test_what_is_learned_again_replaces_what_was_known() -> None:
    memory = Memory(1_000_000)

    memory.learn("a", ONE, 10)
    memory.age()
    memory.learn("a", TWO, 10)

    assert memory.look("a") is TWO
    assert len(memory) == 1


def test_a_damaged_record_is_remembered_as_damaged() -> None:
    memory = Memory(1_000_000)
    memory.learn("a", RecordUnreadable("traffic", "junk"), 4)

    for _ in range(2):
        with pytest.raises(RecordUnreadable, match="junk"):
            memory.look("a")


def test_what_a_turn_says_it_will_read_is_still_there_when_it_does() -> None:
    memory = Memory(1_000_000)
    memory.learn("needed", ONE, 10)

    memory.age()
    assert memory.knows("needed")
    memory.age()

    assert memory.knows("needed")
    assert memory.look("needed") is ONE
    assert len(memory) == 1


def test_what_is_not_touched_between_two_ages_is_forgotten() -> None:
    memory = Memory(1_000_000)
    memory.learn("used", ONE, 10)
    memory.learn("idle", ONE, 10)

    memory.age()
    memory.look("used")
    memory.age()

    assert memory.knows("used")
    assert not memory.knows("idle")


def test_forgetting_by_prefix_forgets_in_both_generations() -> None:
    memory = Memory(1_000_000)
    memory.learn("p:1", ONE, 10)
    memory.learn("q:1", ONE, 10)
    memory.age()
    memory.learn("p:2", ONE, 10)
    memory.learn("q:2", ONE, 10)

    memory.forget("p:")

    assert [memory.knows(key) for key in ("p:1", "p:2", "q:1", "q:2")] == [False, False, True, True]


def test_forgetting_everything_leaves_room_for_everything() -> None:
    memory = Memory(10_000)
    for number in range(10):
        memory.learn(f"{number}", ONE, 50)

    memory.forget()
    empty = len(memory)
    memory.learn("a", ONE, 50)
    memory.learn("b", ONE, 50)

    assert empty == 0
    assert memory.knows("a")
    assert memory.knows("b")


def test_a_full_memory_forgets_what_was_not_used_lately() -> None:
    memory = Memory(100_000)
    memory.learn("hot", ONE, 100)

    for number in range(2_000):
        memory.learn(f"cold-{number}", None, 0)
        memory.look("hot")

    assert memory.knows("hot")
    assert not memory.knows("cold-0")
    assert len(memory) < 400


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2_000), st.booleans()), max_size=60
    )
)
def test_memory_is_bounded_and_never_wrong(steps: list[tuple[str, int, bool]]) -> None:
    memory, truth = Memory(8_000), {}

    for key, size, writes in steps:
        if writes:
            truth[key] = ONE if size % 2 else None
            memory.learn(key, truth[key], size)
        elif memory.knows(key):
            assert memory.look(key) is truth[key]

    held = memory._young_bytes  # noqa: SLF001 - the bound is what is looked at
    assert held <= 4_000
    assert all(memory.look(key) is truth[key] for key in truth if memory.knows(key))
