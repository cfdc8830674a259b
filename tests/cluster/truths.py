"""Something that is true of a person at a storefront, and was otherwise a moment ago."""

from typing import Self

from tests.http.shops import Storefront


class Truth:
    """A session that has ended, a code that is used, a name that was given."""

    def __init__(self, front: Storefront, *, email: str, stays: str, ends: str, code: str) -> None:
        self._front = front
        self._email = email
        self._stays = stays
        self._ends = ends
        self._code = code

    @classmethod
    async def before(cls, front: Storefront, email: str) -> Self:
        """Let a person sign in twice and ask for a code; a host remembers all of it."""
        stays, ends = await front.session(email), await front.session(email)
        assert (await front.request_code(email)).status == 200
        code = await front.code(email)
        assert await front.is_signed_in(stays)
        assert await front.is_signed_in(ends)
        return cls(front, email=email, stays=stays, ends=ends, code=code)

    async def change(self) -> None:
        """End the one session, use the code, give the person of the other a name."""
        answers = [
            await self._front.sign_out(self._ends),
            await self._front.verify(self._code, email=self._email),
            await self._front.change({"name": "Sari"}, self._stays),
        ]
        assert [answer.status for answer in answers] == [200] * 3

    async def hold(self) -> None:
        """Let every answer be a 503, or what is true."""
        ended, stays = await self._front.me(self._ends), await self._front.me(self._stays)
        again = await self._front.verify(self._code, email=self._email)
        assert ended.status == 503 or not ended.data["authenticated"], "a stale session"
        assert stays.status == 503 or stays.data["client"]["name"] == "Sari", "a stale name"
        assert again.status in {401, 503}, "a used code"
