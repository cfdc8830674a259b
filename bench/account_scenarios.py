"""The account surface's scenarios: signing in, reading a profile and an order by bearer."""

from collections.abc import Sequence

import orjson
import uvloop

from bench import accounts, fleet, orders
from bench.accounts import Signed
from bench.rounds import Plan, Result, in_turns
from bench.scenarios import LISTED, both, codes_wanted, mark_of, result_of
from bench.servers import Door
from bench.wire import ask_all
from bench.wrk import Feed, Load


def verify_account(plan: Plan) -> Result:
    """Sign in with right codes, each used once: a cookie and a bearer for every new customer."""
    with both() as (door, beside, folder):
        storefronts = uvloop.run(fleet.open_sandboxes(door, plan.sandboxes))

        def feed(number: int, last: Load | None) -> Feed:
            wanted = codes_wanted(plan, last)
            codes = uvloop.run(fleet.mail_codes(door, storefronts, wanted, mark=mark_of(number)))
            return Feed.write("once", [accounts.verify(code) for code in codes], folder / "feed")

        return result_of("verify-account", door, in_turns(plan, door, beside, feed), [])


def profile_bearer(plan: Plan) -> Result:
    """Read profiles by bearer, with many live sessions in turn."""
    with both() as (door, beside, folder):
        sessions = uvloop.run(_sessions(door, plan))
        parts = [accounts.profile(session) for session in sessions]
        feed = Feed.write("again", parts, folder / "feed")
        pairs = in_turns(plan, door, beside, lambda _number, _last: feed)
        dead = len(sessions) - uvloop.run(accounts.count_live(door, sessions))
        faults = [f"{dead} sessions did not open their profile"] if dead else []
        return result_of("profile-bearer", door, pairs, faults)


def order_detail(plan: Plan) -> Result:
    """Read orders one by one: 20 of each of many signed-in buyers, in turn."""
    with both() as (door, beside, folder):
        parts = uvloop.run(_detailed(door, plan))
        feed = Feed.write("again", parts, folder / "feed")
        faults = uvloop.run(_strange(door, parts))
        pairs = in_turns(plan, door, beside, lambda _number, _last: feed)
        return result_of("order-detail", door, pairs, faults)


async def _sessions(door: Door, plan: Plan) -> list[Signed]:
    storefronts = await fleet.open_sandboxes(door, min(plan.sandboxes, plan.cookies))
    codes = await fleet.mail_codes(door, storefronts, plan.cookies, mark=mark_of(0))
    return await accounts.sign_in(door, codes)


async def _detailed(door: Door, plan: Plan) -> list[bytes]:
    """Sign buyers in and bring their orders in; returns a request for every order."""
    storefronts = await fleet.open_sandboxes(door, min(plan.sandboxes, plan.buyers))
    codes = await fleet.mail_codes(door, storefronts, plan.buyers, mark=mark_of(0))
    sessions = await accounts.sign_in(door, codes)
    asked = []
    for storefront in storefronts:
        here = [session for session in sessions if session.slug == storefront.slug]
        bought = [
            (session, orders.order(number, session.email))
            for number, session in enumerate(each for each in here for _ in range(LISTED))
        ]
        await orders.bring_in(door, storefront.slug, [order for _, order in bought])
        asked += [accounts.order_detail(who, order["orderNumber"]) for who, order in bought]
    return asked


async def _strange(door: Door, asked: Sequence[bytes]) -> list[str]:
    """Hold the server to its word: every answer is an order of three lines."""
    answers = await ask_all(door.port, asked, expect={200})
    strange = sum(len(orjson.loads(answer.body)["items"]) != 3 for answer in answers)  # noqa: PLR2004
    return [f"{strange} orders were not what was brought in"] if strange else []
