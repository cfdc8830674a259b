import asyncio
from typing import TYPE_CHECKING

import pytest

from doorward.actors.post.transport import Retryable

if TYPE_CHECKING:
    from tests.actors.post.conftest import MakeMail, Posting

WAIT_SECONDS = 10.0


@pytest.mark.parametrize("waiting", [0, 1])
async def test_stopping_finishes_what_is_being_sent_and_begins_nothing(
    make_mail: "MakeMail", waiting: int, posting: "Posting"
) -> None:
    async with posting(concurrency=1) as post:
        post.scripted.may_go.clear()
        post.delivery.offer(make_mail(id="mail-1"))
        for _ in range(waiting):
            post.delivery.offer(make_mail(id="mail-2"))
        await post.entered()

        stopping = asyncio.create_task(post.delivery.stop(grace_seconds=WAIT_SECONDS * 100))
        asyncio.get_running_loop().call_soon(post.scripted.may_go.set)
        async with asyncio.timeout(WAIT_SECONDS):
            await stopping

        assert post.settled.get_nowait() == ("mail-1", "sent")
        assert post.settled.empty()
        assert post.scripted.tries == 1
        assert post.scripted.closed
        assert not post.delivery.offer(make_mail(id="mail-3"))


async def test_stopping_cuts_off_what_takes_longer_than_the_grace_unsettled(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting() as post:
        post.scripted.may_go.clear()
        post.delivery.offer(make_mail())
        await post.entered()

        await post.delivery.stop(grace_seconds=0)

        assert post.scripted.at_once == 0
        assert post.settled.empty()
        assert post.scripted.closed


async def test_stopping_calls_off_retries_and_settles_nothing(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting() as post:
        post.fails("mail-1", Retryable("no session"))
        post.delivery.offer(make_mail())
        alarm = await post.next_alarm()

        await post.delivery.stop()
        alarm.ring()

        assert alarm.cancelled
        assert post.settled.empty()
        assert post.scripted.tries == 1


async def test_a_mail_that_fails_while_stopping_is_left_to_the_outbox(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting() as post:
        post.fails("mail-1", Retryable("no session"))
        post.scripted.may_go.clear()
        post.delivery.offer(make_mail())
        await post.entered()

        stopping = asyncio.create_task(post.delivery.stop(grace_seconds=WAIT_SECONDS * 100))
        asyncio.get_running_loop().call_soon(post.scripted.may_go.set)
        async with asyncio.timeout(WAIT_SECONDS):
            await stopping

        assert post.scripted.tries == 1
        assert post.alarms.empty()
        assert post.settled.empty()


async def test_a_post_that_was_never_started_can_be_stopped(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(started=False) as post:
        post.delivery.offer(make_mail())

        await post.delivery.stop()

        assert post.scripted.closed
        assert post.settled.empty()


async def test_an_offer_while_the_loop_is_torn_down_does_no_harm(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(concurrency=2) as post:
        post.delivery.offer(make_mail(id="mail-1"))
        await post.next_settled()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

        accepted = [post.delivery.offer(make_mail(id=f"mail-{n}")) for n in (2, 3, 4)]

        assert accepted == [True, True, True]


async def test_stopping_an_idle_post_does_not_wait_for_the_grace(posting: "Posting") -> None:
    async with posting() as post, asyncio.timeout(WAIT_SECONDS):
        await post.delivery.stop(grace_seconds=WAIT_SECONDS * 100)

        assert post.scripted.closed
