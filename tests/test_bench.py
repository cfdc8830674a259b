import asyncio
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvloop
from aiohttp import web

ROOT = Path(__file__).parents[1]
# Last, so that nothing of the root hides what is installed: bench is no part of the package.
sys.path.append(str(ROOT))

from bench import (  # noqa: E402
    account_scenarios,
    accounts,
    fleet,
    imports,
    logins,
    machine,
    memory,
    orders,
    processes,
    report,
    scenarios,
    shoppers,
    steady,
    store_scenarios,
    wire,
    wrk,
)
from bench.failures import BenchFailed  # noqa: E402
from bench.rounds import Pair, Plan, Result  # noqa: E402
from bench.servers import Door, Server  # noqa: E402
from bench.steady import OpenLoop, Steady  # noqa: E402
from bench.wire import Answer, Wire  # noqa: E402
from bench.wrk import Feed, Load, Tally  # noqa: E402

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
TINY = Plan(
    rounds=1,
    seconds=1,
    storefronts=3,
    sandboxes=2,
    cookies=10,
    first_codes=400,
    live_sessions=6,
    buyers=4,
    imported=200,
    connections=4,
)
MACHINE = machine.Machine(
    cpu="Difference Engine",
    cores=2,
    kernel="6.1",
    python="3.11",
    aiohttp="3.14",
    uvloop="0.23",
    redis="redis 7.0.15",
    wrk="4.1.0",
    commit="abc1234",
    filesystem="ext4",
    sync_ms=0.4,
    load_before=0.1,
)


def tally(requests: int = 1_000, **differing: int) -> Tally:
    counted = dict.fromkeys(Tally.__annotations__, 0)
    return Tally(**counted | {"requests": requests, "duration_us": 1_000_000} | differing)


def load(requests: int = 1_000, *, share: float = 0.5, **differing: int) -> Load:
    counted = tally(requests, **differing)
    return Load(tally=counted, server_cpu_us=100.0, redis_cpu_us=40.0, wrk_core_share=share)


def result(*pairs: tuple[Load, Load], faults: tuple[str, ...] = ()) -> Result:
    return Result(
        name="me",
        pairs=[Pair(door=door, bare=bare) for door, bare in pairs],
        server_rss_bytes=90_000_000,
        redis_rss_bytes=15_000_000,
        faults=list(faults),
    )


def report_of(*results: Result) -> report.Report:
    return report.Report(machine=MACHINE, plan=TINY, warnings=[], results=list(results))


def test_a_process_is_read_whatever_it_calls_itself() -> None:
    numbers = "0 0 0 0 0 0 0 0 0 100 50 30 20 9 9"

    read = processes.parse_stat(f"4711 (redis) S (x) S 42 {numbers}")

    ticks_per_second = os.sysconf("SC_CLK_TCK")
    assert read == ("redis) S (x", 42, 200 / ticks_per_second)


def test_resident_memory_is_read_in_bytes() -> None:
    read = processes.parse_status("Name:\tserver\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n")

    assert read == (1_048_576, 2_097_152)


def test_a_process_that_is_gone_is_said_so() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    with pytest.raises(BenchFailed, match=f"process {ended.pid} is gone"):
        processes.stat(ended.pid)


def test_a_child_ends_with_its_block_and_its_session_is_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]

    with processes.child(
        command, folder=tmp_path, environ=os.environ, log=tmp_path / "log"
    ) as running:
        session = os.getsid(running.pid)
        found = dict(processes.children(os.getpid()))

    assert session == running.pid
    assert running.pid in found
    assert running.returncode == -signal.SIGTERM


def test_time_that_other_machines_took_is_a_share_of_all_time() -> None:
    before = machine.CpuTime.parse("cpu  100 0 100 800 0 0 0 10 0 0\ncpu0 …")
    after = machine.CpuTime.parse("cpu  150 0 120 900 0 0 0 40 0 0\ncpu0 …")

    assert after.stolen_share(before) == pytest.approx(30 / 200)


def test_a_busy_machine_and_a_disk_that_is_none_are_warned_of() -> None:
    quiet = MACHINE
    busy = machine.Machine(**{**dict_of(MACHINE), "load_before": 1.5, "filesystem": "tmpfs"})

    assert quiet.warnings == []
    assert len(busy.warnings) == 2
    assert "load 1.50" in busy.warnings[0]
    assert "does not sync" in busy.warnings[1]


