"""The naive design, to be beaten: one Ray actor for each storefront, one call for each request.

It does the same job as Doorward when a code is asked for. An actor is a storefront that runs
Doorward's own desks over Doorward's own journal: limits, a derived code, a fenced and synced
commit, a mail that is kept and settled. What it does not do is what Doorward is about: calls are
not gathered on their way to an actor, an actor takes one message after the other, and every message
has a commit of its own. HTTP is plain aiohttp, spared what strictness costs Doorward.

``me`` does less than Doorward, in the naive design's favour: it is answered from memory, and nobody
is looked up, since the cookies it is asked with are those of another server.

Run as ``python -m bench.naive PORT RAY_ADDRESS REDIS_URL FOLDER STOREFRONTS``.
"""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import uvloop
from aiohttp import web

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "token")

import ray

from bench.bare import ME, SENT
from bench.failures import BenchFailed
from bench.fleet import POLICY, PORTAL
from doorward.actors import logs
from doorward.actors.cluster import wire
from doorward.actors.emails import canonical
from doorward.actors.errors import DoorwardError
from doorward.actors.keyring import KEY_BYTES, Keyring
from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.operator import PutStorefront, StorefrontDocument, StorefrontView
from doorward.actors.messages.sign_in import CodeSent, RequestCode
from doorward.actors.partitions import partition_of
from doorward.actors.redis_clients import client_of
from doorward.actors.redis_journal import RedisJournal
from doorward.actors.systems.hosting import Hosting
from doorward.actors.systems.wiring import wiring_of
from doorward.config.concerns import Store
from doorward.config.secret import Secret
from doorward.config.settings import Settings


class NaiveStorefront:
    """One storefront, in a process of its own, one message at a time.

    A plain actor executes one call after the other: a call has been decided and committed before
    the next one is looked at. The lock says so. Without it messages that wait would share a commit,
    and that is what Doorward does instead. Calls may be many at once only so that they wait here,
    as they would in a plain actor's queue, and not at the caller.
    """

    def __init__(self, slug: str, redis_url: str, folder: str, master_key: bytes) -> None:
        """Be the storefront ``slug``; ``folder`` is where its high-water file is."""
        self._slug = slug
        self._redis_url = redis_url
        self._folder = Path(folder)
        self._keyring = Keyring([master_key])
        self._one_at_a_time = asyncio.Lock()
        self._hosting: Hosting | None = None

    async def open(self) -> None:
        """Take the storefront's partition and publish the storefront.

        Raises:
            BenchFailed: It is not published.
            DoorwardError: The store cannot be used.
        """
        logs.configure(level="warning", style="json")
        wiring = wiring_of(
            Settings(store=Store(redis_url=Secret(self._redis_url))),
            journal=RedisJournal(client_of(self._redis_url)),
            keyring=self._keyring,
            folder=self._folder,
        )
        wanted = frozenset({partition_of(self._slug)})
        self._hosting = await Hosting.open(replace(wiring, wanted=wanted))
        document = StorefrontDocument(
            display_name="Bench", published=True, policy=msgspec.json.encode(POLICY)
        )
        found = await self._hosting.ask(self._slug, PutStorefront(document=document))
        if not isinstance(found, StorefrontView):
            raise BenchFailed(f"the storefront was answered {type(found).__name__}")

    async def ask(self, packed: bytes) -> bytes:
        """Answer one message, a batch of one, once what was decided is durable.

        Raises:
            BenchFailed: It is not open.
        """
        if self._hosting is None:
            raise BenchFailed("the storefront is not open")
        _, ((slug, message),) = wire.read_batch(packed)
        answer: Outcome | Exception
        async with self._one_at_a_time:
            try:
                answer = await self._hosting.ask(slug, message)
            except DoorwardError as error:
                answer = error
        return wire.answers_bytes(0, [answer])

    async def me(self, cookie: str) -> dict[str, Any]:
        """Answer from memory."""
        del cookie
        return ME


class Handle(NamedTuple):
    """A storefront as the HTTP process has it."""

    slug: str
    actor: Any

    async def ask(self, message: Request) -> Outcome | DoorwardError:
        """Ask in one call."""
        packed = wire.batch_bytes(0, [wire.ask_bytes(self.slug, message)])
        _, (answer,) = wire.read_answers(await self.actor.ask.remote(packed), 1)
        return answer


def slugs_of(count: int) -> list[str]:
    """Name so many storefronts in partitions of their own: each partition has one owner."""
    slugs: dict[int, str] = {}
    number = 0
    while len(slugs) < count:
        slug = f"naive-{number}"
        slugs.setdefault(partition_of(slug), slug)
        number += 1
    return list(slugs.values())


def make_app(storefronts: list[Handle]) -> web.Application:
    """Make the application; the slugs that are asked for are dealt out to the storefronts."""

    async def request_otp(request: web.Request) -> web.Response:
        body = await request.json()
        storefront = storefronts[crc32(body["storefrontSlug"].encode()) % len(storefronts)]
        caller = Caller(address=request.remote or "local", own_origin=f"http://{request.host}")
        outcome = await storefront.ask(RequestCode(email=canonical(body["email"]), caller=caller))
        if not isinstance(outcome, CodeSent):
            # Counted as a failure, whatever it is: no answer but this one is the job.
            return web.json_response({"answer": type(outcome).__name__}, status=500)
        data = {"sent": True, "expiresInSeconds": outcome.ttl_seconds}
        return web.json_response(SENT | {"data": data})

    async def me(request: web.Request) -> web.Response:
        slug = request.query.get("storefrontSlug", "")
        actor = storefronts[crc32(slug.encode()) % len(storefronts)].actor
        return web.json_response(await actor.me.remote(request.headers.get("Cookie", "")))

    app = web.Application()
    app.router.add_post(f"{PORTAL}/request-otp", request_otp)
    app.router.add_get(f"{PORTAL}/me", me)
    return app


def start(redis_url: str, folder: Path, count: int) -> list[Handle]:
    """Start the storefronts, and wait until all of them are published."""
    master_key = os.urandom(KEY_BYTES)
    kind = ray.remote(NaiveStorefront).options(num_cpus=0, max_concurrency=1_000)
    storefronts = []
    for slug in slugs_of(count):
        (folder / slug).mkdir()
        actor = kind.remote(slug, redis_url, str(folder / slug), master_key)
        storefronts.append(Handle(slug, actor))
    ray.get([storefront.actor.open.remote() for storefront in storefronts])
    return storefronts


def main(port: int, address: str, redis_url: str, folder: Path, storefronts: int) -> None:
    """Serve until ended."""
    ray.init(address=address, namespace="naive", log_to_driver=False)
    app = make_app(start(redis_url, folder, storefronts))
    web.run_app(
        app, host="127.0.0.1", port=port, print=None, access_log=None, loop=uvloop.new_event_loop()
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))
