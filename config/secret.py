"""A value that is known to the process and shown to nobody."""

from typing import Final, Generic, NoReturn, TypeVar

T = TypeVar("T")

MASK: Final = "***"


class Secret(Generic[T]):
    """A value whose ``repr``, ``str`` and format are masked, so that no log or traceback holds it.

    It compares by identity: what a caller presents is checked in constant time by whoever checks
    it, never with ``==``. It cannot be pickled, and msgspec and orjson refuse to encode it, so a
    secret leaves the process only where somebody wrote ``reveal``.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: reveal it where it is handed over on purpose")
