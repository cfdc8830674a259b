"""How a command ends that could not do its work: one sentence on standard error, and a status."""

import click


class Failed(click.ClickException):
    """What was asked for could not be done."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class WrongSetting(Failed):
    """A setting cannot be worked with; the status is that of a wrong option."""

    exit_code = 2


class NoStorefront(Failed):
    """The server has no storefront of that slug."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is no storefront {slug}: `doorward storefront list` shows all.")


def one_line(text: str) -> str:
    """Put a text that may be foreign on one line, without anything a terminal would act on."""
    line = " ".join(text.split())
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)
