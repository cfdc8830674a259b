import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from aiohttp import web

from doorward.http.app import HEALTH
from doorward.http.metrics import EmbeddedCollector, make_metrics_app
from tests.http.doors import Door, Setup
from tests.http.knocking import Client, client_from
from tests.http.shops import AUTH, ROOMY, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def metrics(door: Door) -> AsyncIterator[Client]:
    runner = web.AppRunner(
        make_metrics_app(EmbeddedCollector(door.system)), access_log=None, handle_signals=False
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with client_from(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
        yield client
    await runner.cleanup()


async def read(metrics: Client) -> dict[str, float]:
    """Read every sample, by its name and labels as they are written."""
    answer = await metrics.get("/metrics")
    assert answer.status == 200
    lines = answer.raw.decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


async def test_a_living_server_says_so(common_door: Door) -> None:
    answer = await common_door.client.get("/healthz")

    assert answer.status == 200
    assert answer.body == {"status": "ok"}


async def test_a_ready_server_says_so(common_door: Door) -> None:
    answer = await common_door.client.get("/readyz")

    assert answer.status == 200
    assert answer.body == {"status": "ready"}


async def test_the_stores_health_is_told_with_the_time(common_door: Door) -> None:
    answer = await common_door.client.get("/api/health")

    timestamp = answer.body["timestamp"]
    assert answer.status == 200
    assert answer.body == {"status": "ok", "timestamp": timestamp}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", timestamp)
    assert abs(datetime.fromisoformat(timestamp) - datetime.now(UTC)) < timedelta(seconds=20)


@pytest.mark.parametrize("door_setup", [Setup()])
async def test_a_draining_server_is_alive_and_answers_but_is_not_ready(door: Door) -> None:
    shop = await open_shop(door)

    door.app[HEALTH].draining = True

    ready = await door.client.get("/readyz")
    assert (ready.status, ready.headers["Retry-After"]) == (503, "1")
    assert ready.body["code"] == "UNAVAILABLE"
    assert (await door.client.get("/healthz")).status == 200
    assert (await shop.request_code()).status == 200


async def test_metrics_are_not_on_the_shoppers_port(common_door: Door) -> None:
    assert (await common_door.client.get("/metrics")).status == 404


@pytest.mark.parametrize("door_setup", [Setup()])
async def test_what_happens_is_counted(door: Door, metrics: Client) -> None:
    shop = await open_shop(door)
    before = await read(metrics)
    for _ in range(5):
        await shop.request_code()
    session = await shop.verify(await shop.code())
    for _ in range(10):
        await shop.me(session.cookie("portal-"))

    after = await read(metrics)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    # Five requests, one verification, ten readings; reading a mail asks for the key's owner first.
    assert grown("doorward_asks_total") == 5 + 1 + 10 + 2
    assert grown("doorward_turns_total") >= grown("doorward_asks_total")
    assert grown('doorward_refusals_total{rule="codes.email.minute"}') == 2
    assert grown("doorward_misses_total") >= 1
    assert 1 <= grown("doorward_flushes_total") <= 18
    assert grown("doorward_flush_seconds_count") == grown("doorward_flushes_total")
    assert 0 < grown("doorward_flush_seconds_sum") < 60
    assert grown("doorward_batch_messages_count") >= 1
    assert after["doorward_mailbox_depth"] == 0
    assert after["doorward_ready"] == 1
    assert after["doorward_partitions_owned"] == 256
    assert after["doorward_records_in_memory"] >= 4
    for quiet in ("failed_turns", "overloads", "flushes_unknown", "commits_refused", "rollbacks"):
        assert after[f"doorward_{quiet}_total"] == 0


@pytest.mark.parametrize("door_setup", [Setup()])
async def test_mails_are_counted_by_how_they_ended(door: Door, metrics: Client) -> None:
    await door.operate("PUT", "/plain", {"displayName": "Plain", "published": True})
    body = {"storefrontSlug": "plain", "email": "buyer@example.org"}

    await door.client.post(f"{AUTH}/request-otp", body)
    async with asyncio.timeout(10):
        while (await read(metrics))['doorward_mails_total{ending="sent"}'] < 1:
            pass

    counted = await read(metrics)
    assert counted['doorward_mails_total{ending="sent"}'] == 1
    assert counted['doorward_mails_total{ending="undeliverable"}'] == 0
    assert counted['doorward_mails_total{ending="expired"}'] == 0
    assert len(door.mailbox.newest()) == 1


@pytest.mark.parametrize("door_setup", [Setup(mailbox_limit=4)])
async def test_a_full_mailbox_is_a_fast_503_and_nothing_is_half_done(
    door: Door, metrics: Client
) -> None:
    shop = await open_shop(door, policy=ROOMY)

    asked = await asyncio.gather(*(shop.request_code(f"b{n}@x.io") for n in range(150)))

    counted = Counter(answer.status for answer in asked)
    assert set(counted) == {200, 503}
    for answer in asked:
        if answer.status == 503:
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.error["code"] == "UNAVAILABLE"
    assert len(await shop.mails()) == counted[200]
    assert (await read(metrics))["doorward_overloads_total"] == counted[503]
    assert (await shop.request_code("after@x.io")).status == 200


async def test_where_the_only_host_is_here_there_is_no_page_of_hosts(metrics: Client) -> None:
    assert (await metrics.get("/metrics/hosts")).status == 404


async def test_metrics_say_nothing_of_shoppers(shop: Shop, metrics: Client) -> None:
    session = await shop.session("somebody@example.org")

    text = (await metrics.get("/metrics")).raw.decode()

    assert "somebody" not in text
    assert session.partition("=")[2] not in text
    assert shop.slug not in text
