"""Answering with wrong codes, as an attacker does."""

from itertools import islice

from tests.http.knocking import Answer
from tests.http.shops import BUYER, Storefront, wrong_codes


async def guess(shop: Storefront, times: int, *, email: str = BUYER) -> list[Answer]:
    """Answer with so many wrong codes, one after the other."""
    guesses = islice(wrong_codes(await shop.code(email)), times)
    return [await shop.verify(code, email=email) for code in guesses]


async def spend_guesses(shop: Storefront, email: str = BUYER) -> None:
    """Spend the hour's ten wrong guesses of an email."""
    for _ in range(2):
        await shop.request_code(email)
        assert {answer.status for answer in await guess(shop, 5, email=email)} == {401}
