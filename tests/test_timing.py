import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
# Last, so that nothing of the root hides what is installed: bench is no part of the package.
sys.path.append(str(ROOT))

from bench.auc import area  # noqa: E402

TIMES = st.lists(st.integers(0, 20).map(float), min_size=2, max_size=30)


@given(these=TIMES, those=TIMES)
def test_the_area_is_how_often_one_is_larger_than_the_other(
    these: list[float], those: list[float]
) -> None:
    larger = sum((a > b) + (a == b) / 2 for a in these for b in those)

    found = area(these, those)

    assert found.auc == pytest.approx(larger / len(these) / len(those))
    assert found.low <= found.auc <= found.high
    assert area(those, these).auc == pytest.approx(1 - found.auc)


def test_what_is_the_same_is_a_coin_and_what_is_slower_is_found() -> None:
    chance = random.Random(7)
    one, same = ([chance.gauss(1_000, 50) for _ in range(1_000)] for _ in range(2))
    slower = [time + 50 for time in same]

    alike, apart = area(one, same), area(slower, one)

    assert alike.low < 0.5 < alike.high
    assert 0.45 < alike.auc < 0.55
    assert apart.low > 0.7


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    chance = random.Random(11)
    samples = [[chance.random() for _ in range(60)] for _ in range(400)]

    found = [area(a, b) for a, b in zip(samples[::2], samples[1::2], strict=True)]

    held = sum(each.low <= 0.5 <= each.high for each in found)
    assert 0.88 <= held / len(found) <= 0.99


def test_a_short_run_asks_both_kinds_and_finds_answers_that_are_the_same() -> None:
    command = [sys.executable, "-m", "bench.timing", "--pairs", "10", "--seed", "1"]
    only = ["--only", "verify", "--only", "action-token", "--only", "login"]

    ended = subprocess.run(
        [*command, *only], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )

    # Ten pairs say nothing of time; that answers do not differ they do say.
    assert ended.returncode in {0, 1}, ended.stderr
    rows = re.findall(r"│ (?:verify|action token|login).*│", ended.stdout)
    assert [row.split("│")[6].strip() for row in rows] == ["0", "0", "0"]
