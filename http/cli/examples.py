"""Examples in help texts."""


def examples(*lines: str) -> str:
    r"""Make the end of a command's help; the ``\b`` keeps click from joining the lines."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)