def dict_of(looked: machine.Machine) -> dict[str, Any]:
    return {name: getattr(looked, name) for name in machine.Machine.__annotations__}


def test_this_machine_is_told_in_one_line() -> None:
    line = machine.look().line

    assert "\n" not in line
    assert f"Python {sys.version.split()[0]}" in line
    assert "unknown" not in line.split(", wrk", maxsplit=1)[0]


def test_the_line_of_the_script_is_found_in_what_wrk_says() -> None:
    counted = orjson.dumps(dict.fromkeys(Tally.__annotations__, 7)).decode()

    read = wrk.parse_output(f"Running 1s test\n  1 threads\ndoorward-bench {counted}\n")

    assert (read.requests, read.p99_us, read.failures) == (7, 7, 21)


@pytest.mark.parametrize("requests", [None, 0])
def test_a_load_that_measured_nothing_fails(requests: int | None) -> None:
    counted = dict.fromkeys(Tally.__annotations__, 0)
    line = "" if requests is None else f"doorward-bench {orjson.dumps(counted).decode()}"

    with pytest.raises(BenchFailed, match="unable to connect"):
        wrk.parse_output(f"{line}\nunable to connect")


def test_the_ratio_is_that_of_the_medians_and_its_spread_that_of_the_pairs() -> None:
    measured = result((load(400), load(1_000)), (load(600), load(1_000)), (load(500), load(2_000)))

    assert measured.ratio == pytest.approx(0.5)
    assert measured.ratios == pytest.approx((0.25, 0.6))


def test_a_failed_request_on_either_side_makes_the_report_invalid() -> None:
    good = result((load(), load()))
    refused = result((load(bad_statuses=2), load()))
    broken = result((load(), load(broken_connections=3, timeouts=1)))

    assert report_of(good).faults == []
    assert report_of(good, refused).faults == ["me: 2 requests failed"]
    assert report_of(broken).faults == ["me: 4 requests failed"]


def test_a_load_that_fills_its_own_core_is_remarked() -> None:
    easy, hard = result((load(share=0.9), load())), result((load(), load(share=0.97)))

    assert report_of(easy).remarks == []
    assert report_of(hard).remarks == ["me: wrk used 97% of a core and may itself be the limit"]


def test_markdown_says_ratio_aim_and_what_is_wrong() -> None:
    reached = report.markdown(report_of(result((load(650), load()))))
    missed = report.markdown(report_of(result((load(640), load()), faults=("no codes",))))

    assert "| me | 650 | 1,000 | 0.65 | 0.65–0.65 | ≥ 0.65 reached | 0 |" in reached
    assert "INVALID" not in reached
    assert "≥ 0.65 missed" in missed
    assert "- INVALID: me: no codes" in missed


def test_every_row_has_a_cell_for_every_column() -> None:
    held = Steady(
        per_second=70.0,
        requests=70,
        failures=0,
        p50_ms=1.0,
        p90_ms=2.0,
        p99_ms=30.0,
        max_ms=40.0,
        lateness_p99_ms=0.5,
    )
    footprint = memory.Footprint(
        moment="empty",
        server_rss_bytes=80_000_000,
        server_peak_bytes=90_000_000,
        redis_rss_bytes=10_000_000,
        records_in_memory=0,
        messages_waiting=0,
    )
    grown = memory.Growth(storefronts=1_000, sessions=100_000, footprints=[footprint])
    measured = result((load(), load()))
    measured.steady.append(held)
    brought = imports.Imported(
        orders=10_000,
        rounds=[
            imports.Round(
                seconds=seconds, client_cpu_us=20.0, server_cpu_us=100.0, redis_cpu_us=50.0
            )
            for seconds in (1.0, 2.0, 4.0)
        ],
        again_seconds=1.0,
        server_rss_bytes=80_000_000,
        redis_rss_bytes=10_000_000,
    )
    whole = report.Report(
        machine=MACHINE,
        plan=TINY,
        warnings=[],
        results=[measured],
        growth=grown,
        imported=brought,
    )

    tables = dict(report.tables(whole))

    assert [len(rows) for _, rows in tables.values()] == [1, 1, 1, 1, 1]
    assert all(len(head) == len(rows[0]) for head, rows in tables.values())
    assert "< 20 missed" in tables["Latency at a steady rate, 70 % of the peak"][1][0]
    assert "< 150 reached" in tables["Memory"][1][0]
    assert "≥ 5,000 reached" in tables["Orders brought in"][1][0]
    assert "2,500–10,000" in tables["Orders brought in"][1][0]
    assert orjson.loads(orjson.dumps(report.as_json(whole)))["valid"] is True


