import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from redis import asyncio as aioredis
from redis import exceptions

from doorward.actors import redis_child
from doorward.actors.data_folder import DataFolder
from doorward.actors.redis_child import ChildReport, Phase, RedisChild
from doorward.actors.redis_home import Fsync
from doorward.actors.redis_lock import RedisLock
from doorward.actors.redis_program import RedisProgram, Release, find_program

NEWEST = find_program()
FROM_WHEEL = find_program("/nonexistent")
EACH_PROGRAM = pytest.mark.parametrize(
    "program", list(dict.fromkeys([NEWEST, FROM_WHEEL])), ids=lambda found: str(found.release)
)
WAIT_SECONDS = 20


class Reports:
    """What a child reported, in order, to wait for."""

    def __init__(self) -> None:
        self.seen: list[ChildReport] = []
        self._news = asyncio.Event()

    def __call__(self, report: ChildReport) -> None:
        self.seen.append(report)
        self._news.set()

    async def until(self, wanted: Callable[[ChildReport], bool], *, after: int = 0) -> ChildReport:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for report in self.seen[after:]:
                    if wanted(report):
                        return report
                self._news.clear()
                await self._news.wait()

    def phases(self) -> list[Phase]:
        return [report.phase for report in self.seen]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    with DataFolder.open(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def running(
    path: Path,
    program: RedisProgram = NEWEST,
    *,
    fsync: Fsync = "always",
    reports: Reports | None = None,
) -> AsyncIterator[RedisChild]:
    with await asyncio.to_thread(DataFolder.open, path) as folder:
        async with RedisChild(program, folder, fsync=fsync, on_state=reports) as child:
            yield child


async def ask(child: RedisChild, *command: str) -> object:
    async with child.client() as client:
        answer: object = await client.execute_command(*command)  # type: ignore[no-untyped-call]
        return answer


def pid_of(child: RedisChild) -> int:
    assert child.report.pid is not None
    return child.report.pid


async def kill_and_wait(child: RedisChild, reports: Reports) -> ChildReport:
    before = child.report.restarts
    os.kill(pid_of(child), signal.SIGKILL)
    return await reports.until(
        lambda report: report.phase is Phase.READY and report.restarts > before
    )


@EACH_PROGRAM
async def test_a_started_child_answers_and_runs_as_configured(
    tmp_path: Path, program: RedisProgram
) -> None:
    async with running(tmp_path, program) as child, child.client() as client:
        info = await client.info()
        assert await client.ping()
        assert info["process_id"] == child.report.pid
        assert (await client.config_get("appendfsync"))["appendfsync"] == "always"
        assert (await client.config_get("save"))["save"] == ""

    assert info["redis_version"] == ".".join(map(str, program.version))
    assert info["tcp_port"] == 0
    assert info["aof_enabled"] == 1
    assert info["maxmemory_policy"] == "noeviction"


async def test_the_sync_setting_is_the_callers(tmp_path: Path) -> None:
    async with running(tmp_path, fsync="everysec") as child, child.client() as client:
        assert (await client.config_get("appendfsync"))["appendfsync"] == "everysec"


async def test_the_terminals_interrupt_does_not_reach_the_child(tmp_path: Path) -> None:
    async with running(tmp_path) as child:
        assert os.getpgid(pid_of(child)) != os.getpgrp()
        assert os.getsid(pid_of(child)) != os.getsid(0)


@EACH_PROGRAM
async def test_a_killed_child_is_back_at_once_with_its_data(
    tmp_path: Path, program: RedisProgram
) -> None:
    reports = Reports()
    async with running(tmp_path, program, reports=reports) as child:
        before = pid_of(child)
        await ask(child, "SET", "dw:kept", "yes")
        async with asyncio.timeout(2):
            back = await kill_and_wait(child, reports)

        assert await ask(child, "GET", "dw:kept") == b"yes"
        assert back.pid not in {None, before}
        assert back.restarts == 1
    downs = [report for report in reports.seen if report.phase is Phase.DOWN]
    assert [down.detail for down in downs] == ["was killed by SIGKILL"]


@EACH_PROGRAM
async def test_a_script_of_several_writes_is_there_again_after_a_restart(
    tmp_path: Path, program: RedisProgram
) -> None:
    # Redis keeps such a script as a transaction, and replays it as the default user: one without
    # rights comes up empty and says so only in the log.
    script = "redis.call('SET', KEYS[1], 'a') redis.call('SET', KEYS[2], 'b') return 1"

    async with running(tmp_path, program) as child:
        await ask(child, "EVAL", script, "2", "one", "two")
    async with running(tmp_path, program) as child:
        found = await ask(child, "MGET", "one", "two")

    assert found == [b"a", b"b"]


async def test_a_child_killed_again_and_again_comes_back_each_time(tmp_path: Path) -> None:
    reports = Reports()
    async with running(tmp_path, reports=reports) as child:
        for turn in range(4):
            await ask(child, "INCR", "dw:turns")
            async with asyncio.timeout(2):
                assert (await kill_and_wait(child, reports)).restarts == turn + 1

        assert await ask(child, "GET", "dw:turns") == b"4"


async def test_a_child_that_answered_for_a_while_comes_back_without_delay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_child, "_STEADY_SECONDS", 0.0)
    monkeypatch.setattr(redis_child, "_RESTART_DELAYS_SECONDS", (0.0, WAIT_SECONDS * 2.0))
    reports = Reports()
    async with running(tmp_path, reports=reports) as child:
        for turn in range(3):
            assert (await kill_and_wait(child, reports)).restarts == turn + 1


