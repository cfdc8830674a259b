"""Turns a mail into its words: subject, text part, HTML part.

Templates are compiled when this module is loaded and never looked at again; a rendering is string
work of some tens of microseconds, so it may run in the event loop. Every word comes from the
catalogue of the mail's language (``locales``); templates and code hold none of their own.
"""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from doorward.actors.locales import Catalogue, words
from doorward.actors.post.colours import palette
from doorward.actors.post.contents import SignIn
from doorward.actors.post.mail import Mail, RenderedMail, host_of
from doorward.actors.post.names import shown_name
from doorward.actors.post.wording import Said, Words, subject_of, words_of


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


def _pair(name: str) -> tuple[Template, Template]:
    return _TEMPLATES.get_template(f"{name}.txt"), _TEMPLATES.get_template(f"{name}.html")


# Loaded now although nothing uses them by name: else the first mail would wait for the disk.
_SHARED: Final = [_TEMPLATES.get_template(name) for name in ("layout.html", "button.html")]
_SIGN_IN: Final = _pair("sign_in")
_NEWS: Final = _pair("news")


def render(mail: Mail, said: Catalogue | None = None) -> RenderedMail:
    """Write a mail, in its own language unless another catalogue is given.

    Returns:
        Subject (one line, a code first), text and HTML. Where there is a code, the text's last
        line is the origin-bound form ``@host #code``, which phones offer for filling in only on
        that host. The text ends without a line break.

    Source: WICG, "Origin-bound one-time codes delivered via SMS", the message format.
    """
    said = said or words(mail.locale)
    title = subject(mail, said)
    (text, html), particular = _particular(mail, said)
    parts = _frame(mail, said, title) | particular
    return RenderedMail(title, text.render(parts), html.render(parts))


def subject(mail: Mail, said: Catalogue | None = None) -> str:
    """Write the subject alone; cheap enough for lists."""
    said = said or words(mail.locale)
    name = _name(mail)
    if not isinstance(mail.content, SignIn):
        return subject_of(mail.content, _said(mail, said))
    if mail.code is None:
        return said.say("mails.sign_in.link_subject", name=name)
    return said.say("mails.sign_in.code_subject", code=mail.code, name=name)


def _particular(mail: Mail, said: Catalogue) -> tuple[tuple[Template, Template], Words]:
    if isinstance(mail.content, SignIn):
        return _SIGN_IN, _sign_in(mail, mail.content, said)
    return _NEWS, words_of(mail.content, _said(mail, said))


def _frame(mail: Mail, said: Catalogue, title: str) -> Words:
    return {
        "language": said.locale,
        "direction": said.direction,
        "colours": palette(mail.accent),
        "name": _name(mail),
        "title": title,
        "link": mail.link,
        "link_plain": said["mails.link_plain"],
    }


def _sign_in(mail: Mail, content: SignIn, said: Catalogue) -> Words:
    name, host = _name(mail), host_of(mail.origin)
    minutes = said.minutes(content.minutes_left)
    coded = content.code is not None
    sort, link_use = ("code", "link_instead") if coded else ("link", "link_use")
    return {
        "host": host,
        "code": content.code,
        "preview": said.say(f"mails.sign_in.{sort}_preview", code=content.code, minutes=minutes),
        "heading": said[f"mails.sign_in.{sort}_heading"],
        "code_use": said.say("mails.sign_in.code_use", host=host, minutes=minutes),
        "code_guard": said.say("mails.sign_in.code_guard", name=name),
        "link_use": said.say(f"mails.sign_in.{link_use}", minutes=minutes),
        "link_button": said["mails.sign_in.link_button"],
        "guard": said["mails.sign_in.ignore"],
        "why": said.say("mails.sign_in.why", name=name),
    }


def _name(mail: Mail) -> str:
    return shown_name(mail.display_name, mail.slug)


def _said(mail: Mail, said: Catalogue) -> Said:
    return Said(said, _name(mail), mail.slug)
