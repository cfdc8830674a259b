import pytest

from doorward.actors.errors import RecordUnreadable
from doorward.actors.ledger import Ledger, Miss, Write
from doorward.actors.memory import Memory
from doorward.actors.partitions import record_prefix, shared_prefix
from doorward.actors.records.mail import MailJob, SignInLetter
from doorward.actors.records.sign_in import Address, Session, Traffic
from doorward.actors.records.storefronts import KeyOwner

PREFIX = record_prefix("alpha")
SHARED = shared_prefix(180)
TRAFFIC = f"{PREFIX}traffic:"
SESSION = Session(customer_id="c", created_at_ms=1, expires_at_ms=2)


def ledger(memory: Memory | None = None, staged: dict[str, Write] | None = None) -> Ledger:
    return Ledger(memory or Memory(1_000_000), staged or {}, prefix=PREFIX, shared=SHARED)


def knowing(**records: object) -> Memory:
    memory = Memory(1_000_000)
    for name, record in records.items():
        memory.learn(f"{PREFIX}{name}:", record, 10)  # type: ignore[arg-type]
    return memory


def test_what_is_not_in_memory_is_missed_by_its_full_key() -> None:
    with pytest.raises(Miss) as missed:
        ledger().get(Address, "1")

    assert missed.value.keys == (f"{PREFIX}address:1",)


def test_absence_that_is_known_is_no_miss() -> None:
    assert ledger(knowing(traffic=None)).get(Traffic) is None


def test_a_read_finds_what_memory_holds() -> None:
    traffic = Traffic()

    assert ledger(knowing(traffic=traffic)).get(Traffic) is traffic


def test_a_turn_reads_its_own_writes_before_all_others() -> None:
    old, staged, own = Traffic(), Traffic(), Traffic()
    turn = ledger(knowing(traffic=old), {TRAFFIC: Write(staged, None)})

    before = turn.get(Traffic)
    turn.put(own)

    assert before is staged
    assert turn.get(Traffic) is own


def test_a_deletion_hides_what_was_there() -> None:
    turn = ledger(knowing(traffic=Traffic()))

    turn.delete(Traffic)

    assert turn.get(Traffic) is None
    assert turn.writes == {TRAFFIC: Write(None, None)}


def test_a_staged_deletion_hides_what_memory_holds() -> None:
    turn = ledger(knowing(traffic=Traffic()), {TRAFFIC: Write(None, None)})

    assert turn.get(Traffic) is None


def test_what_is_put_says_how_long_it_is_kept() -> None:
    turn = ledger()

    turn.put(SESSION, "1", keep_ms=5)
    turn.put(Traffic())

    assert turn.writes == {
        f"{PREFIX}session:1": Write(SESSION, 5),
        TRAFFIC: Write(Traffic(), None),
    }


def test_everything_that_is_needed_is_missed_at_once() -> None:
    turn = ledger(knowing(traffic=None), {f"{PREFIX}address:2": Write(None, None)})
    turn.put(Address(), "3")

    with pytest.raises(Miss) as missed:
        turn.need(*((Address, str(number)) for number in range(5)), (Traffic, ""))

    wanted = [f"{PREFIX}address:{number}" for number in (0, 1, 4)]
    assert missed.value.keys == tuple(wanted)


def test_what_is_all_there_is_not_missed() -> None:
    ledger(knowing(traffic=None)).need((Traffic, ""))


def test_shared_records_lie_beside_the_storefronts() -> None:
    turn = ledger()
    owner = KeyOwner(slug="alpha")

    turn.put_shared(owner, "1")
    read = turn.get_shared(KeyOwner, "1")
    turn.delete_shared(KeyOwner, "2")
    with pytest.raises(Miss) as missed:
        turn.get_shared(KeyOwner, "3")

    assert read is owner
    assert turn.get_shared(KeyOwner, "2") is None
    assert list(turn.writes) == [f"{SHARED}key-owner:1", f"{SHARED}key-owner:2"]
    assert missed.value.keys == (f"{SHARED}key-owner:3",)


def test_a_record_is_deleted_by_its_name() -> None:
    turn = ledger()

    turn.delete_named("session:abc")

    assert turn.writes == {f"{PREFIX}session:abc": Write(None, None)}


def test_a_turn_that_only_reads_changes_nothing() -> None:
    turn = ledger(knowing(traffic=None))
    turn.get(Traffic)

    assert not turn.changed()


def test_anything_staged_is_a_change() -> None:
    turns = [ledger() for _ in range(4)]
    turns[0].put(Traffic())
    turns[1].mail(a_job())
    turns[2].listed = True
    turns[3].delisted = True

    assert [turn.changed() for turn in turns] == [True] * 4


def test_a_damaged_record_is_told_to_whoever_reads_it() -> None:
    turn = ledger(knowing(traffic=RecordUnreadable("traffic", "junk")))

    with pytest.raises(RecordUnreadable):
        turn.get(Traffic)


def a_job() -> MailJob:
    return MailJob(
        id="1",
        slug="alpha",
        life="alpha/1",
        to="ann@example.org",
        display_name="Alpha",
        accent=None,
        origin="https://alpha.example",
        locale="en",
        sent_at_ms=1,
        expires_at_ms=2,
        letter=SignInLetter("/", b"1", "1", has_code=True, has_link=False),
    )