async def test_a_child_that_dies_as_soon_as_it_answers_is_restarted_less_and_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_child, "_RESTART_DELAYS_SECONDS", (0.0, WAIT_SECONDS * 2.0))
    reports = Reports()
    async with running(tmp_path, reports=reports) as child:
        await kill_and_wait(child, reports)
        os.kill(pid_of(child), signal.SIGKILL)
        await reports.until(lambda report: report.phase is Phase.DOWN and report.restarts == 1)

        async with child.client(timeout_seconds=0.2) as client:
            with pytest.raises(exceptions.ConnectionError):
                await client.ping()
    assert child.report.restarts == 1


async def test_a_client_sends_everything_once(tmp_path: Path) -> None:
    async with running(tmp_path) as child, child.client() as client:
        retry = client.get_retry()

    assert retry is not None
    assert retry.get_retries() == 0


async def test_one_client_works_on_across_a_restart(tmp_path: Path) -> None:
    reports = Reports()
    async with running(tmp_path, reports=reports) as child, child.client() as client:
        await client.set("dw:kept", "yes")
        await kill_and_wait(child, reports)

        assert await client.get("dw:kept") == b"yes"


async def test_a_listener_that_fails_does_not_end_the_supervision(folder: DataFolder) -> None:
    failures: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: failures.append(str(context["exception"])))
    reports = Reports()

    def listen(report: ChildReport) -> None:
        reports(report)
        raise ValueError("a gauge is broken")

    async with RedisChild(NEWEST, folder, fsync="always", on_state=listen) as child:
        await kill_and_wait(child, reports)

    assert set(failures) == {"a gauge is broken"}


async def test_a_program_that_is_away_is_tried_until_it_is_back(tmp_path: Path) -> None:
    own = NEWEST._replace(path=tmp_path / "bin-redis-server")
    away = tmp_path / "away"
    shutil.copy(NEWEST.path, own.path)
    reports = Reports()
    async with running(tmp_path / "data", own, reports=reports) as child:
        await ask(child, "SET", "dw:kept", "yes")
        own.path.rename(away)
        os.kill(pid_of(child), signal.SIGKILL)
        await reports.until(lambda report: report.phase is Phase.DOWN and report.restarts == 2)
        away.rename(own.path)
        await reports.until(lambda report: report.phase is Phase.READY, after=len(reports.seen))

        assert await ask(child, "GET", "dw:kept") == b"yes"
    assert any("No such file" in report.detail for report in reports.seen)


