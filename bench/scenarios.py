"""The scenarios: what is sent, to how many storefronts, and what has to be true for it to count."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import orjson
import uvloop

from bench import fleet, orders, processes
from bench.failures import BenchFailed
from bench.fleet import Session
from bench.rounds import Pair, Plan, Result, in_turns, per_second
from bench.servers import ROOT, Door, Server, bare, bench_folder, doorward
from bench.steady import Steady
from bench.wire import ask_all
from bench.wrk import Feed, Load

PEAK_SHARE: Final = 0.7
"""Where the latency of ``me`` is judged: at the peak every queue is full by definition."""
_HEADROOM: Final = 1.5
"""A round may be so much faster than the one before, and still find codes to use."""
_STEADY_GRACE_SECONDS: Final = 30.0
_NUMBER_DIGITS: Final = 7
LISTED: Final = 20
_TROUBLES: Final = (
    "doorward_commits_refused_total",
    "doorward_failed_turns_total",
    "doorward_flushes_unknown_total",
    "doorward_overloads_total",
    "doorward_refusals_total",
    "doorward_rollbacks_total",
)


def request_otp(plan: Plan, storefronts: int) -> Result:
    """Ask for codes, each for an email never seen before."""
    with both() as (door, beside, folder):
        slugs = uvloop.run(fleet.open_storefronts(door, storefronts))
        before = door.figures()

        def feed(number: int, _last: Load | None) -> Feed:
            return Feed.write("fresh", fresh_parts(slugs, mark_of(number)), folder / "feed")

        pairs = in_turns(plan, door, beside, feed)
        faults = _missing_mails(before, door.figures())
        return result_of(f"request-otp-{storefronts}", door, pairs, faults)


def verify_otp(plan: Plan) -> Result:
    """Sign in with right codes, each used once; every email becomes a customer."""
    with both() as (door, beside, folder):
        storefronts = uvloop.run(fleet.open_sandboxes(door, plan.sandboxes))

        def feed(number: int, last: Load | None) -> Feed:
            wanted = codes_wanted(plan, last)
            codes = uvloop.run(fleet.mail_codes(door, storefronts, wanted, mark=mark_of(number)))
            return Feed.write("once", [fleet.verify_otp(code) for code in codes], folder / "feed")

        return result_of("verify-otp", door, in_turns(plan, door, beside, feed), [])


def me(plan: Plan) -> Result:
    """Ask who is signed in, with many live sessions in turn: at the peak, then below it."""
    with both() as (door, beside, folder):
        sessions = uvloop.run(sessions_of(door, plan))
        parts = [fleet.me(session) for session in sessions]
        feed = Feed.write("again", parts, folder / "feed")
        pairs = in_turns(plan, door, beside, lambda _number, _last: feed)
        peak = result_of("me", door, pairs, [])
        rate = PEAK_SHARE * peak.door(per_second)
        steady = [_held(plan, door, feed, rate) for _ in range(plan.rounds)]
        dead = len(sessions) - uvloop.run(fleet.count_live(door, sessions))
        faults = [*peak.faults, *([f"{dead} sessions were not live"] if dead else [])]
        return replace(peak, steady=steady, steady_rate=rate, faults=faults)


def client_orders(plan: Plan) -> Result:
    """Read the first page of a buyer's 20 orders, by many signed-in buyers in turn."""
    with both() as (door, beside, folder):
        sessions = uvloop.run(_buyers(door, plan))
        parts = [orders.client_orders(session) for session in sessions]
        feed = Feed.write("again", parts, folder / "feed")
        faults = uvloop.run(_incomplete(door, parts))
        pairs = in_turns(plan, door, beside, lambda _number, _last: feed)
        return result_of("client-orders", door, pairs, faults)


