"""Lets a process of a test's cluster pass for one of another machine, clock or release.

Python imports it by its name, before anything else, where this folder is on ``PYTHONPATH``.
"""

import os
import sys
import time
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_clock_seconds = float(os.environ.get("DISGUISED_CLOCK_SECONDS", "0"))
_machine = os.environ.get("DISGUISED_MACHINE", "")
_vocabulary = os.environ.get("DISGUISED_VOCABULARY", "")


def _shift_clock() -> None:
    """Put the wall clock forward or back; those that never step go on as they do."""
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + _clock_seconds
    time.time_ns = lambda: nanoseconds() + int(_clock_seconds * 1e9)


class _Changed(MetaPathFinder):
    """Changes a module right after it was loaded."""

    def __init__(self, name: str, change: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._change = change

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        import importlib.util  # noqa: PLC0415 - only where somebody is disguised

        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            self._change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _be_elsewhere(residence: ModuleType) -> None:
    residence._machine = lambda: _machine  # type: ignore[attr-defined] # noqa: SLF001 - a disguise


def _speak_otherwise(wire: ModuleType) -> None:
    wire.VOCABULARY = _vocabulary  # type: ignore[attr-defined]


if _clock_seconds:
    _shift_clock()
if _machine:
    sys.meta_path.insert(0, _Changed("doorward.actors.residence", _be_elsewhere))
if _vocabulary:
    sys.meta_path.insert(0, _Changed("doorward.actors.cluster.wire", _speak_otherwise))
