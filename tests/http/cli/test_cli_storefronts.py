import json
import os
import pty
import subprocess
from itertools import count
from typing import Any

import pytest

from doorward.http.cli.operator_api import OperatorApi, OperatorKey
from tests.http.cli.conftest import Run
from tests.http.cli.running_server import (
    DEADLINE_SECONDS,
    DOORWARD,
    RunningServer,
    doorward,
    surroundings,
)

NUMBERS = count(1)
FULL: dict[str, Any] = {
    "displayName": "Kopi & Co",
    "published": False,
    "origin": "https://kopi.example",
    "hostedDomain": "doors.example",
    "headless": True,
    "allowedOrigins": ["https://a.example", "https://b.example:8443"],
    "payment": {
        "bankAccounts": [
            {"bankName": "Bank", "accountNumber": "123", "accountHolder": "Kopi"},
        ],
        "instructions": "Within a day.",
        "whatsappNumber": "+628123",
    },
    "returnToStoreUrl": "https://kopi.example/back",
    "branding": {"accent": "#8a4b2a", "logoUrl": "https://kopi.example/logo.png"},
    "policy": {"codes": {"perEmailPerMinute": 5}, "signIn": {"open": True}},
    "sandbox": True,
}


@pytest.fixture
def slug() -> str:
    return f"shop-{next(NUMBERS)}"


@pytest.fixture
def api(cli_server: RunningServer) -> OperatorApi:
    key = (cli_server.data_dir / "operator.key").read_text(encoding="ascii").strip()
    return OperatorApi(cli_server.origin, OperatorKey(key, "the test"))


def test_a_storefront_lives_from_add_to_remove(cli_server: RunningServer, slug: str) -> None:
    def run(*arguments: str, answer: str = "") -> str:
        ended = doorward(
            *("storefront", *arguments),
            folder=cli_server.data_dir,
            environ=cli_server.environ,
            answer=answer,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    told = [
        run("add", slug, "--name", "Kopi Senja"),
        run("publish", slug),
        run("list"),
        run("show", slug),
        run("unpublish", slug),
        run("remove", slug, answer=f"{slug}\n"),
        run("list"),
    ]

    assert told[0] == f"Storefront {slug} was added, unpublished.\n"
    assert told[1] == f"Storefront {slug} is published.\n"
    assert [slug, "Kopi Senja", "yes", "no"] in [row.split("\t")[:4] for row in told[2].split("\n")]
    assert "displayName\tKopi Senja\n" in told[3]
    assert "published\tyes\n" in told[3]
    assert told[4] == f"Storefront {slug} is unpublished.\n"
    assert told[5] == f"Storefront {slug} was removed.\n"
    assert slug not in told[6].split()


def test_add_sets_all_that_its_options_say(ask: Run, api: OperatorApi, slug: str) -> None:
    added = ask(
        *("storefront", "add", slug, "--name", "Kopi", "--published", "--sandbox"),
        *("--origin", "https://kopi.example", "--accent", "#8a4b2a", "--headless"),
        *("--allow-origin", "https://a.kopi.example", "--allow-origin", "https://b.kopi.example"),
        *("--policy", "codes.perEmailPerMinute=5", "--policy", "signIn.open=true"),
    )

    known = api.get(f"/storefronts/{slug}")
    assert added.exit_code == 0
    assert added.stdout == f"Storefront {slug} was added, published sandbox.\n"
    assert added.stderr == ""
    assert known["displayName"] == "Kopi"
    assert (known["published"], known["sandbox"]) == (True, True)
    assert known["origin"] == "https://kopi.example"
    assert known["branding"]["accent"] == "#8a4b2a"
    assert known["headless"]
    assert known["allowedOrigins"] == ["https://a.kopi.example", "https://b.kopi.example"]
    assert known["policy"] == {"codes": {"perEmailPerMinute": 5}, "signIn": {"open": True}}


def test_add_says_how_to_publish_what_is_not(ask: Run, slug: str) -> None:
    added = ask("storefront", "add", slug, "--name", "Kopi")

    assert f"doorward storefront publish {slug}" in added.stderr


def test_add_and_show_print_what_the_api_holds_as_json(
    ask: Run, api: OperatorApi, slug: str
) -> None:
    added = ask("storefront", "add", slug, "--name", "Kopi Senj\u00e4", "--json")
    shown = ask("storefront", "show", slug, "--json")

    assert json.loads(added.stdout) == json.loads(shown.stdout)
    assert json.loads(shown.stdout) == api.get(f"/storefronts/{slug}")
    assert shown.stdout.isascii()


def test_add_leaves_a_storefront_that_exists_as_it_is(
    ask: Run, api: OperatorApi, slug: str
) -> None:
    before = api.put(f"/storefronts/{slug}", FULL)

    refused = ask("storefront", "add", slug, "--name", "Another")

    assert refused.exit_code == 1
    assert refused.stderr == f"Error: Storefront {slug} exists already; it was left as it is.\n"
    assert api.get(f"/storefronts/{slug}") == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--name", ""], "--name must be 1 to 100 characters"),
        (["--name", "K", "--origin", "kopi.example"], "--origin must be scheme://host[:port]"),
        (["--name", "K", "--accent", "red"], "--accent must be a colour like #2f6f4f."),
        (["--name", "K", "--policy", "codes.ttl=5"], "--policy codes.ttl must be a whole number"),
        (["--name", "K", "--policy", "codes.ttl=NaN"], "--policy codes.ttl must be a whole"),
        (["--name", "K", "--policy", "codes.tll=90"], "--policy codes.tll is not a policy of"),
    ],
)
def test_what_the_server_refuses_is_said_by_the_name_of_the_option(
    ask: Run, api: OperatorApi, slug: str, arguments: list[str], said: str
) -> None:
    refused = ask("storefront", "add", slug, *arguments)

    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: {said}")
    assert refused.stderr.count("\n") == 1
    assert slug not in {item["slug"] for item in api.page("/storefronts?limit=100").items}


