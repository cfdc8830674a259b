#!/usr/bin/env python3
"""From what was measured to what a load needs: the arithmetic of docs/sizing.md.

    python deploy/sizing.py                              the document's own example
    python deploy/sizing.py --sign-ins 2000 --storefronts 20000 --customers 2000000

Every figure below is per sign-in (a code asked for and used) or per stored thing, with where it is
from; change one, run this, and put what it prints into the document (a test compares them).
"""

from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, Namespace
from collections.abc import Iterator
from math import ceil
from sys import stdout
from typing import Final

# CPU of one core, in microseconds per sign-in.
HTTP_US: Final = 226
HOST_US: Final = 116
"""request-otp-1000 and verify-otp take 169 and 173 of an embedded server (docs/benchmarks.md), of
which HTTP is 66 % by its profile, and deciding, flushing and keeping mails 34 %."""
SHARDED_US: Final = 72
"""More of a host where Redis is sharded: a flush, 48 of it, takes two to three times as much work
(docs/redis.md)."""
REDIS_US: Final = 75
"""45 and 30 in the same benchmarks."""
MAIL_US: Final = 900
"""Rendering (500) and an SMTP dialogue without TLS; 3,000 mails to a sink on loopback."""

# Of a call, on either side; what travels in it shares that.
CALL_HTTP_US: Final = 42
CALL_HOST_US: Final = 39
"""20,000 calls with 400 bytes from one process to another, one after the other."""
MESSAGES_PER_CALL: Final = 8
"""Assumed: what many HTTP processes and many hosts have in a call is not measured yet."""
CALLED_HTTP_US: Final = 2 * CALL_HTTP_US // MESSAGES_PER_CALL
CALLED_HOST_US: Final = 2 * CALL_HOST_US // MESSAGES_PER_CALL

# Bytes: of Redis' used_memory by what MEMORY USAGE says, with each key's share of the tables.
STOREFRONT_BYTES: Final = 525
CUSTOMER_BYTES: Final = 490
SIGNED_IN_BYTES: Final = 320
"""In the customer's record: a session and a device; at most 50 and 20 are kept."""
SESSION_BYTES: Final = 270
EMAIL_BYTES: Final = 240
"""For 26 hours: codes, guesses, locks."""
ORDER_BYTES: Final = 1_035
"""With its indexes and token, of a document of 713 bytes."""
LOG_BYTES: Final = 4_600
"""Appended per sign-in: 3,640 of a new customer, 5,504 of one who comes again."""
MAIL_BYTES: Final = 8_123

# Memory of a process, in MB.
HTTP_MB: Final = 180
HOST_MB: Final = 220
"""Assumed, both."""
RAY_NODE_MB: Final = 205
"""Raylet 28, its two agents 92 and 85; Ray 2.60."""

# What is planned with.
BUSY: Final = 0.6
"""Of a core, at the peak: the rest is for bursts, and for a part that is missing."""
PARTITIONS: Final = 256
REDIS_ROOM: Final = 2.0
"""Of used_memory: fragmentation, and pages copied while the log is rewritten."""
SHARD_GB: Final = 25
CORES_PER_NODE: Final = 8
DIALOGUES: Final = 4
"""That a host holds with the mail server at once."""
SECONDS: Final = 3_600

# US dollars. AWS us-east-1: Fargate, Linux on x86 on demand, and SES; as of March 2026.
VCPU_HOUR: Final = 0.04048
GB_HOUR: Final = 0.004445
MAIL_EACH: Final = 0.0001

Row = tuple[str, str, str]


