import datetime as dt
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from doorward.http.cli.failures import Failed
from doorward.http.cli.operator_api import OperatorKey
from doorward.http.cli.server_options import connect, origin_of
from tests.http.cli.conftest import Run
from tests.http.cli.running_server import RunningServer
from tests.http.cli.scripted_server import Scripted, scripted_server

KEY = "k" * 32
OTHER_KEY = "o" * 32
LIST = ("storefront", "list")
EMPTY = Scripted(200, b'{"items": [], "nextCursor": null}')


def self_signed(folder: Path) -> tuple[Path, Path]:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "private.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def tls_server_side(paths: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    return context


def test_where_no_server_is_it_is_said_how_to_start_one(run: Run) -> None:
    refused = run(*LIST, "--url", "http://127.0.0.1:1", DOORWARD_OPERATOR_KEY=KEY)

    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: No server can be reached at http://127.0.0.1:1 (Connection refused): start one "
        "with `doorward serve`, or say where it is with --url.\n"
    )


def test_a_wrong_operator_key_is_said_to_be_refused_and_not_shown(ask: Run) -> None:
    refused = ask(*LIST, DOORWARD_OPERATOR_KEY=OTHER_KEY)

    assert refused.exit_code == 1
    assert "refuses the operator key from DOORWARD_OPERATOR_KEY" in refused.stderr
    assert OTHER_KEY not in refused.output


def test_settings_alone_lead_to_the_server_and_its_key(run: Run, cli_server: RunningServer) -> None:
    port = cli_server.origin.rpartition(":")[2]

    listed = run(*LIST, DOORWARD_PORT=port, DOORWARD_DATA_DIR=str(cli_server.data_dir))

    assert (listed.exit_code, listed.stderr) == (0, "")
    assert "kopi-senja\tKopi Senja\tyes\tno\t" in listed.stdout


def test_a_key_file_opens_without_any_setting(run: Run, cli_server: RunningServer) -> None:
    key_file = str(cli_server.data_dir / "operator.key")

    listed = run(*LIST, "--url", cli_server.origin, "--key-file", key_file)

    assert listed.exit_code == 0


def test_the_key_file_wins_over_the_variable_and_that_over_the_data_folder(
    clean_place: Path, run: Run
) -> None:
    (clean_place / "data").mkdir()
    (clean_place / "data" / "operator.key").write_text("d" * 32 + "\n", encoding="ascii")
    key_file = clean_place / "other.key"
    key_file.write_text(f"{OTHER_KEY}\n", encoding="ascii")

    with scripted_server(EMPTY, EMPTY, EMPTY) as server:
        run(*LIST, "--url", server.origin)
        run(*LIST, "--url", server.origin, DOORWARD_OPERATOR_KEY=KEY)
        run(*LIST, "--url", server.origin, "--key-file", str(key_file))

    sent = [asked.authorization for asked in server.asked]
    assert sent == [f"Bearer {'d' * 32}", f"Bearer {KEY}", f"Bearer {OTHER_KEY}"]


def test_an_operator_key_in_the_environment_file_is_found(clean_place: Path, run: Run) -> None:
    (clean_place / ".env").write_text(f"DOORWARD_OPERATOR_KEY={KEY}\n", encoding="ascii")

    with scripted_server(EMPTY) as server:
        run(*LIST, "--url", server.origin)

    assert [asked.authorization for asked in server.asked] == [f"Bearer {KEY}"]


def test_wrong_settings_do_not_matter_to_who_names_server_and_key(run: Run) -> None:
    with scripted_server(EMPTY) as server:
        listed = run(
            *(*LIST, "--url", server.origin), DOORWARD_OPERATOR_KEY=KEY, DOORWARD_PORT="80a"
        )

    assert listed.exit_code == 0


def test_the_key_of_this_folders_server_is_not_sent_to_another_machine(
    clean_place: Path,
) -> None:
    (clean_place / "data").mkdir()
    (clean_place / "data" / "operator.key").write_text(KEY, encoding="ascii")

    with pytest.raises(Failed, match="is not known here: set DOORWARD_OPERATOR_KEY"):
        connect("https://shops.example", None)