@EACH_PROGRAM
@pytest.mark.parametrize("fsync", ["always", "everysec"])
async def test_a_stopped_child_has_written_everything_and_is_gone(
    tmp_path: Path, program: RedisProgram, fsync: Fsync
) -> None:
    async with running(tmp_path, program, fsync=fsync) as child:
        pid = pid_of(child)
        await ask(child, "SET", "dw:kept", "yes")
    assert child.report == ChildReport(Phase.STOPPED, "stopped", 0, None)
    assert not (tmp_path / "redis" / "redis.sock").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

    async with running(tmp_path, program, fsync=fsync) as child:
        assert await ask(child, "GET", "dw:kept") == b"yes"


async def test_stopping_a_child_that_never_started_does_nothing(folder: DataFolder) -> None:
    child = RedisChild(NEWEST, folder, fsync="always")

    await child.stop()

    assert child.report.phase is Phase.STOPPED
    assert not (folder.path / "redis").exists()


async def test_a_stopped_child_can_be_stopped_and_started_again(folder: DataFolder) -> None:
    async with RedisChild(NEWEST, folder, fsync="always") as child:
        await ask(child, "SET", "dw:kept", "yes")
        await child.stop()
        await child.stop()

        await child.start()

        assert await ask(child, "GET", "dw:kept") == b"yes"


@pytest.mark.parametrize("phase", [Phase.DOWN, Phase.STARTING])
async def test_a_child_stopped_while_it_comes_back_stays_down(tmp_path: Path, phase: Phase) -> None:
    reports = Reports()
    async with running(tmp_path, reports=reports) as child:
        before = len(reports.seen)
        os.kill(pid_of(child), signal.SIGKILL)
        await reports.until(lambda report: report.phase is phase, after=before)

    assert child.report.phase is Phase.STOPPED
    assert RedisLock(tmp_path / "redis").is_free()


async def test_a_stop_is_obeyed_even_where_a_library_forgets_the_cancellation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = RedisChild._look  # noqa: SLF001 - where redis-py was seen to forget it
    forgotten = asyncio.Event()

    async def forgetful_look(child: RedisChild, probe: aioredis.Redis) -> Release | None:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), WAIT_SECONDS)
        except asyncio.CancelledError:
            forgotten.set()
        return await look(child, probe)

    reports = Reports()
    async with asyncio.timeout(WAIT_SECONDS), running(tmp_path, reports=reports) as child:
        monkeypatch.setattr(RedisChild, "_look", forgetful_look)
        os.kill(pid_of(child), signal.SIGKILL)
        await reports.until(lambda told: told.phase is Phase.STARTING and told.restarts == 1)

    assert forgotten.is_set()
    assert RedisLock(tmp_path / "redis").is_free()


@pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_a_child_can_be_stopped_at_any_moment_of_its_return(
    tmp_path: Path, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def stop_while_it_returns(turns: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS), running(tmp_path) as child:
            os.kill(pid_of(child), signal.SIGKILL)
            for _ in range(turns):
                await asyncio.sleep(0)
        assert RedisLock(tmp_path / "redis").is_free()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        for turns in (0, 10, 100, 300, 1_000, 2_000, 4_000, 6_000, 8_000, 10_000):
            runner.run(stop_while_it_returns(turns))


async def test_a_cancelled_start_leaves_nobody_behind(folder: DataFolder) -> None:
    reports = Reports()
    child = RedisChild(NEWEST, folder, fsync="always", on_state=reports)
    start = asyncio.create_task(child.start())
    await reports.until(lambda report: report.phase is Phase.STARTING)

    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start

    assert Phase.READY not in reports.phases()
    assert RedisLock(folder.path / "redis").is_free()


@EACH_PROGRAM
async def test_a_deep_folder_works(tmp_path: Path, program: RedisProgram) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name with 'quotes'"] * 8)
    reports = Reports()
    async with running(deep, program, reports=reports) as child:
        await ask(child, "SET", "dw:kept", "yes")
        await kill_and_wait(child, reports)

        assert await ask(child, "GET", "dw:kept") == b"yes"
    assert len(os.fsencode(deep)) > 300


def test_it_works_on_uvloop_as_well(tmp_path: Path) -> None:
    async def serve() -> object:
        reports = Reports()
        async with running(tmp_path, reports=reports) as child:
            await ask(child, "SET", "dw:kept", "yes")
            await kill_and_wait(child, reports)
            return await ask(child, "GET", "dw:kept")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(serve()) == b"yes"
