import contextlib
import http.client
import io
import itertools
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from doorward.http.cli import order_flights, order_lines
from doorward.http.cli.failures import Failed
from doorward.http.cli.kept_connection import KeptConnection
from doorward.http.cli.operator_api import OperatorApi, OperatorKey
from tests.http.cli.conftest import Run
from tests.http.cli.running_server import (
    DEADLINE_SECONDS,
    DOORWARD,
    RunningServer,
    running_server,
    surroundings,
)
from tests.http.cli.scripted_server import Scripted, ScriptedServer, scripted_server
from tests.http.sales import ndjson, order

NUMBERS = count(1)
KEY = "operator-key-of-the-tests-0123456789abcdef"
Import = Callable[..., Result]


@pytest.fixture
def api(cli_server: RunningServer) -> OperatorApi:
    return api_of(cli_server)


@pytest.fixture
def slug(api: OperatorApi) -> str:
    return published(api, f"import-{next(NUMBERS)}")


@pytest.fixture
def bring_in(ask: Run, slug: str) -> Import:
    """Import a file into the test's own storefront."""

    def run(file: Path | str, *options: str, answer: str | None = None) -> Result:
        return ask("import", "orders", str(file), "--storefront", slug, *options, answer=answer)

    return run


def api_of(server: RunningServer) -> OperatorApi:
    key = (server.data_dir / "operator.key").read_text(encoding="ascii").strip()
    return OperatorApi(server.origin, OperatorKey(key, "the test"))


def published(api: OperatorApi, slug: str) -> str:
    api.put(f"/storefronts/{slug}", {"displayName": "Kopi", "published": True})
    return slug


def written(folder: Path, *lines: object) -> Path:
    path = folder / "orders.jsonl"
    path.write_bytes(ndjson(*lines))
    return path


def captured(origin: str, key: str) -> list[object]:
    """Read the captured mail of a sandbox storefront."""
    connection = http.client.HTTPConnection(origin.removeprefix("http://"))
    with closing(connection):
        headers = {"Authorization": f"Bearer {key}"}
        connection.request("GET", "/api/v1/merchant/sandbox/mail", headers=headers)
        items: list[object] = json.load(connection.getresponse())["items"]
    return items


def many(folder: Path, wanted: int, *, bad: int = 0) -> Path:
    """Write so many orders, and after each ``wanted // bad`` of them a line that is none."""
    lines: list[object] = []
    for number in range(wanted):
        lines.append(order(f"A-{number}"))
        if bad and number % (wanted // bad) == 0:
            lines.append(b'{"orderNumber":"bad-%d"}' % number)
    return written(folder, *lines)


def progress_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.progress")


def rejected_by(path: Path) -> tuple[bytes, list[dict[str, Any]]]:
    """Read the lines that were put aside, and why."""
    aside = path.with_name(f"{path.name}.rejected")
    reasons = path.with_name(f"{path.name}.rejected.reasons").read_bytes().splitlines()
    return aside.read_bytes(), [json.loads(reason) for reason in reasons]


def beside(path: Path) -> set[str]:
    return {other.name for other in path.parent.glob(f"{path.name}*")} - {path.name}


def test_a_file_of_orders_is_brought_in(bring_in: Import, clean_place: Path) -> None:
    path = many(clean_place, 150)

    ended = bring_in(path)

    told = "150 orders: 150 created, 0 changed, 0 unchanged, 0 rejected; "
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.startswith(told)
    assert beside(path) == set()


def test_the_same_file_again_changes_nothing(bring_in: Import, clean_place: Path) -> None:
    path = many(clean_place, 150)
    bring_in(path)

    ended = bring_in(path, "--json")

    told = json.loads(ended.stdout)
    del told["seconds"]
    assert told == {"lines": 150, "created": 0, "changed": 0, "unchanged": 150, "rejected": 0}


def test_bad_lines_are_put_aside_with_their_reasons_and_the_rest_is_taken(
    bring_in: Import, clean_place: Path
) -> None:
    bad = [b"{nothing", ndjson(order("A-2", total=1)).rstrip(), ndjson({"a": 1}).rstrip()]
    path = written(clean_place, order("A-1"), bad[0], b"", *bad[1:], order("A-3"))

    ended = bring_in(path)

    lines, reasons = rejected_by(path)
    # They hold buyers' names: whatever the umask says, they are the owner's alone.
    assert all(each.stat().st_mode & 0o077 == 0 for each in path.parent.glob("*.rejected*"))
    assert ended.exit_code == 3
    assert "5 orders: 2 created, 0 changed, 0 unchanged, 3 rejected" in ended.stdout
    assert f"Rejected lines are in {path}.rejected" in ended.stderr
    assert lines == b"".join(line + b"\n" for line in bad)
    assert [(reason["line"], reason["name"]) for reason in reasons] == [
        (2, "line"),
        (4, "total"),
        (5, "orderNumber"),
    ]
    assert all(reason["rule"] for reason in reasons)
    assert not progress_of(path).exists()


def test_lines_that_were_put_aside_can_be_mended_and_brought_in(
    bring_in: Import, clean_place: Path
) -> None:
    path = written(clean_place, order("A-1"), order("A-2", currency="rupiah"))
    bring_in(path)
    aside = path.with_name("orders.jsonl.rejected")
    aside.write_bytes(aside.read_bytes().replace(b"rupiah", b"IDR"))

    ended = bring_in(aside)

    assert ended.exit_code == 0
    assert "1 orders: 1 created" in ended.stdout


def test_what_an_earlier_import_put_aside_does_not_stay_beside_a_good_one(
    bring_in: Import, clean_place: Path
) -> None:
    path = written(clean_place, b"{")
    bring_in(path)

    written(clean_place, order())
    ended = bring_in(path)

    assert ended.exit_code == 0
    assert beside(path) == set()


def test_lines_may_come_as_other_programs_write_them(bring_in: Import, clean_place: Path) -> None:
    path = clean_place / "orders.jsonl"
    lines = [json.dumps(order(f"A-{number}")).encode() for number in range(3)]
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines) + b"\n\n" + lines[0])

    ended = bring_in(path)

    assert (ended.exit_code, ended.stdout.partition(";")[0]) == (
        0,
        "4 orders: 3 created, 0 changed, 1 unchanged, 0 rejected",
    )


