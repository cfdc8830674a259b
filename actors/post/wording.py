"""The words of mails that lead to a page: news of orders, returns and accounts, links, actions.

All of them look alike: what it is about in a few lines, what that means, a link. Every word comes
from the catalogue; what merchants and buyers chose themselves is neutralised here (``names``).
"""

from typing import Final, NamedTuple

from doorward.actors.locales import Catalogue
from doorward.actors.post.contents import AccountNews, ActionLink, OrderNews, ReturnNews, StatusLink
from doorward.actors.post.names import shown_lines, shown_name

Leading = OrderNews | ReturnNews | StatusLink | ActionLink | AccountNews
Words = dict[str, object]
_Rows = list[tuple[str, str]]
_EVENTS: Final = frozenset({"new_device", "password_changed", "locked", "password_disabled"})


class Said(NamedTuple):
    """In which language, as whom, and about which storefront a mail speaks."""

    words: Catalogue
    name: str
    slug: str


def subject_of(content: Leading, said: Said) -> str:
    """Write the subject."""
    words = said.words
    if isinstance(content, AccountNews):
        return words.say(f"mails.account.{content.news}.subject", name=said.name)
    if isinstance(content, ActionLink):
        return _action_subject(content, said)
    number = _number(content, said)
    match content:
        case OrderNews(news="status", status=status):
            shown = words[f"orders.status.{status}"]
            return words.say("mails.order.status_subject", number=number, status=shown)
        case OrderNews():
            return words.say("mails.order.remark_subject", number=number, name=said.name)
        case ReturnNews(news=news):
            shown = words[f"returns.status.{news}"]
            return words.say("mails.return.subject", number=number, status=shown)
    return words.say("mails.status.subject", number=number, name=said.name)


def _action_subject(content: ActionLink, said: Said) -> str:
    words = said.words
    title = words[f"actions.title.{content.action}"]
    if content.number is None:
        return words.say("mails.action.subject", name=said.name, title=title)
    return words.say("mails.action.order_subject", number=_number(content, said), title=title)


def words_of(content: Leading, said: Said) -> Words:
    """Write everything else; ``note`` is lines that somebody else wrote, mostly none."""
    return {"note": [], "note_label": ""} | _particular(content, said)


def _particular(content: Leading, said: Said) -> Words:
    match content:
        case OrderNews():
            return _order(content, said)
        case ReturnNews():
            return _return(content, said)
        case StatusLink():
            return _status(content, said)
        case AccountNews():
            return _account(content, said)
    return _action(content, said)


def _order(content: OrderNews, said: Said) -> Words:
    words, name, number = said.words, said.name, _number(content, said)
    rows = [(words["mails.order.number_label"], number)]
    if content.status is not None:
        shown = words[f"orders.status.{content.status}"]
        rows.append((words["mails.order.status_label"], shown))
    if content.news == "status":
        heading = words[f"mails.order.status_heading.{content.status}"]
        text = words[f"orders.next.{content.status}"]
        preview = words.say("mails.order.status_preview", heading=heading, next=text)
    else:
        heading = words["mails.order.remark_heading"]
        text = words.say("mails.order.remark_text", name=name)
        preview = words.say("mails.order.remark_preview", name=name, number=number)
    return {
        "heading": heading,
        "preview": preview,
        "rows": rows,
        "text": text,
        **_to_the_order(words),
        "guard": words["mails.order.guard"],
        "why": words.say("mails.order.why", name=name),
    }


def _return(content: ReturnNews, said: Said) -> Words:
    words, news = said.words, content.news
    heading = words[f"mails.return.heading.{news}"]
    text = words[f"returns.next.{news}"]
    return {
        "heading": heading,
        "preview": words.say("mails.order.status_preview", heading=heading, next=text),
        "rows": [
            (words["mails.order.number_label"], _number(content, said)),
            (words["mails.return.status_label"], words[f"returns.status.{news}"]),
        ],
        "text": text,
        "note": shown_lines(content.note or ""),
        "note_label": words["mails.return.note_label"],
        **_to_the_order(words),
        "guard": words["mails.return.guard" if content.asks else "mails.order.guard"],
        "why": words.say("mails.return.why", name=said.name),
    }


def _status(content: StatusLink, said: Said) -> Words:
    words, number = said.words, _number(content, said)
    total = words.money(content.total, content.currency)
    return {
        "heading": words["mails.status.heading"],
        "preview": words.say("mails.status.preview", number=number, total=total),
        "rows": [
            (words["mails.order.number_label"], number),
            (words["mails.order.status_label"], words[f"orders.status.{content.status}"]),
            (words["mails.status.total_label"], total),
        ],
        "text": words.say("mails.status.text", day=words.day(content.until_ms)),
        **_to_the_order(words),
        "guard": words["mails.status.guard"],
        "why": words.say("mails.order.why", name=said.name),
    }


def _action(content: ActionLink, said: Said) -> Words:
    words, action = said.words, content.action
    heading, text = words[f"actions.title.{action}"], words[f"actions.text.{action}"]
    until = words.say("mails.action.until", moment=words.moment(content.until_ms))
    rows: _Rows = []
    if content.number is not None:
        rows = [(words["mails.order.number_label"], _number(content, said))]
    return {
        "heading": heading,
        "preview": text,
        "rows": rows,
        "text": f"{text} {until}",
        "link_button": words["mails.action.button"],
        "link_text": words["mails.action.link_text"],
        "guard": words["mails.action.guard"],
        "why": words.say("mails.action.why", name=said.name),
    }


def _account(content: AccountNews, said: Said) -> Words:
    words, name, sort = said.words, said.name, f"mails.account.{content.news}"
    text = words.say(f"{sort}.text", name=name)
    until = words.say("mails.action.until", moment=words.moment(content.until_ms))
    return {
        "heading": words[f"{sort}.heading"],
        "preview": text,
        "rows": _happened(content, said),
        "text": f"{text} {until}",
        "link_button": words[f"{sort}.button"],
        "link_text": words.say("mails.account.link_text", button=words[f"{sort}.button"]),
        "guard": words[f"{sort}.guard"],
        "why": words.say(f"{sort}.why", name=name),
    }


def _happened(content: AccountNews, said: Said) -> _Rows:
    if content.news not in _EVENTS:
        return []
    words = said.words
    rows = [(words["mails.account.when_label"], words.moment(content.at_ms))]
    if content.news != "new_device":
        return rows
    if content.device:
        # Derived from a header of whoever signed in.
        rows.append((words["mails.account.device_label"], shown_name(content.device, said.slug)))
    if content.area:
        rows.append((words["mails.account.area_label"], content.area))
    return rows


def _to_the_order(words: Catalogue) -> Words:
    return {
        "link_button": words["mails.order.button"],
        "link_text": words["mails.order.link_text"],
    }


def _number(content: OrderNews | ReturnNews | StatusLink | ActionLink, said: Said) -> str:
    # Chosen by whoever writes orders, so it is hostile text as a name is.
    return shown_name(content.number or "", said.slug)
