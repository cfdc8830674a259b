"""The settings of a process, one frozen struct per concern.

``settings.load`` reads them; a struct made by hand (in a test) is not checked. All defaults are
those of a server on one's own machine: loopback, embedded Redis, a development mailbox.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from doorward.config import blob_forms, credential_forms, forms, network_forms, redis_urls
from doorward.config.declarations import Declaration
from doorward.config.network_forms import Network, is_loopback
from doorward.config.secret import Secret

_PORT: Final = forms.whole(0, network_forms.PORT_MAX)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where it listens, and what it is called from outside."""

    host: Annotated[
        str,
        Declaration(
            form=network_forms.HOST,
            unit="host",
            meaning="Address to listen on. On anything but loopback there is no development "
            "mailbox, and TLS is the business of a proxy in front.",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Declaration(
            form=_PORT,
            unit="TCP port",
            meaning="Port to listen on; 0 takes a free one and says so.",
        ),
    ] = 8080
    metrics_port: Annotated[
        int,
        Declaration(
            form=_PORT,
            unit="TCP port",
            meaning="Port of `/metrics`, always on 127.0.0.1; 0 takes a free one and says so. When "
            "it is taken, as by a second server on this machine, the server starts all the "
            "same, takes a free one and logs a warning.",
        ),
    ] = 9464
    public_url: Annotated[
        str | None,
        Declaration(
            form=network_forms.ORIGIN,
            unit="origin",
            meaning="Where shoppers reach this server. Links in mails start with it, and https "
            "makes cookies `Secure`, unless a storefront has an origin of its own.",
            absent="absent: on loopback the request's own origin",
        ),
    ] = None
    hosted_domain: Annotated[
        str | None,
        Declaration(
            form=network_forms.HOSTED_DOMAIN,
            unit="domain",
            meaning="Each storefront's pages are also served at `<slug>.` and this domain.",
            absent="absent: no hosted origins",
        ),
    ] = None
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Declaration(
            form=network_forms.NETWORKS,
            unit="networks",
            meaning="Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. The "
            "client's address is the rightmost one that is not in this list.",
            absent="none is trusted",
        ),
    ] = ()
    demo: Annotated[
        bool,
        Declaration(
            form=forms.SWITCH,
            unit="switch",
            meaning="Whether the first start makes a demo storefront.",
        ),
    ] = True

    @property
    def listens_on_loopback(self) -> bool:
        """Tell whether only this machine can connect."""
        return is_loopback(self.host)


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """What makes an answer durable."""

    data_dir: Annotated[
        Path,
        Declaration(
            form=forms.PATH,
            unit="path",
            meaning="Data folder: embedded Redis, keys made on first start. One server at a time; "
            "relative to the folder the server is started in; `~` is not expanded.",
        ),
    ] = Path("data")
    redis_url: Annotated[
        Secret[str] | None,
        Declaration(
            form=redis_urls.REDIS_URL,
            unit="URL",
            meaning="Redis or Valkey to use instead of the embedded one: one server, the master "
            "behind Sentinels, or a Redis Cluster (`docs/redis.md`). It must persist "
            "(`appendonly yes`) and never evict (`maxmemory-policy noeviction`).",
            absent="absent: embedded",
            is_secret=True,
        ),
    ] = None
    blobs_url: Annotated[
        Secret[str] | None,
        Declaration(
            form=blob_forms.BLOBS_URL,
            unit="URL",
            meaning="Bucket for uploaded proofs of payment, of Amazon S3 or what speaks its "
            "protocol (extra `doorward[s3]`). Keys are read from `AWS_ACCESS_KEY_ID` and "
            "`AWS_SECRET_ACCESS_KEY`, or wherever else the AWS libraries look for them.",
            absent="absent: folder `proofs` in the data folder",
            is_secret=True,
        ),
    ] = None
    appendfsync: Annotated[
        Literal["always", "everysec"],
        Declaration(
            form=forms.one_of("always", "everysec"),
            unit="word",
            meaning="When the embedded Redis writes to disk. `everysec` is faster, and when the "
            "machine dies the last second of what was promised is lost: codes and guesses "
            "counted, sign-outs too, and a code that was used may work once more.",
        ),
    ] = "always"
    allow_volatile: Annotated[
        bool,
        Declaration(
            form=forms.SWITCH,
            unit="switch",
            meaning="Whether an external Redis that does not persist is accepted. For tests only: "
            "its restart signs everybody out and forgets every budget.",
        ),
    ] = False


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What opens the operator's door, and what every other secret is derived from."""

    operator_key: Annotated[
        Secret[str] | None,
        Declaration(
            form=credential_forms.OPERATOR_KEY,
            unit="key",
            meaning="Bearer key of the operator API.",
            absent="absent: made in the data folder, its path printed",
            is_secret=True,
        ),
    ] = None
    master_keys: Annotated[
        Secret[tuple[bytes, ...]] | None,
        Declaration(
            form=credential_forms.MASTER_KEYS,
            key="master_key",
            unit="keys",
            meaning="Keys that codes and links are derived from; Redis never sees them. To rotate, "
            "put a new one first and keep the old one as long as anything made under it lives.",
            absent="absent: made in the data folder",
            is_secret=True,
        ),
    ] = None


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """How mail leaves."""

    smtp_url: Annotated[
        Secret[str] | None,
        Declaration(
            form=credential_forms.SMTP_URL,
            unit="URL",
            meaning="Server to send mail through.",
            absent="absent: development mailbox at `/dev/mailbox`, for loopback only",
            is_secret=True,
        ),
    ] = None
    mail_from: Annotated[
        str,
        Declaration(
            form=network_forms.MAIL_ADDRESS,
            unit="address",
            meaning="Sender of all mail.",
            absent="`no-reply@` and the host of `DOORWARD_PUBLIC_URL`, else `localhost`",
        ),
    ] = "no-reply@localhost"