@pytest.mark.parametrize(("percent", "value"), [(1, 1), (50, 5), (90, 9), (99, 10), (100, 10)])
def test_a_percentile_is_a_value_that_was_measured(percent: int, value: int) -> None:
    assert steady.percentile(range(1, 11), percent) == value


def test_arrivals_come_at_the_rate_at_random_and_again_the_same() -> None:
    due = list(steady.arrivals(1_000, 10, seed=1))

    assert due == list(steady.arrivals(1_000, 10, seed=1))
    assert due != list(steady.arrivals(1_000, 10, seed=2))
    assert due == sorted(due)
    assert 0 < due[0] < due[-1] < 10
    # A Poisson count of 10,000 has a standard deviation of 100.
    assert abs(len(due) - 10_000) < 500


class HeldWire(Wire):
    """A connection whose answers come when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.answer: Callable[[Answer], None] = lambda _answer: None

    def send(self, content: bytes, told: Callable[[Answer], None]) -> None:
        self.asked.append(content)
        self.answer = told


def test_a_stall_is_felt_by_everyone_who_came_meanwhile() -> None:
    now = [100.0]
    held = HeldWire()
    loop = OpenLoop([held], [b"a", b"b"], [0.0, 0.1, 0.2], clock=lambda: now[0])

    now[0] = 100.3
    loop.tick()
    now[0] = 101.0
    held.answer(Answer(200, b"", b""))
    now[0] = 101.1
    held.answer(Answer(503, b"", b""))
    held.answer(wire.LOST)

    assert held.asked == [b"a", b"b", b"a"]
    assert loop.latencies == pytest.approx([1.0, 1.0])
    assert loop.lateness == pytest.approx([0.3, 0.2, 0.1])
    assert loop.outcome(1.0).failures == 2


def test_an_answer_is_whole_only_with_its_body() -> None:
    sent = b"HTTP/1.1 201 Created\r\nX: y\r\ncontent-length: 5\r\n\r\n"

    assert wire.parse(sent[:-1]) is None
    assert wire.parse(sent + b"abcd") is None
    assert wire.parse(sent + b"abcde") == (201, sent[:-4], b"abcde")


def test_a_request_says_how_long_its_body_is() -> None:
    sent = wire.request("POST", "/x", body={"email": "ü@bench.example"}, headers={"A": "b"})

    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"POST /x HTTP/1.1"
    assert b"\r\nA: b\r\n" in head
    assert f"Content-Length: {len(body)}".encode() in head


@asynccontextmanager
async def listening(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def test_answers_come_in_the_order_of_asking_and_503_is_asked_again() -> None:
    refused: set[str] = set()

    async def once_unavailable(request: web.Request) -> web.Response:
        if request.path == "/2" and not refused:
            refused.add(request.path)
            return web.Response(status=503, headers={"Retry-After": "1"})
        return web.Response(text=request.path)

    async with listening(once_unavailable) as port:
        asked = [wire.request("GET", f"/{number}") for number in range(5)]
        answers = await wire.ask_all(port, asked, expect={200}, at_once=3)

    assert refused == {"/2"}
    assert [answer.body for answer in answers] == [b"/0", b"/1", b"/2", b"/3", b"/4"]


async def test_an_answer_that_was_not_expected_ends_the_preparation() -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=429)

    async with listening(refuse) as port:
        with pytest.raises(BenchFailed, match=r"^GET /a was answered 429$"):
            await wire.ask_all(port, [wire.request("GET", "/a?secret=1")], expect={200})


async def test_a_steady_rate_is_held_over_real_connections() -> None:
    asked: list[str] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=500 if request.path == "/b" else 200)

    requests = [wire.request("GET", "/a"), wire.request("GET", "/b")]
    async with listening(note) as port:
        held = await steady.hold(port, requests, rate=200, seconds=0.5, connections=4)

    assert held.requests == len(asked) == len(list(steady.arrivals(200, 0.5, seed=4)))
    assert held.failures == asked.count("/b") == len(asked) // 2
    assert 0 < held.p50_ms <= held.p99_ms <= held.max_ms


async def fed(feed: Feed, handler: Callable[[web.Request], Awaitable[web.Response]]) -> Tally:
    async with listening(handler) as port:
        server = Server(port=port, pid=os.getpid())
        run = asyncio.to_thread(wrk.run, server.port, feed, seconds=1, connections=2)
        return wrk.parse_output(await run)


@needs_wrk
async def test_fresh_emails_never_repeat_and_every_storefront_has_its_share(tmp_path: Path) -> None:
    slugs = ["bench-0000", "bench-0001", "bench-0002"]
    bodies: list[dict[str, str]] = []

    async def note(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.Response()

    parts = scenarios.fresh_parts(slugs, "r01-")
    counted = await fed(Feed.write("fresh", parts, tmp_path / "feed"), note)

    emails = [body["email"] for body in bodies]
    assert counted.failures == 0
    assert counted.requests <= len(emails) == len(set(emails))
    assert emails[0].startswith("r01-")
    shares = [sum(body["storefrontSlug"] == slug for body in bodies) for slug in slugs]
    assert max(shares) - min(shares) <= 1


@needs_wrk
async def test_running_out_is_told_and_refusals_are_counted(tmp_path: Path) -> None:
    left = {f"/{number}" for number in range(50)}

    async def once(request: web.Request) -> web.Response:
        if request.path not in left:
            return web.Response(status=401)
        left.discard(request.path)
        return web.Response()

    parts = [wire.request("GET", f"/{number}") for number in range(50)]
    counted = await fed(Feed.write("once", parts, tmp_path / "feed"), once)

    assert left == set()
    assert counted.ran_out == 1
    assert counted.bad_statuses >= counted.requests - 50 > 0


@needs_wrk
async def test_what_may_repeat_goes_round(tmp_path: Path) -> None:
    paths: list[str] = []

    async def note(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response()

    parts = [wire.request("GET", path) for path in ("/a", "/b")]
    counted = await fed(Feed.write("once", parts, tmp_path / "feed").repeated(), note)

    assert (counted.failures, counted.ran_out) == (0, 0)
    assert abs(paths.count("/a") - paths.count("/b")) <= 1


def shape_of(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {name: shape_of(member) for name, member in value.items()}
    return type(value)


async def bodies_of(port: int, requests: list[bytes]) -> list[Any]:
    answers = await wire.ask_all(port, requests, expect={200}, at_once=1)
    return [answer.body for answer in answers]


async def portal_requests(door: Door) -> list[bytes]:
    storefronts = await fleet.open_sandboxes(door, 1)
    used, unused = await fleet.mail_codes(door, storefronts, 2, mark="r00-")
    (session,) = await fleet.sign_in(door, [used])
    request = fleet.request_otp(storefronts[0].slug, "r01-0000001@bench.example")
    bought = [orders.order(number, used.email) for number in range(20)]
    await orders.bring_in(door, storefronts[0].slug, bought)
    asked = [fleet.verify_otp(unused), fleet.me(session), orders.client_orders(session)]
    return [request, *asked, *await account_requests(door), *await store_requests(door)]


async def account_requests(door: Door) -> list[bytes]:
    storefronts = await fleet.open_sandboxes(door, 1)
    used, unused = await fleet.mail_codes(door, storefronts, 2, mark="r02-")
    (session,) = await accounts.sign_in(door, [used])
    bought = [orders.order(number, used.email) for number in range(90, 91)]
    await orders.bring_in(door, storefronts[0].slug, bought)
    detail = accounts.order_detail(session, bought[0]["orderNumber"])
    return [accounts.verify(unused), accounts.profile(session), detail]


async def store_requests(door: Door) -> list[bytes]:
    storefronts = await shoppers.open_headless(door, ["headless"])
    (shopper,) = await shoppers.sign_up(door, storefronts, 1, mark="r00-")
    return [shoppers.me(shopper), shoppers.exchange(shopper)]


def test_the_bare_server_answers_what_doorward_answers() -> None:
    with scenarios.both() as (door, bare, _folder):
        requests = uvloop.run(portal_requests(door))
        ours = uvloop.run(bodies_of(door.port, requests))
        bares = uvloop.run(bodies_of(bare.port, requests))

    assert len(ours) == 9
    for body, beside in zip(ours, bares, strict=True):
        assert shape_of(orjson.loads(beside)) == shape_of(orjson.loads(body))
        assert len(beside) == pytest.approx(len(body), rel=0.15)


@needs_wrk
@pytest.mark.parametrize(
    "scenario",
    [
        lambda plan: scenarios.request_otp(plan, 3),
        scenarios.verify_otp,
        scenarios.me,
        scenarios.client_orders,
        account_scenarios.verify_account,
        account_scenarios.profile_bearer,
        account_scenarios.order_detail,
        store_scenarios.customers_me,
        store_scenarios.refresh,
    ],
)
def test_a_scenario_measures_both_servers_and_loses_nothing(
    scenario: Callable[[Plan], Result],
) -> None:
    measured = scenario(TINY)

    (pair,) = measured.pairs
    assert measured.faults == []
    assert measured.failures == 0
    assert pair.door.tally.per_second > 0
    assert pair.bare.tally.per_second > 0
    assert min(pair.door.server_cpu_us, pair.bare.server_cpu_us) > 0
    assert measured.server_rss_bytes > measured.redis_rss_bytes > 0
    assert [held.failures for held in measured.steady] == ([0] if measured.name == "me" else [])


def test_an_import_is_measured_and_brings_in_every_order() -> None:
    found = imports.bring_in(TINY)

    assert found.faults == []
    assert len(found.rounds) == TINY.rounds
    assert found.per_second > 0
    assert min(found.rounds[0].server_cpu_us, found.rounds[0].client_cpu_us) > 0


def test_a_storm_of_logins_is_measured_beside_the_bare_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logins, "STORM", 8)
    monkeypatch.setattr(logins, "_SHOPPERS", 8)

    found = logins.storm(TINY)

    (storm,) = found.rounds
    assert found.faults == []
    assert storm.argon2_cffi_per_second > 0
    assert storm.libsodium_per_second > 0
    assert storm.logins_per_second > 0
    assert storm.me.failures == 0
    assert storm.server_rss_bytes >= found.rss_before_bytes > 0


def test_an_import_that_lost_orders_makes_the_report_invalid() -> None:
    lost = imports.Imported(
        orders=1,
        rounds=[],
        again_seconds=1.0,
        server_rss_bytes=0,
        redis_rss_bytes=0,
        faults=["0 of 1 orders were created in bench-0000"],
    )
    whole = report.Report(machine=MACHINE, plan=TINY, warnings=[], imported=lost)

    assert whole.faults == ["import-orders: 0 of 1 orders were created in bench-0000"]


def test_memory_is_measured_with_sessions_that_live() -> None:
    grown = memory.grow(TINY, until_idle=False)

    moments = [footprint.moment for footprint in grown.footprints]
    assert moments == ["empty", "3 storefronts", "6 live sessions"]
    assert grown.faults == []
    assert grown.footprints[0].records_in_memory < grown.footprints[-1].records_in_memory


def descendants(pid: int) -> Iterator[int]:
    for child, _name in processes.children(pid):
        yield child
        yield from descendants(child)


def has_ended(pidfd: int, *, within_seconds: float) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(within_seconds * 1000))


@contextmanager
def benchmark(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@needs_wrk
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_however_a_benchmark_is_ended_its_servers_end(signum: signal.Signals) -> None:
    with benchmark("--quick", "--scenario", "request-otp-1") as process:
        lines = iter(process.stderr or [])
        assert any("round 1" in line for line in lines)
        started = {pid: os.pidfd_open(pid) for pid in descendants(process.pid)}
        names = {processes.stat(pid).name for pid in started}
        places = {Path(f"/proc/{pid}/cwd").readlink() for pid in started}
        folders = {place for place in places if place.name.startswith("doorward-bench-")}

        process.send_signal(signum)
        status = process.wait(timeout=60)

        alive = [pid for pid, fd in started.items() if not has_ended(fd, within_seconds=30)]
    for fd in started.values():
        os.close(fd)
    left = [folder for folder in folders if folder.exists()]
    for folder in left:
        shutil.rmtree(folder)
    assert {"doorward", "redis-server"} <= names
    assert alive == []
    assert status != 0
    # Who is killed cannot tidy up.
    assert len(left) == (signum == signal.SIGKILL)


def test_what_is_not_a_scenario_is_refused() -> None:
    with benchmark("--scenario", "login") as process:
        _, said = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "'login' is not one of" in said
