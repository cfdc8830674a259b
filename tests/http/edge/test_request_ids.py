import re
import subprocess
import sys

import pytest

from doorward.http.edge import request_ids
from tests.http.edge.wire import Parse

FORM = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)


@pytest.mark.parametrize("given", ["a" * 8, "A-z_09" * 5, "x" * 64])
async def test_a_harmless_id_of_the_caller_is_kept(parsed: Parse, given: str) -> None:
    request = parsed(f"X-Request-Id: {given}")

    assert request_ids.of(request) == given


@pytest.mark.parametrize(
    "given",
    [
        "",
        "a" * 7,
        "a" * 65,
        "with blank",
        "dot.dot.dot",
        "\uff21" * 8,
        "\u0661" * 8,
        "a\u00e9iouaeiou",
    ],
)
async def test_any_other_id_is_replaced(parsed: Parse, given: str) -> None:
    request = parsed(f"X-Request-Id: {given}")

    minted = request_ids.of(request)

    assert minted != given
    assert FORM.fullmatch(minted)


async def test_minted_ids_never_repeat(parsed: Parse) -> None:
    minted = {request_ids.of(parsed()) for _ in range(1000)}

    assert len(minted) == 1000
    assert all(FORM.fullmatch(each) for each in minted)


def test_a_forked_process_mints_other_ids() -> None:
    program = (
        "import os\n"
        "from types import SimpleNamespace\n"
        "from doorward.http.edge import request_ids\n"
        "request = SimpleNamespace(headers={})\n"
        "child = os.fork()\n"
        "if child: os.waitpid(child, 0)\n"
        "print(request_ids.of(request), flush=True)\n"
        "os._exit(0)\n"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()

    prefixes = {each.partition("-")[0] for each in printed}
    assert (len(printed), len(prefixes)) == (2, 2)
