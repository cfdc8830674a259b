"""Whether a Redis may keep a door: asked once, when the store is opened.

A store that forgets lets revoked sessions live and spent guesses be spent again, so one that cannot
be shown to persist is refused. Managed services forbid ``CONFIG``: what decides is therefore read
from ``INFO`` first, and what could not be looked at is said rather than assumed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from redis import asyncio as aioredis
from redis import exceptions

from doorward.actors.errors import StoreRefused, StoreUnreachable
from doorward.actors.redis_cluster import RedisCluster
from doorward.actors.redis_program import OLDEST_VERSION, release_of
from doorward.actors.redis_slots import View, gaps
from doorward.config.redis_urls import Address

_SETTINGS: Final = ("appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy")
_OTHER_URLS: Final = {"cluster": "redis+cluster://", "sentinel": "redis+sentinel://"}


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about a store, for ``/readyz`` and the log.

    Attributes:
        name: ``redis`` or ``valkey``.
        version: Major, minor, patch.
        role: ``master`` for a store that can be written to.
        settings: What is known of ``appendonly``, ``appendfsync``, ``no-appendfsync-on-rewrite``
            and ``maxmemory-policy``, by those names.
        unchecked: Those of them that this Redis does not let us see.
        warnings: What an operator should know although it is accepted, as sentences.
    """

    name: str
    version: tuple[int, int, int]
    role: str
    settings: dict[str, str]
    unchecked: tuple[str, ...]
    warnings: tuple[str, ...] = ()


async def check_store(
    client: aioredis.Redis, *, allow_volatile: bool, embedded: bool, fails_over: bool = False
) -> StoreFacts:
    """Look at a Redis before anything is kept in it.

    Args:
        client: A client with its own retries off.
        allow_volatile: ``DOORWARD_ALLOW_VOLATILE``: accept a store that may forget everything.
        embedded: It is our own child: everything must be visible, and it must persist regardless.
        fails_over: Others may make a replica the master: it is behind Sentinels.

    Returns:
        What was found.

    Raises:
        StoreRefused: It must not be used; says name, value and rule of everything that is wrong.
        StoreUnreachable: It does not answer, or is still loading its data.
    """
    info = await _info(client)
    facts = _facts(info, await _visible_settings(client))
    volatile_allowed = allow_volatile and not embedded
    problems = [*_mode_problems(info), *_problems(facts, volatile_allowed=volatile_allowed)]
    if embedded:
        problems += [f"{name} cannot be seen: it must be" for name in facts.unchecked]
    _refuse_for(problems)
    warnings = [*_warnings(facts, info), *(_replica_warnings(info) if fails_over else ())]
    return msgspec.structs.replace(facts, warnings=tuple(warnings))


async def check_cluster(
    cluster: RedisCluster, *, allow_volatile: bool
) -> dict[Address, StoreFacts]:
    """Look at every master of a Redis Cluster before anything is kept in it.

    Args:
        cluster: With the retries of its clients off.
        allow_volatile: As for ``check_store``.

    Returns:
        What was found, by host and port.

    Raises:
        StoreRefused: It must not be used; says which node, name, value and rule.
        StoreUnreachable: A master does not answer, or the cluster is down.
    """
    view, masters = await _masters(cluster)
    problems = [f"no node keeps slots {first} to {last}" for first, last in gaps(view)]
    found = {}
    for address, client in masters.items():
        info = await _info(client)
        facts = _facts(info, await _visible_settings(client))
        problems += _at(address, _problems(facts, volatile_allowed=allow_volatile))
        warnings = _at(address, [*_warnings(facts, info), *_replica_warnings(info)])
        found[address] = msgspec.structs.replace(facts, warnings=tuple(warnings))
    _refuse_for(problems)
    if not view.is_ok:
        raise StoreUnreachable("the cluster says that it is down (cluster_state)")
    return found


def is_refusal(error: BaseException) -> bool:
    """Tell whether a connection failed because of who we are, which trying again does not mend.

    On unix sockets redis-py wraps the refusal into a plain ``ConnectionError``.
    """
    kinds = (exceptions.AuthenticationError, exceptions.AuthorizationError)
    return isinstance(error, kinds) or isinstance(error.__cause__, kinds)


async def _masters(cluster: RedisCluster) -> tuple[View, dict[Address, aioredis.Redis]]:
    try:
        return await cluster.masters()
    except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
        raise _lost(error) from error
    except exceptions.ResponseError as error:
        raise StoreRefused(
            f"CLUSTER is refused ({error}): DOORWARD_REDIS_URL must name nodes of a Redis Cluster"
        ) from error


