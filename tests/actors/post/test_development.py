from collections.abc import Callable

from doorward.actors.post.development import DevelopmentMailbox
from doorward.actors.post.mail import Mail

MakeMail = Callable[..., Mail]


async def test_the_newest_mails_are_kept_and_listed_first(make_mail: MakeMail) -> None:
    mailbox = DevelopmentMailbox()

    for number in range(502):
        await mailbox.send(make_mail(id=f"mail-{number}"))

    kept = mailbox.newest(limit=1_000)
    assert [mail.id for mail in kept] == [f"mail-{n}" for n in range(501, 1, -1)]
    assert mailbox.find("mail-1") is None
    assert mailbox.find("mail-2") == make_mail(id="mail-2")


async def test_mails_are_found_by_address_and_storefront(make_mail: MakeMail) -> None:
    mailbox = DevelopmentMailbox()
    for number, (slug, to) in enumerate(
        [("alpha", "a@x.io"), ("beta", "a@x.io"), ("alpha", "b@x.io"), ("alpha", "a@x.io")]
    ):
        await mailbox.send(make_mail(id=f"mail-{number}", slug=slug, to=to))

    def ids(**wanted: str) -> list[str]:
        return [mail.id for mail in mailbox.newest(limit=10, **wanted)]

    assert ids(to="a@x.io") == ["mail-3", "mail-1", "mail-0"]
    assert ids(storefront="alpha") == ["mail-3", "mail-2", "mail-0"]
    assert ids(to="a@x.io", storefront="beta") == ["mail-1"]
    assert ids(to="a@x") == []
    assert [mail.id for mail in mailbox.newest(to="a@x.io", limit=2)] == ["mail-3", "mail-1"]


async def test_a_mail_sent_again_is_found_as_it_was_last(make_mail: MakeMail) -> None:
    mailbox = DevelopmentMailbox()

    await mailbox.send(make_mail(minutes_left=10))
    await mailbox.send(make_mail(minutes_left=9))

    assert mailbox.find("mail-1") == make_mail(minutes_left=9)


def test_a_mail_that_cannot_be_made_any_more_is_not_listed(make_mail: MakeMail) -> None:
    mailbox = DevelopmentMailbox()

    mailbox.keep(make_mail)
    mailbox.keep(lambda: None)

    assert mailbox.newest() == [make_mail()]
