import pytest

from doorward.actors.post.smtp_server import SmtpServer, parse
from doorward.config.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "server"),
    [
        (
            "smtp://user:pass@mail.example:587",
            SmtpServer(
                host="mail.example",
                port=587,
                security="starttls",
                username="user",
                password="pass",
            ),
        ),
        (
            "smtp://mail.example?starttls=required",
            SmtpServer(host="mail.example", port=587, security="starttls"),
        ),
        (
            "smtps://u%40x.io:p%2Fw%20d@mail.example",
            SmtpServer(
                host="mail.example", port=465, security="tls", username="u@x.io", password="p/w d"
            ),
        ),
        (
            "smtp://mailpit:1025?starttls=never",
            SmtpServer(host="mailpit", port=1025, security="plain"),
        ),
        ("smtp://127.0.0.1", SmtpServer(host="127.0.0.1", port=25, security="plain")),
        ("smtp://[::1]:2525/", SmtpServer(host="::1", port=2525, security="plain")),
        (
            "smtp://u:p@localhost:25",
            SmtpServer(host="localhost", port=25, security="plain", username="u", password="p"),
        ),
        (
            "smtp://localhost?starttls=required&helo=door.shop.example",
            SmtpServer(host="localhost", port=587, security="starttls", helo="door.shop.example"),
        ),
    ],
)
def test_a_url_names_host_port_protection_and_login(url: str, server: SmtpServer) -> None:
    assert parse(url) == server


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("", "must be smtp://"),
        ("mail.example:587", "must be smtp://"),
        ("http://mail.example", "must be smtp://"),
        ("smtp://", "must be smtp://"),
        ("smtp://user:s3cret@", "must be smtp://"),
        ("smtp://user:s3cret@[::1", "must be a URL"),
        ("smtp://user:s3cret@mail.example/path", "path"),
        ("smtp://user:s3cret@mail.example#x", "fragment"),
        ("smtp://user:s3cret@mail.example:0", "port"),
        ("smtp://user:s3cret@mail.example:65536", "port"),
        ("smtp://user:s3cret@mail.example:smtp", "port"),
        ("smtp://user:s3cret@mail.example?starttls=maybe", "starttls=required or"),
        ("smtp://user:s3cret@mail.example?starttls=", "starttls=required or"),
        ("smtp://user:s3cret@mail.example?starttls=required&starttls=never", "once"),
        ("smtp://user:s3cret@mail.example?from=a@b.c", "starttls and helo"),
        ("smtp://user:s3cret@mail.example?starttls=never", "in the clear"),
        ("smtps://user:s3cret@mail.example?starttls=required", "smtps"),
        ("smtp://user@mail.example", "both user and password"),
        ("smtp://:s3cret@mail.example", "both user and password"),
        ("smtp://user:s3cret@mail.example?helo=a%20b", "helo"),
        ("smtp://user:s3cret@mail.example?helo=", "helo"),
        ("smtp://user:s3cret@mail.example\r\nHELO x", "visible ASCII"),
        ("smtp://user:s3crét@mail.example", "visible ASCII"),
    ],
)
def test_a_url_that_breaks_a_rule_is_refused_without_telling_the_password(
    url: str, rule: str
) -> None:
    with pytest.raises(ConfigurationError, match=rule) as refused:
        parse(url)

    assert refused.value.name == "DOORWARD_SMTP_URL"
    assert "s3cr" not in str(refused.value)


def test_a_server_prints_no_login() -> None:
    server = parse("smtps://someone:s3cret@mail.example")

    printed = repr(server) + repr(server.__rich_repr__())

    assert "s3cret" not in printed
    assert "someone" not in printed
    assert "mail.example" in printed
