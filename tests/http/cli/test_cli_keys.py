import http.client
import json
from itertools import count
from urllib.parse import urlsplit

import pytest

from tests.http.cli.conftest import Run
from tests.http.cli.running_server import RunningServer
from tests.http.cli.scripted_server import scripted_server

NUMBERS = count(1)


@pytest.fixture
def sandbox(ask: Run) -> str:
    slug = f"door-{next(NUMBERS)}"
    added = ask("storefront", "add", slug, "--name", "Door", "--published", "--sandbox")
    assert added.exit_code == 0
    return slug


def opens(server: RunningServer, key: str) -> int:
    parts = urlsplit(server.origin)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request(
        "GET", "/api/v1/merchant/sandbox/mail", headers={"Authorization": f"Bearer {key}"}
    )
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_key_opens_what_it_is_for_until_it_is_revoked(
    ask: Run, cli_server: RunningServer, sandbox: str
) -> None:
    made = ask("key", "add", sandbox, "--kind", "secret", "--name", "Tests")
    key = made.stdout.strip()
    before = opens(cli_server, key)
    [listed] = json.loads(ask("key", "list", sandbox, "--json").stdout)["items"]

    revoked = ask("key", "revoke", sandbox, listed["id"])

    assert made.exit_code == 0
    assert before == 200
    assert revoked.stdout == f"Key {listed['id']} of {sandbox} was revoked.\n"
    assert opens(cli_server, key) == 401
    assert json.loads(ask("key", "list", sandbox, "--json").stdout) == {"items": []}


@pytest.mark.parametrize(("kind", "prefix"), [("secret", "sk_live_"), ("publishable", "pk_live_")])
def test_the_key_alone_goes_to_standard_output_and_is_said_to_be_shown_once(
    ask: Run, sandbox: str, kind: str, prefix: str
) -> None:
    made = ask("key", "add", sandbox, "--kind", kind, "--name", "Tests")

    assert made.stdout.startswith(prefix)
    assert made.stdout.count("\n") == 1
    assert "shown this once" in made.stderr
    assert prefix not in made.stderr


def test_the_list_tells_all_but_what_keys_open(ask: Run, sandbox: str) -> None:
    scopes = ("--scope", "orders:read", "--scope", "orders:write")
    made = ask(
        *("key", "add", sandbox, "--kind", "secret", "--name", "Order service"),
        *(*scopes, "--json"),
    )
    key = json.loads(made.stdout)

    plain = ask("key", "list", sandbox)
    as_json = ask("key", "list", sandbox, "--json")

    row = [key["id"], "secret", "Order service", "orders:read, orders:write", key["createdAt"]]
    assert plain.stdout.splitlines() == ["\t".join(row)]
    assert json.loads(as_json.stdout)["items"] == [
        {name: value for name, value in key.items() if name != "key"}
    ]
    assert key["key"] not in plain.output + as_json.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--name", "K", "--scope", "orders:all"], "--scope must be of actions:write, "),
        (["--name", ""], "--name must be 1 to 100 characters"),
    ],
)
def test_what_the_server_refuses_of_a_key_is_said_by_the_name_of_the_option(
    ask: Run, sandbox: str, arguments: list[str], said: str
) -> None:
    refused = ask("key", "add", sandbox, "--kind", "secret", *arguments)

    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith(f"Error: {said}")


def test_an_id_that_is_no_keys_is_said_to_be_missing(ask: Run, sandbox: str) -> None:
    refused = ask("key", "revoke", sandbox, "../keys?x")

    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: Storefront {sandbox} has no key ../keys?x:")


def test_a_key_given_as_its_id_is_neither_sent_nor_repeated(run: Run) -> None:
    key = "sk_live_00002a_" + "A" * 43

    with scripted_server() as server:
        refused = run(
            *("key", "revoke", "kopi", key, "--url", server.origin), DOORWARD_OPERATOR_KEY="k" * 32
        )

    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: That is a key, not its id:")
    assert key not in refused.output
    assert server.asked == []