async def _info(client: aioredis.Redis) -> dict[str, Any]:
    try:
        info = await client.info()
    except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
        raise _lost(error) from error
    except exceptions.ResponseError as error:
        raise StoreRefused(f"INFO is refused ({error}): it must be allowed (+info)") from error
    if info.get("loading"):
        raise StoreUnreachable("the store is still loading its data")
    return info


def _lost(error: exceptions.RedisError) -> StoreRefused | StoreUnreachable:
    if is_refusal(error):
        return StoreRefused("the store refuses our user name and password")
    if isinstance(error.__cause__, StoreRefused):
        return error.__cause__
    return StoreUnreachable(str(error))


async def _visible_settings(client: aioredis.Redis) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _SETTINGS:
        try:
            answer = await client.config_get(name)
        except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
            raise StoreUnreachable(str(error)) from error
        except exceptions.ResponseError:
            break  # forbidden or renamed, as managed services do
        found |= {key: value for key, value in answer.items() if key and value is not None}
    return found


def _facts(info: Mapping[str, Any], visible: Mapping[str, str]) -> StoreFacts:
    release = release_of(info)
    settings = dict(visible)
    # INFO tells what is, CONFIG what was asked for: INFO wins where it speaks.
    if "aof_enabled" in info:
        settings["appendonly"] = "yes" if info["aof_enabled"] else "no"
    if "maxmemory_policy" in info:
        settings["maxmemory-policy"] = str(info["maxmemory_policy"])
    return StoreFacts(
        name=release.name,
        version=release.version,
        role=str(info.get("role", "unknown")),
        settings=settings,
        unchecked=tuple(name for name in _SETTINGS if name not in settings),
    )


def _mode_problems(info: Mapping[str, Any]) -> Iterator[str]:
    mode = info.get("redis_mode")
    if mode in _OTHER_URLS:
        yield f"it runs as {mode}: DOORWARD_REDIS_URL must then begin with {_OTHER_URLS[mode]}"


def _problems(facts: StoreFacts, *, volatile_allowed: bool) -> Iterator[str]:
    if facts.version < OLDEST_VERSION:
        yield f"version is {_dotted(facts.version)}: it must be at least {_dotted(OLDEST_VERSION)}"
    if facts.role != "master":
        yield f"role is {facts.role!r}: it must be 'master', a replica takes no writes"
    policy = facts.settings.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        yield (
            f"maxmemory-policy is {policy!r}: it must be 'noeviction', or sessions and locks are"
            " dropped when memory runs out"
        )
    append_only = facts.settings.get("appendonly", "unknown")
    if append_only != "yes" and not volatile_allowed:
        yield (
            f"appendonly is {append_only!r}: it must be 'yes', or a restart forgets everything"
            " (DOORWARD_ALLOW_VOLATILE=1 accepts that)"
        )


def _warnings(facts: StoreFacts, info: Mapping[str, Any]) -> Iterator[str]:
    append_only = facts.settings.get("appendonly", "unknown")
    if append_only != "yes":
        yield f"appendonly is {append_only!r}: a restart of the store may forget everything"
        return
    fsync = facts.settings.get("appendfsync", "unknown")
    if fsync != "always":
        yield f"appendfsync is {fsync!r}: a crash of its machine may take back answered requests"
    elif facts.settings.get("no-appendfsync-on-rewrite") == "yes":
        yield "no-appendfsync-on-rewrite is 'yes': nothing is synced during a rewrite"
    if info.get("aof_last_write_status", "ok") != "ok":
        yield "aof_last_write_status is not 'ok': the store cannot write to its disk"


def _replica_warnings(info: Mapping[str, Any]) -> Iterator[str]:
    if not info.get("connected_slaves"):
        yield "it has no replica: nobody takes its place when it is down"
    elif "min_slaves_good_slaves" not in info:
        yield (
            "min-replicas-to-write is 0: a master that is cut off from the others goes on taking"
            " writes, which are lost when it comes back"
        )


def _at(address: Address, sentences: Iterable[str]) -> list[str]:
    host, port = address
    return [f"{host}:{port}: {sentence}" for sentence in sentences]


def _refuse_for(problems: list[str]) -> None:
    if problems:
        raise StoreRefused("the store must not be used: " + "; ".join(problems))


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
