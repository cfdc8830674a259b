"""Merging a patch into sparse overrides, for any tree of policy sections.

Both come from outside (a PATCH, an operator's document), so everything is checked: names, types,
bounds, and what must stay no greater than what. Work is bounded by the patch's own size, since only
declared sections are entered.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from doorward.config.errors import ConfigurationError
from doorward.config.names import shortened, unknown
from doorward.config.policy_fields import PolicyTree

Flat = dict[str, int | None]


def merged(
    tree: PolicyTree,
    ascending: Iterable[tuple[str, ...]],
    overrides: Mapping[str, object],
    patch: Mapping[str, object],
) -> dict[str, object]:
    """Merge and check; ``policy.apply`` is the contract.

    Raises:
        ConfigurationError: See ``policy.apply``.
    """
    changed = _flat(tree, patch)
    result = _flat(tree, overrides) | changed
    _check_order(tree, ascending, result, changed)
    return _nested(tree, result)


def _flat(tree: PolicyTree, given: Mapping[str, object]) -> Flat:
    """Bring nested and dotted names to dotted ones, each with a checked value or None (reset)."""
    flat: Flat = {}
    for name, value in _settled(tree, given, ""):
        if name in flat:
            raise ConfigurationError(name, _shown(value), "must be set once in a patch")
        flat[name] = value
    return flat


def _settled(
    tree: PolicyTree, given: Mapping[str, object], prefix: str
) -> Iterator[tuple[str, int | None]]:
    for key, value in given.items():
        name = f"{prefix}{key}"
        if name not in tree.sections:
            yield name, _checked(tree, name, value)
        elif value is None:
            yield from ((field, None) for field in tree.fields if field.startswith(f"{name}."))
        elif isinstance(value, Mapping):
            yield from _settled(tree, value, f"{name}.")
        else:
            raise ConfigurationError(name, _shown(value), "must be an object, or null to reset it")


def _checked(tree: PolicyTree, name: str, value: object) -> int | None:
    field = tree.fields.get(name)
    if field is None:
        known = [*tree.fields, *sorted(tree.sections)]
        raise unknown(name, _shown(value), known=known, noun="policy")
    if value is None:
        return None
    if not field.accepts(value):
        raise ConfigurationError(name, _shown(value), f"must be {field.rule}")
    return value


def _check_order(
    tree: PolicyTree, ascending: Iterable[tuple[str, ...]], result: Flat, changed: Flat
) -> None:
    for lesser, greater in (pair for chain in ascending for pair in pairwise(chain)):
        low, high = _value(tree, result, lesser), _value(tree, result, greater)
        if low <= high:
            continue
        # Blame what the patch touched: its author sees that name in what was sent.
        if greater in changed and lesser not in changed:
            rule = f"must be at least {lesser}, which is {low}"
            raise ConfigurationError(greater, str(high), rule)
        raise ConfigurationError(lesser, str(low), f"must be at most {greater}, which is {high}")


def _value(tree: PolicyTree, result: Flat, name: str) -> int:
    value = result.get(name)
    return tree.fields[name].default if value is None else value


def _nested(tree: PolicyTree, flat: Flat) -> dict[str, object]:
    nested: dict[str, Any] = {}
    for name in tree.fields:
        value = flat.get(name)
        if value is None:
            continue
        *sections, leaf = name.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[leaf] = value
    return nested


def _shown(value: object) -> str:
    """Write a value as JSON, cut to what an error message can carry."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "an array"
    try:
        return shortened(json.dumps(value))
    except (TypeError, ValueError):
        # Not a JSON value, or a number too long to be written (over 4,300 digits).
        return f"a value of type {type(value).__name__}"
