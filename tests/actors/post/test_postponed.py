"""Mails that wait a moment: in the order they are due, on one timer, and none after the end."""

import asyncio

from doorward.actors.post.postponed import Postponed
from doorward.actors.records.mail import MailJob
from tests.actors.simulation.virtual_loop import VirtualLoop, run_virtually
from tests.actors.test_records import JOB


class Post:
    """Notes when what left, in seconds from the start."""

    def __init__(self) -> None:
        self._began = asyncio.get_running_loop().time()
        self.left: list[tuple[float, str]] = []

    def send(self, partition: int, mail_id: str, job: MailJob) -> None:
        assert job is JOB
        now = asyncio.get_running_loop().time()
        self.left.append((round(now - self._began, 3), f"{partition}/{mail_id}"))


def test_mails_leave_when_they_are_due_whatever_the_order_they_came_in() -> None:
    async def scene(_loop: VirtualLoop) -> None:
        post = Post()
        postponed = Postponed(post.send)
        for seconds, mail_id in ((0.3, "c"), (0.1, "a"), (0.2, "b"), (0.1, "a2")):
            assert postponed.put(seconds, 7, mail_id, JOB)
        await asyncio.sleep(0.15)
        assert postponed.put(0.01, 8, "d", JOB)
        await asyncio.sleep(1)

        assert post.left == [(0.1, "7/a"), (0.1, "7/a2"), (0.16, "8/d"), (0.2, "7/b"), (0.3, "7/c")]
        assert len(postponed) == 0

    run_virtually(scene)


def test_there_is_room_for_so_many() -> None:
    async def scene(_loop: VirtualLoop) -> None:
        post = Post()
        postponed = Postponed(post.send, limit=2)
        assert [postponed.put(0.1, 1, str(each), JOB) for each in range(3)] == [True, True, False]
        await asyncio.sleep(0.2)
        assert postponed.put(0.1, 1, "later", JOB)
        await asyncio.sleep(0.2)
        assert [mail for _, mail in post.left] == ["1/0", "1/1", "1/later"]

    run_virtually(scene)


def test_nothing_leaves_once_it_was_stopped() -> None:
    async def scene(_loop: VirtualLoop) -> None:
        post = Post()
        postponed = Postponed(post.send)
        postponed.put(0.1, 1, "a", JOB)
        postponed.stop()
        assert not postponed.put(0.1, 1, "b", JOB)
        await asyncio.sleep(1)
        assert post.left == []
        postponed.stop()

    run_virtually(scene)


def test_what_is_withdrawn_does_not_leave_and_the_rest_leaves_when_it_is_due() -> None:
    async def scene(_loop: VirtualLoop) -> None:
        post = Post()
        postponed = Postponed(post.send)
        for partition, seconds in ((7, 0.1), (8, 0.2), (7, 0.3), (9, 0.15), (8, 0.4)):
            postponed.put(seconds, partition, f"{seconds}", JOB)
        await asyncio.sleep(0.12)
        postponed.withdraw(7)
        assert len(postponed) == 3
        postponed.withdraw(8)
        postponed.withdraw(1)
        await asyncio.sleep(1)

        assert post.left == [(0.1, "7/0.1"), (0.15, "9/0.15")]

    run_virtually(scene)


def test_a_mail_may_be_held_after_all_were_withdrawn() -> None:
    async def scene(_loop: VirtualLoop) -> None:
        post = Post()
        postponed = Postponed(post.send)
        postponed.put(0.1, 7, "a", JOB)
        postponed.withdraw(7)
        assert postponed.put(0.2, 7, "b", JOB)
        await asyncio.sleep(1)

        assert post.left == [(0.2, "7/b")]

    run_virtually(scene)