def test_an_empty_file_is_fine(bring_in: Import, clean_place: Path) -> None:
    ended = bring_in(written(clean_place))

    assert (ended.exit_code, ended.stdout.partition(":")[0]) == (0, "0 orders")


def test_standard_input_is_read_and_its_bad_lines_are_kept_in_the_working_folder(
    bring_in: Import, clean_place: Path
) -> None:
    ended = bring_in("-", answer=ndjson(order("A-1"), b"{").decode())

    assert ended.exit_code == 3
    assert "2 orders: 1 created, 0 changed, 0 unchanged, 1 rejected" in ended.stdout
    assert (clean_place / "stdin.rejected").read_bytes() == b"{\n"


def test_the_place_for_bad_lines_can_be_chosen(bring_in: Import, clean_place: Path) -> None:
    path = written(clean_place, b"{")

    ended = bring_in(path, "--rejected", "aside.txt")

    assert ended.exit_code == 3
    assert (clean_place / "aside.txt").read_bytes() == b"{\n"
    assert beside(path) == set()


def test_a_line_that_no_call_can_carry_is_put_aside(bring_in: Import, clean_place: Path) -> None:
    long = b'{"orderNumber":"' + b"x" * 2_000_000
    path = written(clean_place, order("A-1"), long, order("A-2"))

    ended = bring_in(path)

    lines, reasons = rejected_by(path)
    assert "3 orders: 2 created, 0 changed, 0 unchanged, 1 rejected" in ended.stdout
    assert lines == long + b"\n"
    assert [reason["line"] for reason in reasons] == [2]


def test_a_later_line_about_an_order_has_the_last_word(
    bring_in: Import, api: OperatorApi, slug: str, clean_place: Path
) -> None:
    lines = [order(f"A-{number % 70}", notes=f"{number}") for number in range(700)]

    ended = bring_in(written(clean_place, *lines))
    again = bring_in(written(clean_place, *lines[-70:]))

    assert "700 orders: 70 created, 630 changed, 0 unchanged" in ended.stdout
    assert "70 orders: 0 created, 0 changed, 70 unchanged" in again.stdout


