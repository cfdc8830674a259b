"""The naive design, to be beaten: one Ray actor for each storefront, one call for each request.

aiohttp parses, asks the storefront's actor, answers. The actor counts in memory, keeps what it was
asked in Redis (one command, synced as Doorward's are), and answers. It decides next to nothing:
whatever it did more would make it slower.

Run as ``python -m bench.naive PORT RAY_ADDRESS REDIS_URL STOREFRONTS``.
"""

import os
import sys
from collections import Counter
from typing import Any

import uvloop
from aiohttp import web

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "token")

import ray
import redis.asyncio as aioredis

from bench.bare import ME, SENT


class NaiveStorefront:
    """One storefront, in a process of its own."""

    def __init__(self, slug: str, redis_url: str) -> None:
        self._slug = slug
        self._redis = aioredis.Redis.from_url(redis_url)
        self._asked: Counter[str] = Counter()

    async def request_code(self, email: str) -> dict[str, Any]:
        """Count, keep, answer."""
        self._asked[email] += 1
        await self._redis.set(f"naive:{self._slug}:{email}", self._asked[email])
        return SENT

    async def me(self, cookie: str) -> dict[str, Any]:
        """Answer from memory."""
        del cookie
        return ME


def main(port: int, address: str, redis_url: str, storefronts: int) -> None:
    """Serve until ended."""
    ray.init(address=address, namespace="naive", log_to_driver=False)
    actors: list[Any] = [
        ray.remote(NaiveStorefront)
        .options(num_cpus=0, max_concurrency=1_000)
        .remote(f"naive-{number}", redis_url)
        for number in range(storefronts)
    ]

    async def request_otp(request: web.Request) -> web.Response:
        body = await request.json()
        actor = actors[hash(body["storefrontSlug"]) % storefronts]
        return web.json_response(await actor.request_code.remote(body["email"]))

    async def me(request: web.Request) -> web.Response:
        actor = actors[hash(request.query.get("storefrontSlug", "")) % storefronts]
        return web.json_response(await actor.me.remote(request.headers.get("Cookie", "")))

    app = web.Application()
    app.router.add_post("/api/v1/client-auth/request-otp", request_otp)
    app.router.add_get("/api/v1/client-auth/me", me)
    web.run_app(
        app, host="127.0.0.1", port=port, print=None, access_log=None, loop=uvloop.new_event_loop()
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