@pytest.mark.parametrize(
    "policy", ["codes.ttl", "=5", "codes.ttl=", 'codes={"ttl":300}', "codes.ttl=[300]"]
)
def test_a_policy_that_is_no_field_and_value_is_refused(ask: Run, slug: str, policy: str) -> None:
    refused = ask("storefront", "add", slug, "--name", "K", "--policy", policy)

    assert refused.exit_code == 2
    assert "is not FIELD=VALUE, such as codes.ttl=300." in refused.stderr


def test_a_policy_field_is_given_once(ask: Run, slug: str) -> None:
    policies = ("--policy", "codes.ttl=300", "--policy", "codes.ttl=400")

    refused = ask("storefront", "add", slug, "--name", "K", *policies)

    assert refused.exit_code == 2
    assert "codes.ttl is given twice." in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("storefront", "add", "Kopi", "--name", "K"),
        ("storefront", "show", "-"),
        ("storefront", "remove", "a" * 41),
        ("key", "list", "../x"),
    ],
)
def test_a_slug_that_cannot_be_one_is_not_called_missing(
    ask: Run, arguments: tuple[str, ...]
) -> None:
    refused = ask(*arguments)

    assert refused.exit_code == 2
    assert "is not a slug: 3 to 40 of a-z, 0-9 and -" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("storefront", "show", "no-such"),
        ("storefront", "publish", "no-such"),
        ("storefront", "unpublish", "no-such"),
        ("storefront", "remove", "no-such", "--yes"),
        ("storefront", "remove", "no-such"),
        ("key", "list", "no-such"),
        ("key", "add", "no-such", "--kind", "secret", "--name", "K"),
        ("key", "revoke", "no-such", "an-id"),
    ],
)
def test_a_storefront_that_does_not_exist_is_said_to_be_missing(
    ask: Run, arguments: tuple[str, ...]
) -> None:
    refused = ask(*arguments)

    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: There is no storefront no-such: `doorward storefront list` shows all.\n"
    )


def test_publishing_changes_nothing_else(ask: Run, api: OperatorApi, slug: str) -> None:
    before = api.put(f"/storefronts/{slug}", FULL)

    published = ask("storefront", "publish", slug)

    after = api.get(f"/storefronts/{slug}")
    assert published.exit_code == 0
    assert {name: before[name] for name in FULL} == FULL
    assert after == before | {"published": True, "updatedAt": after["updatedAt"]}


@pytest.mark.parametrize(
    ("verb", "published", "said"),
    [("publish", True, "was published already"), ("unpublish", False, "was not published")],
)
def test_publishing_twice_writes_once(
    ask: Run, api: OperatorApi, slug: str, *, verb: str, published: bool, said: str
) -> None:
    before = api.put(f"/storefronts/{slug}", FULL | {"published": published})

    again = ask("storefront", verb, slug)

    assert again.exit_code == 0
    assert again.stdout == f"Storefront {slug} {said}.\n"
    assert api.get(f"/storefronts/{slug}") == before


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("kopi\n", "Nothing was removed: that is not its slug."),
        ("", "Nothing was removed: type the slug, or give --yes."),
    ],
)
def test_remove_without_the_slug_removes_nothing(
    ask: Run, api: OperatorApi, slug: str, answer: str, said: str
) -> None:
    before = api.put(f"/storefronts/{slug}", FULL)

    refused = ask("storefront", "remove", slug, answer=answer)

    assert refused.exit_code == 1
    assert f"This erases storefront {slug} (Kopi & Co) for good" in refused.stderr
    assert refused.stderr.endswith(f"Error: {said}\n")
    assert refused.stdout == ""
    assert api.get(f"/storefronts/{slug}") == before


def test_remove_with_yes_asks_nothing(ask: Run, api: OperatorApi, slug: str) -> None:
    api.put(f"/storefronts/{slug}", FULL)

    removed = ask("storefront", "remove", slug, "--yes")

    assert (removed.exit_code, removed.stderr) == (0, "")
    assert ask("storefront", "show", slug).exit_code == 1


def test_list_goes_on_past_the_first_page(ask: Run, api: OperatorApi) -> None:
    slugs = [f"many-{number:03}" for number in range(102)]
    for slug in slugs:
        api.put(f"/storefronts/{slug}", {"displayName": slug})

    plain = ask("storefront", "list")
    as_json = ask("storefront", "list", "--json")

    listed = [row.split("\t")[0] for row in plain.stdout.splitlines()]
    assert [slug for slug in listed if slug.startswith("many-")] == slugs
    assert [item["slug"] for item in json.loads(as_json.stdout)["items"]] == listed


def test_at_a_terminal_there_is_a_table_and_markup_in_names_is_text(
    cli_server: RunningServer, api: OperatorApi, slug: str
) -> None:
    api.put(f"/storefronts/{slug}", {"displayName": "[red]Kopi[/red]"})
    ours, theirs = pty.openpty()

    shown = subprocess.run(
        [DOORWARD, "storefront", "show", slug],
        env=surroundings(cli_server.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}),
        cwd=cli_server.data_dir,
        stdout=theirs,
        timeout=DEADLINE_SECONDS,
        check=False,
    )

    screen = os.read(ours, 65_536).decode()
    os.close(ours)
    os.close(theirs)
    assert shown.returncode == 0
    assert "\x1b[1mField" in screen
    assert "[red]Kopi[/red]" in screen
    assert "\t" not in screen