def test_buyers_are_mailed_only_when_it_is_asked_for(
    ask: Run, api: OperatorApi, clean_place: Path
) -> None:
    slug = f"import-{next(NUMBERS)}"
    api.put(f"/storefronts/{slug}", {"displayName": "K", "published": True, "sandbox": True})
    made = api.post(f"/storefronts/{slug}/keys", {"kind": "secret", "name": "mail"})

    def mailed(status: str, *options: str) -> int:
        path = written(clean_place, order(status=status))
        ended = ask("import", "orders", str(path), "--storefront", slug, *options)
        assert ended.exit_code == 0, ended.stderr
        return len(captured(api.origin, str(made["key"])))

    counts = [mailed("requested"), mailed("confirmed"), mailed("in_progress", "--mail")]

    assert counts == [0, 0, 1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--storefront", "nobody-here"), "There is no storefront nobody-here"),
        (("--storefront", "No"), "is not a slug"),
        ((), "Missing option '--storefront'"),
    ],
)
def test_a_storefront_that_is_not_there_is_named(
    ask: Run, clean_place: Path, options: tuple[str, ...], said: str
) -> None:
    path = written(clean_place, order())

    ended = ask("import", "orders", str(path), *options)

    assert ended.exit_code in {1, 2}
    assert said in ended.stderr
    assert beside(path) == set()


def test_a_file_that_is_not_there_is_named(bring_in: Import, clean_place: Path) -> None:
    ended = bring_in(clean_place / "missing.jsonl")

    assert ended.exit_code == 1
    assert "missing.jsonl: No such file" in ended.stderr


def test_a_server_that_was_never_there_is_not_waited_for(run: Run, clean_place: Path) -> None:
    path = written(clean_place, order())

    ended = run(
        *("import", "orders", str(path), "--storefront", "kopi-senja"),
        DOORWARD_URL="http://127.0.0.1:9",
        DOORWARD_OPERATOR_KEY=KEY,
    )

    assert ended.exit_code == 1
    assert "No server can be reached" in ended.stderr
    assert beside(path) == set()


# From here a scripted server says what a real one says rarely, one batch at a time.


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_flights, "AT_ONCE", 1)


def taken(created: int) -> Scripted:
    body = {"created": created, "changed": 0, "unchanged": 0, "refused": []}
    return Scripted(200, msgspec.json.encode(body))


def refused(status: int, headers: dict[str, str] | None = None) -> Scripted:
    body = {"statusCode": status, "code": "X", "message": "Not like this.", "requestId": "1"}
    return Scripted(status, msgspec.json.encode(body), headers or {})


def import_from(run: Run, server: ScriptedServer, path: Path, *options: str) -> Result:
    return run(
        *("import", "orders", str(path), "--storefront", "kopi-senja", *options),
        DOORWARD_URL=server.origin,
        DOORWARD_OPERATOR_KEY=KEY,
    )


@pytest.mark.usefixtures("one_by_one")
def test_a_busy_server_is_asked_again_when_it_says(run: Run, clean_place: Path) -> None:
    path = many(clean_place, 65)
    later = {"Retry-After": "0"}

    with scripted_server(
        refused(503, later), taken(64), refused(429, later), refused(503, later), taken(1)
    ) as server:
        ended = import_from(run, server, path)

    assert ended.exit_code == 0, ended.stderr
    assert "65 orders: 65 created" in ended.stdout
    bodies = [asked.body for asked in server.asked]
    assert bodies[0] == bodies[1]
    assert bodies[2] == bodies[3] == bodies[4]


@pytest.mark.usefixtures("one_by_one")
def test_an_import_that_fails_midway_goes_on_where_it_was(run: Run, clean_place: Path) -> None:
    path = many(clean_place, 192)
    with scripted_server(taken(64), taken(64), refused(400)) as server:
        failed = import_from(run, server, path)
        server.answers.append(taken(64))
        ended = import_from(run, server, path)

    assert failed.exit_code == 1
    assert "Not like this." in failed.stderr
    assert "The first 128 lines are done; the same command goes on from there." in failed.stderr
    assert ended.exit_code == 0
    assert "Going on at line 129." in ended.stderr
    assert "192 orders: 192 created" in ended.stdout
    assert server.asked[-1].body == b"".join(path.read_bytes().splitlines(keepends=True)[128:])
    assert beside(path) == set()


@pytest.mark.usefixtures("one_by_one")
def test_an_import_does_not_go_on_in_a_file_that_was_changed(run: Run, clean_place: Path) -> None:
    path = many(clean_place, 128)
    with scripted_server(taken(64), refused(400)) as server:
        import_from(run, server, path)
        with path.open("ab") as file:
            file.write(ndjson(order("A-999")))
        ended = import_from(run, server, path)

    assert ended.exit_code == 1
    assert "--restart begins anew" in ended.stderr
    assert len(server.asked) == 2


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--mail",), "without --mail"),
        (("--storefront", "other-shop"), "storefront kopi-senja"),
        (("--rejected", "elsewhere"), "orders.jsonl.rejected"),
    ],
)
def test_an_import_does_not_go_on_as_another_one(
    run: Run, clean_place: Path, change: tuple[str, ...], said: str
) -> None:
    path = many(clean_place, 128)
    with scripted_server(taken(64), refused(400)) as server:
        import_from(run, server, path)
        ended = import_from(run, server, path, *change)

    assert ended.exit_code == 1
    assert said in ended.stderr