class Hosting(msgspec.Struct, frozen=True, kw_only=True):
    """How storefronts are hosted in this process, and where else."""

    cluster: Annotated[
        str | None,
        Declaration(
            form=network_forms.RAY_ADDRESS,
            unit="Ray address",
            meaning="Ray cluster that hosts the storefronts.",
            absent="absent: this process hosts them",
        ),
    ] = None
    host_port: Annotated[
        int,
        Declaration(
            form=_PORT,
            unit="TCP port",
            meaning="First of the 64 ports that hosts of a cluster try to listen on for HTTP "
            "processes, at their Ray node's address; 0 takes any free one.",
        ),
    ] = 0
    memory_records_mb: Annotated[
        int,
        Declaration(
            form=forms.whole(1, 65_536),
            unit="MB (1,000,000 bytes)",
            meaning="Memory for records that are kept to spare Redis a read. More than this is "
            "dropped, least recently used first; what is not yet durable is never dropped.",
        ),
    ] = 24
    mailbox_limit: Annotated[
        int,
        Declaration(
            form=forms.whole(1, 65_536),
            unit="messages",
            meaning="Messages that may wait for one storefront; one more is answered 503 at once.",
        ),
    ] = 1_024
    lease_seconds: Annotated[
        int,
        Declaration(
            form=forms.whole(1, 30),
            unit="seconds",
            meaning="How long a host may serve without having renewed its lease. After a crash, "
            "another host waits this long before it takes over.",
        ),
    ] = 3


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged, and how."""

    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        Declaration(
            form=forms.one_of("debug", "info", "warning", "error", "critical"),
            unit="word",
            meaning="Least severe events that are logged. No level logs a code or an email.",
        ),
    ] = "info"
    log_format: Annotated[
        Literal["json", "console", "auto"],
        Declaration(
            form=forms.one_of("json", "console", "auto"),
            unit="word",
            meaning="`auto` is `console` where standard error is a terminal, else `json`.",
        ),
    ] = "auto"


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """Which files were read; None where there was none."""

    env_file: Annotated[
        Path | None,
        Declaration(
            form=forms.PATH,
            unit="path",
            meaning="File of `DOORWARD_…=value` lines; set in the environment itself.",
            absent="`./.env` if there is one",
        ),
    ] = None
    config: Annotated[
        Path | None,
        Declaration(
            form=forms.PATH,
            unit="path",
            meaning="TOML file; set in the environment or the file of lines.",
            absent="`./doorward.toml` if there is one",
        ),
    ] = None
