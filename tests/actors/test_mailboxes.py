import asyncio
from collections import Counter
from typing import cast

import pytest

from doorward.actors.errors import Overloaded, StoreUnreachable
from doorward.actors.mailboxes import ROUND, STOREFRONTS, Ask, Mailboxes
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.operator import GetStorefront
from doorward.actors.messages.refusals import NotFound

# Nobody waits for these: only their order is looked at.
NOBODY: "asyncio.Future[Outcome]" = cast("asyncio.Future[Outcome]", None)


def ask(slug: str) -> Ask:
    return Ask(slug, 0, GetStorefront(), NOBODY)


def filled(limit: int = 1_000, **waiting: int) -> Mailboxes:
    boxes = Mailboxes(limit=limit)
    for slug, count in waiting.items():
        for _ in range(count):
            boxes.put(ask(slug))
    return boxes


def test_messages_of_a_storefront_keep_their_order() -> None:
    boxes = Mailboxes(limit=100)
    asks = [ask("alpha") for _ in range(3 * ROUND)]
    for one in asks:
        boxes.put(one)

    taken = [*boxes.take(ROUND + 3), *boxes.take(1), *boxes.take(100)]

    assert taken == asks
    assert boxes.depth == 0
    assert boxes.storefronts == 0


def test_a_batch_holds_a_fair_share_of_everybody() -> None:
    boxes = filled(hot=500, cold=3, cool=ROUND + 1)

    batch = Counter(one.slug for one in boxes.take(3 * ROUND))

    assert batch == {"hot": 2 * ROUND - 3, "cold": 3, "cool": ROUND}


def test_who_had_a_turn_goes_to_the_end() -> None:
    boxes = filled(a=ROUND + 1, b=1)

    order = [one.slug for one in boxes.take(ROUND + 2)]

    assert order == ["a"] * ROUND + ["b", "a"]


@pytest.mark.parametrize("count", [0, -5])
def test_no_room_takes_nothing(count: int) -> None:
    boxes = filled(a=2)

    assert boxes.take(count) == []
    assert boxes.depth == 2


def test_a_full_mailbox_refuses_and_the_others_do_not() -> None:
    boxes = filled(limit=2, a=2)

    with pytest.raises(Overloaded):
        boxes.put(ask("a"))
    boxes.put(ask("b"))

    assert boxes.depth == 3


def test_a_mailbox_that_was_emptied_has_room_again() -> None:
    boxes = filled(limit=2, a=2)
    boxes.take(1)

    boxes.put(ask("a"))

    assert boxes.depth == 2


def test_all_mailboxes_together_are_bounded() -> None:
    boxes = filled(limit=2, **{f"s{number}": 2 for number in range(STOREFRONTS)})

    with pytest.raises(Overloaded):
        boxes.put(ask("one-more"))

    assert boxes.storefronts == STOREFRONTS


def test_emptying_takes_everything_from_everybody() -> None:
    boxes = filled(a=40, b=1, c=17)

    assert Counter(one.slug for one in boxes.take_all()) == {"a": 40, "b": 1, "c": 17}
    assert (boxes.depth, boxes.storefronts) == (0, 0)
    assert boxes.take_all() == []


async def test_an_answer_to_somebody_who_left_goes_nowhere() -> None:
    futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
    asks = [Ask("a", 0, GetStorefront(), future) for future in futures]
    futures[0].cancel()

    asks[0].answer(NotFound())
    asks[0].fail(StoreUnreachable("x"))
    asks[1].answer(NotFound())
    asks[1].fail(StoreUnreachable("x"))
    asks[2].fail(StoreUnreachable("x"))
    asks[2].answer(NotFound())

    assert futures[0].cancelled()
    assert futures[1].result() == NotFound()
    assert isinstance(futures[2].exception(), StoreUnreachable)
