"""Sliding windows: how often something happened in *any* stretch of so many seconds.

A window is a value: counting returns a new one. Entries are exact to the millisecond while the
limit is small (``EXACT_UP_TO``); above that, times are rounded up to a 256th of the window, so a
window never holds more than a few hundred entries. Rounding up can only refuse a little early
(by at most window/256), never let one more through: the limit holds in every window either way.

Source: OWASP Bot Management Cheat Sheet, "no fixed windows" (a burst across a fixed window's edge
passes twice the limit).
"""

from bisect import bisect_right
from typing import Final

import msgspec

EXACT_UP_TO: Final = 1_200
_GRAINS: Final = 256


class Rule(msgspec.Struct, frozen=True, gc=False):
    """At most ``limit`` in any ``window_ms``; ``name`` is what operators and metrics call it."""

    name: str
    limit: int
    window_ms: int


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where a window stands under a rule, before the request at hand is counted."""

    rule: Rule
    remaining: int
    reset_ms: int
    """Until the oldest counted entry leaves; 0 when nothing is counted."""


class Window(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Entries in time order: ``counts[i]`` happened at ``times[i]`` (ms, store time)."""

    times: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    total: int = 0


EMPTY: Final = Window()


def counted(window: Window, rule: Rule, now_ms: int) -> Window:
    """Count one at ``now_ms`` and forget what has left the rule's window.

    Where several rules share a window, pass the one that looks back furthest.
    """
    at = _rounded(rule, now_ms)
    times, counts, total = window.times, window.counts, window.total
    if times and times[0] <= now_ms - rule.window_ms:
        gone = bisect_right(times, now_ms - rule.window_ms)
        total -= sum(counts[:gone])
        times, counts = times[gone:], counts[gone:]
    if times and times[-1] >= at:
        # Not unpacked: that would go through a list.
        return Window(times, counts[:-1] + (counts[-1] + 1,), total + 1)  # noqa: RUF005
    return Window(times + (at,), counts + (1,), total + 1)  # noqa: RUF005


def held(window: Window, rule: Rule, now_ms: int) -> int:
    """Tell how many entries lie inside the rule's window, ``(now - window, now]``."""
    gone = bisect_right(window.times, now_ms - rule.window_ms)
    return window.total - sum(window.counts[:gone])


def standing(window: Window, rule: Rule, now_ms: int) -> Standing:
    """Tell what is left of a rule's limit."""
    gone = bisect_right(window.times, now_ms - rule.window_ms)
    used = window.total - sum(window.counts[:gone])
    reset_ms = window.times[gone] + rule.window_ms - now_ms if used else 0
    return Standing(rule, max(0, rule.limit - used), reset_ms)


def remaining(window: Window, rule: Rule, now_ms: int) -> int:
    """Tell how many more fit now."""
    times = window.times
    if not times or times[0] > now_ms - rule.window_ms:
        return max(0, rule.limit - window.total)
    return max(0, rule.limit - held(window, rule, now_ms))


def wait_ms(window: Window, rule: Rule, now_ms: int) -> int:
    """Tell how long until one more fits; 0 when it fits now."""
    gone = bisect_right(window.times, now_ms - rule.window_ms)
    used = window.total - sum(window.counts[:gone])
    if used < rule.limit:
        return 0
    for at, count in zip(window.times[gone:], window.counts[gone:], strict=True):
        used -= count
        left_ms = at + rule.window_ms - now_ms
        if used < rule.limit:
            return left_ms
    return 0


def _rounded(rule: Rule, now_ms: int) -> int:
    if rule.limit <= EXACT_UP_TO:
        return now_ms
    grain_ms = max(1, rule.window_ms // _GRAINS)
    return -(-now_ms // grain_ms) * grain_ms
