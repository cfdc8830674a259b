"""The store surface: reading the customer by access token, exchanging refresh tokens."""

from typing import Final

import orjson
import uvloop

from bench import shoppers
from bench.rounds import Plan, Result, in_turns
from bench.scenarios import both, mark_of, result_of
from bench.servers import Door
from bench.shoppers import Headless, Shopper
from bench.wire import ask_all
from bench.wrk import Feed, Load

_STOREFRONTS: Final = 100
_CHAINS_PER_CONNECTION: Final = 4
"""So that a connection never waits for the child of a token that is still on its way."""


def customers_me(plan: Plan) -> Result:
    """Read customers by access token, many in turn, over many storefronts."""
    with both() as (door, beside, folder):
        known = uvloop.run(_shoppers(door, plan))
        parts = [shoppers.me(shopper) for shopper in known]
        feed = Feed.write("again", parts, folder / "feed")
        faults = uvloop.run(_strange(door, known))
        pairs = in_turns(plan, door, beside, lambda _number, _last: feed)
        return result_of("customers-me", door, pairs, faults)


def refresh(plan: Plan) -> Result:
    """Exchange refresh tokens, each for the next of its chain."""
    with both() as (door, beside, folder):
        storefront = uvloop.run(shoppers.open_headless(door, ["headless"]))

        def feed(number: int, _last: Load | None) -> Feed:
            chains = plan.connections * _CHAINS_PER_CONNECTION
            begun = uvloop.run(shoppers.sign_up(door, storefront, chains, mark=mark_of(number)))
            return Feed.write("chain", chain_parts(begun), folder / "feed")

        return result_of("refresh", door, in_turns(plan, door, beside, feed), [])


def chain_parts(begun: list[Shopper]) -> list[bytes]:
    """Cut an exchange where its token goes, for ``requests.lua``; then come the tokens.

    Tokens are equally long: one Content-Length is true for every request.
    """
    before, after = shoppers.exchange(begun[0]).split(begun[0].refresh.encode())
    return [before, after, *(shopper.refresh.encode() for shopper in begun)]


async def _shoppers(door: Door, plan: Plan) -> list[Shopper]:
    count = min(_STOREFRONTS, plan.cookies)
    slugs = [f"headless-{number:04d}" for number in range(count)]
    storefronts: list[Headless] = await shoppers.open_headless(door, slugs)
    return await shoppers.sign_up(door, storefronts, plan.cookies, mark=mark_of(0))


async def _strange(door: Door, known: list[Shopper]) -> list[str]:
    """Hold the server to its word: every access token opens its own customer."""
    answers = await ask_all(door.port, [shoppers.me(each) for each in known], expect={200})
    strange = sum(
        orjson.loads(answer.body)["email"] != shopper.email
        for shopper, answer in zip(known, answers, strict=True)
    )
    return [f"{strange} customers were not whom their token is of"] if strange else []
