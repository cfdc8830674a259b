"""What is going on, for whoever waits: on standard error, so that results can be redirected."""

import sys


def tell(text: str) -> None:
    """Write a line at once."""
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()