def fresh_parts(slugs: Sequence[str], mark: str) -> list[bytes]:
    """Cut a request where slug and number go, for ``requests.lua``; then come the slugs.

    Slugs are equally long and so are numbers: one Content-Length is true for every request.
    """
    slug, number = "S" * len(slugs[0]), "N" * _NUMBER_DIGITS
    whole = fleet.request_otp(slug, f"{mark}{number}@bench.example")
    before, rest = whole.split(slug.encode())
    between, after = rest.split(number.encode())
    return [before, between, after, *(slug.encode() for slug in slugs)]


def mark_of(number: int) -> str:
    """Begin the emails of a round, so that no two rounds share one."""
    return f"r{number:02d}-"


def _missing_mails(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Hold the server to its word: as many mails have ended as codes were asked for."""
    asked, mailed = (
        after[name] - before[name] for name in ("doorward_asks_total", "doorward_mails_total")
    )
    return [f"{asked:.0f} codes were asked for, {mailed:.0f} mailed"] if asked != mailed else []


def codes_wanted(plan: Plan, last: Load | None) -> int:
    """Tell how many codes a round may take, going by the one before."""
    if last is None:
        return plan.first_codes
    return int(last.tally.per_second * plan.seconds * _HEADROOM) + plan.connections


async def sessions_of(door: Door, plan: Plan) -> list[Session]:
    """Sign in, at many storefronts."""
    storefronts = await fleet.open_sandboxes(door, min(plan.sandboxes, plan.cookies))
    codes = await fleet.mail_codes(door, storefronts, plan.cookies, mark=mark_of(0))
    return await fleet.sign_in(door, codes)


async def _buyers(door: Door, plan: Plan) -> list[Session]:
    """Sign buyers in, and bring in 20 orders of each."""
    storefronts = await fleet.open_sandboxes(door, min(plan.sandboxes, plan.buyers))
    codes = await fleet.mail_codes(door, storefronts, plan.buyers, mark=mark_of(0))
    for storefront in storefronts:
        emails = [code.email for code in codes if code.slug == storefront.slug]
        bought = [
            orders.order(number, email)
            for number, email in enumerate(email for email in emails for _ in range(LISTED))
        ]
        await orders.bring_in(door, storefront.slug, bought)
    return await fleet.sign_in(door, codes)


async def _incomplete(door: Door, asked: Sequence[bytes]) -> list[str]:
    """Hold the server to its word: every buyer sees every order."""
    answers = await ask_all(door.port, asked, expect={200})
    short = sum(len(orjson.loads(each.body)["data"]["orders"]) != LISTED for each in answers)
    return [f"{short} buyers did not see all of their {LISTED} orders"] if short else []


def _held(plan: Plan, door: Door, feed: Feed, rate: float) -> Steady:
    processes.settle(door.pids)
    arguments = (door.port, feed.path, rate, plan.seconds, plan.connections)
    ended = subprocess.run(  # noqa: S603 - our own arguments
        processes.tethered([sys.executable, "-m", "bench.steady", *map(str, arguments)]),
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=plan.seconds + _STEADY_GRACE_SECONDS,
    )
    if ended.returncode != 0:
        raise BenchFailed(f"the steady load failed: {ended.stderr.decode()[-500:]}")
    return Steady(**orjson.loads(ended.stdout))


@contextmanager
def both() -> Iterator[tuple[Door, Server, Path]]:
    """Serve both, fresh for every scenario: none pays for what another left behind."""
    with bench_folder() as folder, doorward(folder) as door, bare(folder) as beside:
        yield door, beside, folder


def result_of(name: str, door: Door, pairs: list[Pair], faults: list[str]) -> Result:
    """Sum a scenario up."""
    if any(pair.door.tally.ran_out for pair in pairs):
        faults = [*faults, "a round ran out of codes"]
    return Result(
        name=name,
        pairs=pairs,
        server_rss_bytes=processes.memory(door.pid).now,
        redis_rss_bytes=processes.memory(door.redis_pid).now,
        faults=faults,
        troubles=troubles(door),
    )


def troubles(door: Door) -> list[str]:
    """Tell what should not have happened, by the server's own account, preparation included."""
    figures = door.figures()
    return [f"{name} is {figures[name]:.0f}" for name in _TROUBLES if figures.get(name)]
