"""Settings that are each allowed, and together likely not meant.

A caution is a sentence for the log at start: what is set, what follows, what to set instead.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from doorward.config.concerns import Hosting, Keys, Mail, Server, Store
from doorward.config.network_forms import is_loopback
from doorward.config.redis_urls import read_place


def of_server(server: Server, mail: Mail) -> Iterator[str]:
    """Find what shoppers would run into."""
    url = server.public_url
    if url and url.startswith("http://") and not is_loopback(urlsplit(url).hostname or ""):
        yield (
            f"DOORWARD_PUBLIC_URL={url} is not https: cookies go without Secure and can be read "
            "and planted on the way"
        )
    if url and url.startswith("https://") and not server.trusted_proxies:
        yield (
            "DOORWARD_PUBLIC_URL is https and DOORWARD_TRUSTED_PROXIES names no proxy: if one ends "
            "TLS in front of this server, all shoppers share its address and its limits"
        )
    if server.listens_on_loopback:
        return
    if mail.smtp_url is None:
        yield (
            f"DOORWARD_HOST={server.host} is not loopback and DOORWARD_SMTP_URL is not set: mail "
            "is not sent, and the development mailbox is served on loopback only"
        )
    if not url and not server.hosted_domain:
        yield (
            f"DOORWARD_HOST={server.host} is not loopback and neither DOORWARD_PUBLIC_URL nor "
            "DOORWARD_HOSTED_DOMAIN is set: mails of a storefront without an origin of its own "
            "name localhost"
        )
    if server.demo:
        yield (
            f"DOORWARD_HOST={server.host} is not loopback and DOORWARD_DEMO is on: the demo "
            "storefront can be reached by others"
        )


def of_store(store: Store) -> Iterator[str]:
    """Find what could cost answers that were promised."""
    if store.redis_url is None:
        if store.appendfsync != "always":
            yield (
                f"DOORWARD_APPENDFSYNC={store.appendfsync}: when the machine dies, up to a second "
                "of what was answered is lost"
            )
        if store.allow_volatile:
            yield "DOORWARD_ALLOW_VOLATILE has no effect on the embedded Redis, which persists"
        return
    if store.appendfsync != "always":
        yield ("DOORWARD_APPENDFSYNC has no effect on an external Redis: set appendfsync there")
    if store.allow_volatile:
        yield (
            "DOORWARD_ALLOW_VOLATILE is on: a restart of Redis may sign everybody out and forget "
            "every budget"
        )
    place = read_place(store.redis_url.reveal())
    if not place.is_encrypted and not all(is_loopback(host) for host, _ in place.servers):
        yield (
            "DOORWARD_REDIS_URL is neither TLS (rediss://) nor on this machine: whoever is on the "
            "way can read emails and write sessions"
        )


def of_mail(mail: Mail) -> Iterator[str]:
    """Find what receivers would not take."""
    domain = mail.mail_from.rpartition("@")[2]
    if mail.smtp_url is not None and is_loopback(domain):
        yield (
            f"DOORWARD_MAIL_FROM={mail.mail_from} while DOORWARD_SMTP_URL is set: most receivers "
            "refuse mail from such a sender"
        )


def of_hosting(hosting: Hosting, store: Store, keys: Keys) -> Iterator[str]:
    """Find what processes of one cluster would not share."""
    if hosting.cluster is None:
        return
    if store.redis_url is None:
        yield (
            "DOORWARD_CLUSTER is set and DOORWARD_REDIS_URL is not: hosts on other machines cannot "
            "reach the embedded Redis"
        )
    if keys.master_keys is None:
        yield (
            "DOORWARD_CLUSTER is set and DOORWARD_MASTER_KEY is not: processes with data folders "
            "of their own make keys of their own, and refuse each other's codes"
        )