@pytest.mark.usefixtures("one_by_one")
def test_restart_begins_anew(run: Run, clean_place: Path) -> None:
    path = many(clean_place, 128)
    with scripted_server(taken(64), refused(400), taken(64), taken(64)) as server:
        import_from(run, server, path)
        ended = import_from(run, server, path, "--restart")

    assert ended.exit_code == 0
    assert server.asked[2].body == server.asked[0].body


@pytest.mark.usefixtures("one_by_one")
def test_a_progress_file_that_is_none_is_not_believed(run: Run, clean_place: Path) -> None:
    path = many(clean_place, 1)
    progress_of(path).write_text("{}")

    with scripted_server(taken(1)) as server:
        ended = import_from(run, server, path)

    assert ended.exit_code == 1
    assert "is not what an import left" in ended.stderr
    assert server.asked == []


@pytest.mark.usefixtures("one_by_one")
def test_lines_put_aside_before_a_crash_are_not_put_aside_twice(
    run: Run, clean_place: Path
) -> None:
    path = many(clean_place, 128)
    bad = {"created": 63, "refused": [{"line": 7, "name": "total", "rule": "must be right"}]}
    answer = Scripted(200, msgspec.json.encode(bad))
    with scripted_server(answer, refused(400), answer) as server:
        import_from(run, server, path)
        aside = path.with_name("orders.jsonl.rejected")
        # As if the second batch had been put aside, and the crash came before that was noted.
        with aside.open("ab") as file:
            file.write(b"line of the second batch\n")
        ended = import_from(run, server, path)

    assert ended.exit_code == 3, ended.stderr
    lines, reasons = rejected_by(path)
    wanted = path.read_bytes().splitlines(keepends=True)
    assert lines == wanted[6] + wanted[64 + 6]
    assert [reason["line"] for reason in reasons] == [7, 71]


@pytest.mark.usefixtures("one_by_one")
def test_lines_that_were_taken_away_meanwhile_are_missed(run: Run, clean_place: Path) -> None:
    path = many(clean_place, 128)
    bad = {"created": 63, "refused": [{"line": 7, "name": "total", "rule": "must be right"}]}
    with scripted_server(Scripted(200, msgspec.json.encode(bad)), refused(400)) as server:
        import_from(run, server, path)
        path.with_name("orders.jsonl.rejected").write_bytes(b"")
        ended = import_from(run, server, path)

    assert ended.exit_code == 1
    assert "orders.jsonl.rejected was cut meanwhile: --restart begins anew" in ended.stderr


@pytest.mark.parametrize("body", [b"[]", b"no json", b'{"created":"x"}'])
def test_a_server_that_is_no_doorward_is_found_out(
    run: Run, clean_place: Path, body: bytes
) -> None:
    path = written(clean_place, order())

    with scripted_server(Scripted(200, body)) as server:
        ended = import_from(run, server, path)

    assert ended.exit_code == 1
    assert "not as a Doorward server does" in ended.stderr


# From here processes are ended in the middle, as people and machines do.


