"""What holds for every test: nothing of ours blocks the loop, and CI leaves nothing out."""

import os
from collections.abc import Generator, Iterator

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

# A busy machine makes an example slow, never wrong; what is too slow is for benchmarks to say.
settings.register_profile(
    "doorward",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("doorward")


class _EveryFunction(set[str]):
    def __contains__(self, name: object) -> bool:
        return True


# What these do is done before the first request is taken: nobody waits for the loop yet.
STARTING_UP = (
    "actors/blobs/s3_client.py",
    "actors/data_folder.py",
    "actors/redis_home.py",
    "actors/redis_program.py",
)


@pytest.fixture(autouse=True, scope="session")
def _nothing_of_ours_blocks_the_loop() -> Iterator[None]:
    with blockbuster_ctx(["doorward.actors", "doorward.config", "doorward.http"]) as watch:
        for blocking in watch.functions.values():
            for module in STARTING_UP:
                blocking.can_block_in(module, _EveryFunction())
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_when_left_out(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_when_left_out(report)
    return report


def _fail_when_left_out(report: pytest.TestReport | pytest.CollectReport) -> None:
    # A missing service skips on a laptop; in CI nobody would see that its tests never ran.
    expected_failure = hasattr(report, "wasxfail")
    if os.environ.get("CI") == "true" and report.skipped and not expected_failure:
        report.outcome = "failed"
        report.longrepr = f"left out, which CI does not allow: {report.longrepr}"
