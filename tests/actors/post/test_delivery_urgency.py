from collections.abc import Callable
from typing import TYPE_CHECKING

from doorward.actors.post.mail import Mail
from doorward.actors.post.transport import Retryable

if TYPE_CHECKING:
    from tests.actors.post.conftest import MakeMail, Posting


def making(mail: Mail) -> Callable[[], Mail]:
    return lambda: mail


async def test_what_somebody_waits_for_goes_before_news(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(started=False, concurrency=1) as post:
        for number in range(3):
            post.delivery.offer(make_mail(id=f"news-{number}"), urgent=False)
        for number in range(2):
            post.delivery.offer(make_mail(id=f"code-{number}"))

        await post.delivery.start()
        order = [(await post.next_settled())[0] for _ in range(5)]

    assert order == ["code-0", "code-1", "news-0", "news-1", "news-2"]


async def test_half_the_room_is_kept_for_what_somebody_waits_for(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(started=False, pending_limit=10) as post:
        mails = [make_mail(id=f"mail-{number}") for number in range(20)]

        news = [post.delivery.offer(mail, urgent=False) for mail in mails[:10]]
        full_of_news = post.delivery.full
        codes = [post.delivery.offer(mail) for mail in mails[10:]]

        assert news == [True] * 5 + [False] * 5
        assert not full_of_news
        assert codes == [True] * 5 + [False] * 5
        assert post.delivery.full


async def test_news_in_hand_are_not_taken_twice_though_there_is_no_room(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(started=False, pending_limit=2) as post:
        offers = [
            post.delivery.offer(making(make_mail(id="n")), mail_id="n", urgent=False)
            for _ in range(2)
        ]

        assert offers == [True, True]
        assert post.delivery.pending == 1


async def test_news_that_failed_wait_longer_and_longer(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    waits = []

    async with posting(concurrency=1) as post:
        days = post.clock.now_ms + 3 * 86_400_000
        post.fails("news", *[Retryable("SMTPConnectError 421")] * 12)
        post.delivery.offer(make_mail(id="news", expires_at_ms=days), urgent=False)
        for _ in range(12):
            alarm = await post.next_alarm()
            waits.append(alarm.seconds)
            post.clock.advance(alarm.seconds)
            alarm.ring()
        ending = await post.next_settled()

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]
    assert ending == ("news", "sent")


async def test_news_that_failed_stand_behind_codes_again(
    make_mail: "MakeMail", posting: "Posting"
) -> None:
    async with posting(concurrency=1) as post:
        post.fails("news", Retryable("SMTPDataError 451"))
        post.delivery.offer(make_mail(id="news"), urgent=False)
        alarm = await post.next_alarm()
        post.scripted.may_go.clear()
        post.delivery.offer(make_mail(id="code-0"))
        alarm.ring()
        post.delivery.offer(make_mail(id="code-1"))
        post.scripted.may_go.set()

        order = [(await post.next_settled())[0] for _ in range(3)]

    assert order == ["code-0", "code-1", "news"]