def started(server: RunningServer, slug: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [DOORWARD, "import", "orders", str(path), "--storefront", slug],
        env=surroundings(server.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_some_is_done(path: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not progress_of(path).exists():
        assert time.monotonic() < deadline


def test_an_import_that_was_killed_goes_on_and_loses_and_repeats_nothing(
    cli_server: RunningServer, bring_in: Import, slug: str, clean_place: Path
) -> None:
    path = many(clean_place, 10_000, bad=100)
    importer = started(cli_server, slug, path)
    until_some_is_done(path)
    importer.kill()
    importer.communicate()

    ended = bring_in(path, "--json")

    told = json.loads(ended.stdout)
    lines, reasons = rejected_by(path)
    assert ended.exit_code == 3
    assert "Going on at line " in ended.stderr
    assert (told["lines"], told["rejected"]) == (10_100, 100)
    assert told["created"] + told["unchanged"] == 10_000
    assert lines.count(b"\n") == len(reasons) == 100
    assert len({reason["line"] for reason in reasons}) == 100
    assert json.loads(bring_in(path, "--json").stdout)["unchanged"] == 10_000


def test_ctrl_c_ends_an_import_in_order(
    cli_server: RunningServer, bring_in: Import, slug: str, clean_place: Path
) -> None:
    path = many(clean_place, 10_000)
    importer = started(cli_server, slug, path)
    until_some_is_done(path)
    importer.send_signal(signal.SIGINT)
    stdout, stderr = importer.communicate(timeout=DEADLINE_SECONDS)

    ended = bring_in(path, "--json")

    assert (importer.returncode, stdout) == (130, "")
    assert stderr.startswith("Interrupted. The first ")
    assert "Traceback" not in stderr
    told = json.loads(ended.stdout)
    # What was under way was waited for, so nothing had to be sent twice.
    assert (told["created"], told["unchanged"]) == (10_000, 0)


def test_an_import_outlasts_a_restart_of_the_server(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    path = many(tmp_path, 10_000)
    with running_server(folder) as first:
        slug = published(api_of(first), "kopi-uji")
        importer = started(first, slug, path)
        until_some_is_done(path)
        first.end()
        port = first.origin.rpartition(":")[2]

        with running_server(folder, environ={"DOORWARD_PORT": port}) as second:
            stdout, stderr = importer.communicate(timeout=2 * DEADLINE_SECONDS)
            assert second.origin == first.origin

    assert (importer.returncode, stderr) == (0, "")
    assert stdout.startswith("10,000 orders: ")
    assert " 0 changed" in stdout
    assert " 0 rejected" in stdout


def test_a_kept_connection_that_the_server_gave_up_is_opened_again() -> None:
    with scripted_server(taken(1), taken(1)) as server:
        connection = KeptConnection(OperatorApi(server.origin, OperatorKey(KEY, "the test")))

        # The scripted server speaks HTTP/1.0 and hangs up after every answer.
        answers = [connection.post_lines("/storefronts/a-b/orders", b"{}\n") for _ in range(2)]

        connection.close()
    assert [isinstance(answer, dict) for answer in answers] == [True, True]
    assert len(server.asked) == 2


def test_batches_about_one_order_are_never_under_way_together() -> None:
    under_way: set[str] = set()
    met: list[frozenset[str]] = []

    class Watched(order_flights.Flights):
        def _send(self, batch: order_lines.Batch) -> order_flights.Report:
            met.append(batch.numbers & under_way)
            under_way.update(batch.numbers)
            barely()
            under_way.difference_update(batch.numbers)
            return order_flights.Report(created=batch.filled)

    gate = threading.Barrier(2)

    def barely() -> None:
        # Two that may fly together wait for each other; one alone waits only this long.
        with contextlib.suppress(threading.BrokenBarrierError):
            gate.wait(timeout=0.05)
        gate.reset()

    api = OperatorApi("http://127.0.0.1:9", OperatorKey(KEY, "the test"))
    flights = Watched(api, "/", threading.Event())
    wanted = [["a"], ["b"], ["a"], ["c"], ["a", "c"], ["b"]]
    batches = [
        order_lines.Batch(number, (b"{}\n",), frozenset(names), number)
        for number, names in enumerate(wanted, 1)
    ]

    settled = [batch for batch, _ in flights.settled(batches)]

    assert settled == batches
    assert met == [frozenset()] * len(batches)


@given(st.lists(st.sampled_from([b"", b" ", b"{}", b"x" * 1_000, b"y" * 300_000]), max_size=200))
def test_batches_hold_every_line_once_in_order_and_know_where_they_end(lines: list[bytes]) -> None:
    raw = b"\n".join(lines)

    batches = list(order_lines.batches(io.BytesIO(raw)))

    assert b"".join(line for batch in batches for line in batch.lines) == raw
    ends = [batch.end_bytes for batch in batches]
    sizes = [sum(map(len, batch.lines)) for batch in batches]
    assert ends == list(itertools.accumulate(sizes))
    numbered = [batch.first_line + len(batch.lines) for batch in batches]
    assert [batch.first_line for batch in batches] == [1, *numbered[:-1]][: len(batches)]
    assert all(batch.filled <= order_lines.BATCH_LINES for batch in batches)
    assert all(size <= order_lines.BATCH_BYTES for size in sizes)


def test_a_file_without_line_breaks_is_not_read_into_memory() -> None:
    with pytest.raises(Failed, match="Line 1 is longer than 16 MiB"):
        list(order_lines.batches(io.BytesIO(b"x" * (17 << 20))))
