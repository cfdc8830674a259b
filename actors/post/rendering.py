"""Turns a mail into its words: subject, text part, HTML part.

Templates are compiled when this module is loaded and never looked at again; a rendering is string
work of some tens of microseconds, so it may run in the event loop.
"""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from doorward.actors.post.colours import palette
from doorward.actors.post.mail import RenderedMail, SignInMail, host_of
from doorward.actors.post.names import shown_name
from doorward.actors.post.wording import ENGLISH, Wording


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


_TEMPLATES: Final = _environment()
_TEXT: Final[Template] = _TEMPLATES.get_template("sign_in.txt")
_HTML: Final[Template] = _TEMPLATES.get_template("sign_in.html")


def render(mail: SignInMail, wording: Wording = ENGLISH) -> RenderedMail:
    """Write a mail in one language.

    Returns:
        Subject (one line, the code first), text and HTML. Where there is a code, the text's last
        line is the origin-bound form ``@host #code``, which phones offer for filling in only on
        that host. The text ends without a line break.

    Source: WICG, "Origin-bound one-time codes delivered via SMS", the message format.
    """
    words = _words(mail, wording)
    return RenderedMail(subject(mail, wording), _TEXT.render(words), _HTML.render(words))


def subject(mail: SignInMail, wording: Wording = ENGLISH) -> str:
    """Write the subject alone; cheap enough for lists."""
    name = shown_name(mail.display_name, mail.slug)
    if mail.code is None:
        return wording.link_subject.format(name=name)
    return wording.code_subject.format(code=mail.code, name=name)


def _words(mail: SignInMail, wording: Wording) -> dict[str, object]:
    name = shown_name(mail.display_name, mail.slug)
    host = host_of(mail.origin)
    minutes = wording.minutes(mail.minutes_left)
    coded = mail.code is not None
    return {
        "wording": wording,
        "colours": palette(mail.accent),
        "name": name,
        "host": host,
        "code": mail.code,
        "link": mail.link,
        "title": subject(mail, wording),
        "preview": (wording.code_preview if coded else wording.link_preview).format(
            code=mail.code, minutes=minutes
        ),
        "heading": wording.code_heading if coded else wording.link_heading,
        "code_use": wording.code_use.format(host=host, minutes=minutes),
        "code_guard": wording.code_guard.format(name=name),
        "link_use": (wording.link_instead if coded else wording.link_use).format(minutes=minutes),
        "why": wording.why.format(name=name),
    }