def test_without_any_key_it_is_said_where_one_could_be(run: Run, clean_place: Path) -> None:
    refused = run(*LIST)

    assert refused.exit_code == 1
    assert f"There is no operator key in {clean_place / 'data'}:" in refused.stderr
    for way in ("`doorward serve`", "DOORWARD_OPERATOR_KEY", "--key-file"):
        assert way in refused.stderr


def test_a_key_file_that_cannot_be_read_is_named(run: Run, clean_place: Path) -> None:
    refused = run(*LIST, "--url", "http://127.0.0.1:1", "--key-file", str(clean_place))

    assert refused.exit_code == 1
    assert refused.stderr == (
        f"Error: The operator key in {clean_place} cannot be read: Is a directory.\n"
    )


@pytest.mark.parametrize(
    "content", [b"", b"short", b"k" * 5000, b"k" * 32 + b"\nX-Evil: 1", b"\xff"]
)
def test_a_key_file_that_holds_no_key_is_refused_without_its_content(
    run: Run, clean_place: Path, content: bytes
) -> None:
    key_file = clean_place / "operator.key"
    key_file.write_bytes(content)

    refused = run(*LIST, "--url", "http://127.0.0.1:1", "--key-file", str(key_file))

    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"Error: {key_file}='***': must ")


@pytest.mark.parametrize(
    "url", ["shops.example", "ftp://shops.example", "https://shops.example/api", "http://u:p@x"]
)
def test_an_address_that_is_no_origin_is_refused_with_the_rule(run: Run, url: str) -> None:
    refused = run(*LIST, "--url", url, DOORWARD_OPERATOR_KEY=KEY)

    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"Error: --url='{url}': must ")
    assert refused.stderr.count("\n") == 1


def test_a_free_port_cannot_be_guessed(run: Run) -> None:
    refused = run(*LIST, DOORWARD_PORT="0", DOORWARD_OPERATOR_KEY=KEY)

    assert refused.exit_code == 1
    assert "name it with --url" in refused.stderr


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104 - what is tested
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("shop.internal", "http://shop.internal:80"),
    ],
)
def test_a_server_on_every_address_is_called_on_loopback(host: str, origin: str) -> None:
    assert origin_of(host, 80) == origin


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://shops.example", True),
        ("https://shops.example", False),
        ("http://localhost:8080", False),
    ],
)
def test_a_key_about_to_travel_in_clear_text_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    url: str,
    warned: bool,
) -> None:
    monkeypatch.setenv("DOORWARD_OPERATOR_KEY", KEY)

    connect(url, None)

    said = capsys.readouterr().err
    assert said.startswith(f"Warning: {url} is not https") is warned
    assert bool(said) is warned


def test_a_certificate_that_proves_nothing_ends_it_before_the_key_is_sent(
    run: Run, clean_place: Path
) -> None:
    paths = self_signed(clean_place)

    with scripted_server(EMPTY, tls=tls_server_side(paths)) as server:
        refused = run(*LIST, "--url", server.origin, DOORWARD_OPERATOR_KEY=KEY)

    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: The certificate of {server.origin} does not prove")
    assert server.asked == []


def test_a_certificate_this_machine_trusts_is_enough(run: Run, clean_place: Path) -> None:
    paths = self_signed(clean_place)

    with scripted_server(EMPTY, tls=tls_server_side(paths)) as server:
        listed = run(
            *(*LIST, "--url", server.origin),
            DOORWARD_OPERATOR_KEY=KEY,
            SSL_CERT_FILE=str(paths[0]),
        )

    assert (listed.exit_code, listed.stderr) == (0, "")
    assert len(server.asked) == 1


def test_no_proxy_of_the_environment_gets_the_key(run: Run) -> None:
    with scripted_server() as proxy, scripted_server(EMPTY) as server:
        listed = run(
            *(*LIST, "--url", server.origin),
            DOORWARD_OPERATOR_KEY=KEY,
            http_proxy=proxy.origin,
            all_proxy=proxy.origin,
            no_proxy="",
        )

    assert listed.exit_code == 0
    assert (len(server.asked), proxy.asked) == (1, [])