def main() -> None:
    """Print the tables for the load that the arguments describe."""
    parser = ArgumentParser(formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument("--sign-ins", type=int, default=100_000, help="per second, at the peak")
    parser.add_argument("--storefronts", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=100_000_000)
    parser.add_argument("--sessions", type=int, default=150_000_000, help="live at a time")
    parser.add_argument("--emails", type=int, default=20_000_000, help="asked for in 26 hours")
    parser.add_argument("--orders", type=int, default=200_000_000)
    stdout.write("\n".join(tables(parser.parse_args())) + "\n")


def tables(load: Namespace) -> Iterator[str]:
    """Yield the lines of all tables."""
    yield from _table(("Processes", "arithmetic", "needed"), _processes(load))
    yield ""
    yield from _table(("In Redis", "arithmetic", "GB"), _memory(load))
    yield ""
    yield from _table(("An hour at the peak", "arithmetic", "USD"), _cost(load))


def _processes(load: Namespace) -> Iterator[Row]:
    rate = load.sign_ins
    http, hosts, shards = _http(rate), _hosts(load), _shards(load)
    http_us, host_us = HTTP_US + CALLED_HTTP_US, _host_us(load)
    yield "HTTP processes", f"{rate:,} × {http_us} µs ÷ {BUSY}", f"{http:,}"
    yield "hosts", f"{rate:,} × {host_us:,} µs ÷ {BUSY}", f"{hosts:,} of at most {PARTITIONS}"
    deciding = ceil(rate * (host_us - MAIL_US) / 1e6 / BUSY)
    yield "– of these for deciding", f"{rate:,} × {host_us - MAIL_US} µs ÷ {BUSY}", f"{deciding:,}"
    by_cpu = ceil(rate * REDIS_US / 1e6 / BUSY)
    yield "Redis shards by CPU", f"{rate:,} × {REDIS_US} µs ÷ {BUSY}", f"{by_cpu:,}"
    yield "Redis shards by memory", f"{_gb(load):,.0f} GB ÷ {SHARD_GB}", f"{_by_memory(load):,}"
    yield "Redis shards", "the larger, as a power of two", f"{shards:,}"
    yield "Ray nodes", f"({http:,} + {hosts:,}) ÷ {CORES_PER_NODE}", f"{_nodes(load):,}"
    yield "mails per host", f"{rate:,} ÷ {hosts:,}", f"{rate / hosts:,.0f}/s"
    longest_ms = 1_000 * DIALOGUES * hosts / rate
    yield "longest SMTP dialogue", f"{DIALOGUES} ÷ mails per host", f"{longest_ms:.1f} ms"
    mails_mb = rate * MAIL_BYTES / 1e6
    yield "to the mail server", f"{rate:,} × {MAIL_BYTES:,} B", f"{mails_mb:,.0f} MB/s"
    log_mb = rate * LOG_BYTES / 1e6 / shards
    yield "log written per shard", f"{rate:,} × {LOG_BYTES:,} B ÷ {shards}", f"{log_mb:,.0f} MB/s"


def _memory(load: Namespace) -> Iterator[Row]:
    for name, count, each in _stored(load):
        yield name, f"{count:,} × {each:,} B", f"{count * each / 1e9:,.1f}"
    yield "all", "", f"{_gb(load):,.0f}"
    each = _gb(load) * REDIS_ROOM / _shards(load)
    yield "memory of a shard", f"× {REDIS_ROOM} ÷ {_shards(load)} shards", f"{each:,.0f}"


def _cost(load: Namespace) -> Iterator[Row]:
    rate = load.sign_ins
    cores = _nodes(load) * CORES_PER_NODE
    gb = (_http(rate) * HTTP_MB + _hosts(load) * HOST_MB + _nodes(load) * RAY_NODE_MB) / 1_000
    compute = cores * VCPU_HOUR + gb * GB_HOUR
    yield "HTTP and hosts", f"{cores:,} vCPU, {gb:,.0f} GB", f"{compute:,.2f}"
    redis_gb = _gb(load) * REDIS_ROOM * 2
    redis_cores = _shards(load) * 2 * 2
    redis = redis_cores * VCPU_HOUR + redis_gb * GB_HOUR
    yield "Redis, a replica each", f"{redis_cores:,} vCPU, {redis_gb:,.0f} GB", f"{redis:,.2f}"
    mails = rate * SECONDS
    yield "mails", f"{mails:,} × {MAIL_EACH:.4f}", f"{mails * MAIL_EACH:,.2f}"


def _stored(load: Namespace) -> list[tuple[str, int, int]]:
    return [
        ("storefronts", load.storefronts, STOREFRONT_BYTES),
        ("customers", load.customers, CUSTOMER_BYTES),
        ("sessions", load.sessions, SIGNED_IN_BYTES + SESSION_BYTES),
        ("emails of 26 hours", load.emails, EMAIL_BYTES),
        ("orders", load.orders, ORDER_BYTES),
    ]


def _gb(load: Namespace) -> float:
    return sum(count * each for _, count, each in _stored(load)) / 1e9


def _http(rate: int) -> int:
    return ceil(rate * (HTTP_US + CALLED_HTTP_US) / 1e6 / BUSY)


def _host_us(load: Namespace) -> int:
    return HOST_US + CALLED_HOST_US + MAIL_US + (SHARDED_US if _shards(load) > 1 else 0)


def _hosts(load: Namespace) -> int:
    return ceil(load.sign_ins * _host_us(load) / 1e6 / BUSY)


def _nodes(load: Namespace) -> int:
    return ceil((_http(load.sign_ins) + _hosts(load)) / CORES_PER_NODE)


def _by_memory(load: Namespace) -> int:
    return ceil(_gb(load) / SHARD_GB)


def _shards(load: Namespace) -> int:
    least = max(ceil(load.sign_ins * REDIS_US / 1e6 / BUSY), _by_memory(load))
    return int(2 ** (least - 1).bit_length())


def _table(heads: Row, rows: Iterator[Row]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "| --- | --- | ---: |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    main()
