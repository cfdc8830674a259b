from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from doorward.actors.post.transport import Retryable

if TYPE_CHECKING:
    from tests.actors.post.conftest import MakeMail, Posting


async def test_what_is_ready_and_not_being_sent_is_let_go_unsettled(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(started=False) as post:
        for name, urgent in (("7-1", True), ("7-2", False), ("77-1", True), ("8-1", False)):
            post.delivery.offer(make_mail(id=name), urgent=urgent)
        withdrawn = post.delivery.withdraw("7-")
        await post.delivery.start()
        settled = [(await post.next_settled())[0] for _ in range(2)]

        assert withdrawn
        assert sorted(settled) == ["77-1", "8-1"]
        assert [mail.id for mail in post.scripted.taken] == ["77-1", "8-1"]
        assert post.delivery.pending == 0


async def test_what_waits_for_another_try_is_let_go_unsettled(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting() as post:
        for name in ("7-1", "8-1"):
            post.fails(name, Retryable("no session"))
            post.delivery.offer(make_mail(id=name))
        alarms = [await post.next_alarm() for _ in range(2)]
        withdrawn = post.delivery.withdraw("7-")
        for alarm in alarms:
            alarm.ring()

        assert withdrawn
        assert [alarm.cancelled for alarm in alarms] == [True, False]
        assert await post.next_settled() == ("8-1", "sent")
        assert post.scripted.tries == 3
        assert post.delivery.pending == 0


async def test_what_is_being_sent_ends_as_it_ends(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(concurrency=1) as post:
        post.scripted.may_go.clear()
        for name in ("7-1", "7-2"):
            post.delivery.offer(make_mail(id=name))
        await post.entered()
        before = [post.delivery.withdraw("7-") for _ in range(2)]
        post.scripted.may_go.set()
        settled = await post.next_settled()

        assert before == [False, False]
        assert settled == ("7-1", "sent")
        assert post.delivery.withdraw("7-")
        assert post.scripted.tries == 1
        assert post.delivery.pending == 0


async def test_what_fails_after_all_is_let_go_before_its_next_try(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting() as post:
        post.fails("7-1", Retryable("no session"))
        post.scripted.may_go.clear()
        post.delivery.offer(make_mail(id="7-1"))
        await post.entered()
        early = post.delivery.withdraw("7-")
        post.scripted.may_go.set()
        alarm = await post.next_alarm()
        late = post.delivery.withdraw("7-")

        assert (early, late) == (False, True)
        assert alarm.cancelled
        assert post.settled.empty()


async def test_where_nothing_is_in_hand_nothing_is_withdrawn(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(started=False) as post:
        post.delivery.offer(make_mail(id="77-1"))

        assert post.delivery.withdraw("7-")
        assert post.delivery.pending == 1


@pytest.mark.parametrize("urgent", [True, False])
async def test_what_was_withdrawn_leaves_room_and_may_be_offered_again(
    make_mail: "MakeMail", posting: "Posting", *, urgent: bool
) -> None:
    async with posting(started=False, pending_limit=2) as post:
        post.delivery.offer(make_mail(id="7-1"), urgent=urgent)
        post.delivery.withdraw("7-")
        again = post.delivery.offer(make_mail(id="7-1"), urgent=urgent)
        await post.delivery.start()

        assert again
        assert await post.next_settled() == ("7-1", "sent")
        assert post.scripted.tries == 1


async def test_a_mail_nobody_knows_the_name_of_yet_is_not_withdrawn(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(started=False) as post:
        post.delivery.offer(lambda: make_mail(id="7-1"))

        assert post.delivery.withdraw("7-")
        assert post.delivery.pending == 1


async def test_thousands_of_mails_are_withdrawn_without_comparing_each_with_each(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(started=False) as post:
        mail = make_mail()
        for number in range(10_000):
            post.delivery.offer(lambda: mail, mail_id=f"7-{number}")
        began = perf_counter()
        withdrawn = post.delivery.withdraw("7-")
        spent_seconds = perf_counter() - began

        assert withdrawn
        # A hundred million comparisons take seconds.
        assert spent_seconds < 0.5