def test_a_redirect_is_told_and_not_followed(run: Run) -> None:
    with scripted_server(EMPTY) as other:
        moved = Scripted(308, headers={"Location": f"{other.origin}/elsewhere"})
        with scripted_server(moved) as server:
            refused = run(*LIST, "--url", server.origin, DOORWARD_OPERATOR_KEY=KEY)

    assert refused.exit_code == 1
    assert f"leads on to {other.origin}/elsewhere" in refused.stderr
    assert other.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Scripted(200, b"<html>Welcome</html>"),
        Scripted(200, b'["items"]'),
        Scripted(200, b'{"items": 5}'),
        Scripted(404, b"<html>Not found</html>"),
        Scripted(502, b'{"message": 5}'),
    ],
)
def test_another_programs_answer_is_not_taken_for_ours(run: Run, answer: Scripted) -> None:
    with scripted_server(answer) as server:
        refused = run(*LIST, "--url", server.origin, DOORWARD_OPERATOR_KEY=KEY)

    assert refused.exit_code == 1
    assert refused.stderr.endswith("but not as a Doorward server does.\n")
    assert refused.stderr.count("\n") == 1


def test_what_a_server_says_reaches_the_terminal_as_one_harmless_line(run: Run) -> None:
    body = b'{"statusCode":409,"code":"CONFLICT","message":"a\\n\\u001b[2Jb\\u202ec"}'

    with scripted_server(Scripted(409, body)) as server:
        refused = run(*LIST, "--url", server.origin, DOORWARD_OPERATOR_KEY=KEY)

    assert refused.stderr == "Error: a \N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c\n"


@pytest.mark.parametrize(
    ("command", "perhaps"),
    [(LIST, False), (("storefront", "remove", "kopi", "--yes"), True)],
)
def test_not_now_says_when_to_try_again_and_that_a_write_is_open(
    run: Run, *, command: tuple[str, ...], perhaps: bool
) -> None:
    body = b'{"statusCode":503,"code":"UNAVAILABLE","message":"Not now.","requestId":"r"}'

    with scripted_server(Scripted(503, body, {"Retry-After": "7"})) as server:
        refused = run(*command, "--url", server.origin, DOORWARD_OPERATOR_KEY=KEY)

    assert refused.exit_code == 1
    assert "try again in 7 s." in refused.stderr
    assert ("may or may not have been done" in refused.stderr) is perhaps


@pytest.mark.parametrize(
    ("command", "perhaps"),
    [(LIST, False), (("storefront", "remove", "kopi", "--yes"), True)],
)
def test_a_server_that_hangs_up_is_said_to_have_given_no_answer(
    run: Run, *, command: tuple[str, ...], perhaps: bool
) -> None:
    with scripted_server() as server:
        refused = run(*command, "--url", server.origin, DOORWARD_OPERATOR_KEY=KEY)

    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: {server.origin} gave no answer.")
    assert ("may or may not have been done" in refused.stderr) is perhaps


def test_a_list_whose_cursor_does_not_move_ends(run: Run) -> None:
    page = Scripted(200, b'{"items": [{"slug": "kopi"}], "nextCursor": "kopi"}')

    with scripted_server(page, page) as server:
        listed = run(*LIST, "--url", server.origin, DOORWARD_OPERATOR_KEY=KEY)

    assert listed.exit_code == 0
    assert [asked.path.partition("?")[2] for asked in server.asked] == [
        "limit=100",
        "limit=100&cursor=kopi",
    ]


def test_a_storefront_half_erased_is_erased_on_without_asking(run: Run) -> None:
    gone = b'{"statusCode":404,"code":"NOT_FOUND","message":"No.","requestId":"r"}'

    with scripted_server(Scripted(404, gone), Scripted(204)) as server:
        removed = run(
            *("storefront", "remove", "kopi", "--url", server.origin), DOORWARD_OPERATOR_KEY=KEY
        )

    assert removed.stdout == "Storefront kopi was removed.\n"
    assert [asked.method for asked in server.asked] == ["GET", "DELETE"]


def test_an_operator_key_does_not_show_in_what_holds_it() -> None:
    assert KEY not in repr(OperatorKey(KEY, "a file"))
