"""Orders as pages show them: words instead of states, text instead of amounts and times."""

from datetime import UTC, date, datetime
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from doorward.actors.locales import Catalogue
from doorward.actors.messages.orders import Listed, OrderPage
from doorward.actors.post.names import shown_name
from doorward.actors.records.orders import Order, Remark
from doorward.actors.records.storefronts import BankAccount, Payment
from doorward.http import timestamps

WAY: Final = ("requested", "confirmed", "in_progress", "delivered", "completed")
ENDED: Final = ("declined", "canceled")
_LOOKS: Final = {
    "requested": ("wait", "clock"),
    "confirmed": ("info", "check"),
    "in_progress": ("info", "work"),
    "delivered": ("good", "parcel"),
    "completed": ("good", "done"),
    "declined": ("stop", "cross"),
    "canceled": ("calm", "cross"),
    "unpaid": ("wait", "open"),
    "payment_claimed": ("info", "clock"),
    "payment_confirmed": ("good", "check"),
}
_URL_SHOWN: Final = 60


class State(NamedTuple):
    """A state as a badge: told by word and shape, and by colour only besides."""

    text: str
    tone: str
    icon: str


class Moment(NamedTuple):
    """A point in time, for machines and for people."""

    iso: str
    text: str


class Row(NamedTuple):
    """An order in its buyer's list."""

    path: str
    number: str
    what: str
    status: State
    payment: State
    total: str
    active: Moment


class Step(NamedTuple):
    """A station on an order's way: ``past``, ``now`` or ``ahead``."""

    text: str
    state: str


class Item(NamedTuple):
    """A line of an order; ``total`` is of all its pieces."""

    name: str
    quantity: int
    total: str


class Detail(NamedTuple):
    """An order whole; ``steps`` is empty for one that ended early."""

    path: str
    number: str
    what: str
    status: State
    payment: State
    steps: tuple[Step, ...]
    comes_next: str
    items: tuple[Item, ...]
    sums: tuple[tuple[str, str], ...]
    total: str
    facts: tuple[tuple[str, str], ...]
    placed: Moment
    tracking_url: str | None


class Pay(NamedTuple):
    """How to pay, and what was sent to prove it; ``proof`` is empty when nothing was."""

    claimed: bool
    accounts: tuple[BankAccount, ...]
    instructions: str | None
    proof: str
    proof_at: Moment | None


class Said(NamedTuple):
    """A message of the thread; attachments are (address, what is shown of it)."""

    id: str
    author: str
    author_name: str
    body: str
    at: Moment
    attachments: tuple[tuple[str, str], ...]


def order_path(access_token: str) -> str:
    """Tell where an order's page is."""
    return f"/o/{access_token}"


def row(listed: Listed, words: Catalogue) -> Row:
    """Show an order in its buyer's list."""
    order = listed.order
    return Row(
        path=order_path(listed.access_token),
        number=order.number,
        what=what(order),
        status=state("status", order.status, words),
        payment=payment_state(order, words),
        total=words.money(order.total, order.currency),
        active=moment(order.activity_at_ms, words),
    )


def detail(order: Order, access_token: str, words: Catalogue) -> Detail:
    """Show an order to whoever holds its access token: no email, no address, nothing internal."""
    return Detail(
        path=order_path(access_token),
        number=order.number,
        what=what(order),
        status=state("status", order.status, words),
        payment=payment_state(order, words),
        steps=_steps(order, words),
        comes_next=words[f"orders.next.{order.status}"],
        items=items(order, words),
        sums=sums(order, words),
        total=words.money(order.total, order.currency),
        facts=facts(order, words),
        placed=moment(order.created_at_ms, words),
        tracking_url=tracking_url(order),
    )


def pay(page: OrderPage, words: Catalogue) -> Pay | None:
    """Show how to pay; None once it is paid, or for an order that nobody should pay any more."""
    order = page.order
    if order.payment_status == "payment_confirmed" or order.status in ENDED:
        return None
    payment = page.payment or Payment()
    newest = order.proofs[-1] if order.proofs else None
    said = {0: "", 1: words["pages.proof.one"]}.get(
        len(order.proofs), words.say("pages.proof.many", count=len(order.proofs))
    )
    return Pay(
        claimed=order.payment_status == "payment_claimed",
        accounts=payment.bank_accounts,
        instructions=payment.instructions,
        proof=said,
        proof_at=moment(newest.sent_at_ms, words) if newest else None,
    )


def whatsapp(payment: Payment | None, order: Order, words: Catalogue) -> str | None:
    """Tell the address that opens a WhatsApp chat about an order; None without a number."""
    number = "".join(filter(str.isdigit, (payment and payment.whatsapp_number) or ""))
    text = quote(words.say("pages.thread.whatsapp_text", number=order.number), safe="")
    return f"https://wa.me/{number}?text={text}" if number else None


def said(remark: Remark, words: Catalogue) -> Said:
    """Show a message of the thread."""
    addresses = [url for url in remark.attachments if _web_address(url)]
    return Said(
        id=remark.id,
        author=remark.author,
        author_name=shown_name(remark.author_name, words[f"pages.thread.{remark.author}_name"]),
        body=remark.body,
        at=moment(remark.created_at_ms, words),
        attachments=tuple((url, _short(url)) for url in addresses),
    )


def state(kind: str, name: str, words: Catalogue) -> State:
    """Show a state of orders in words, and how it looks."""
    return State(words[f"orders.{kind}.{name}"], *_LOOKS[name])


def payment_state(order: Order, words: Catalogue) -> State:
    """Show whether an order is paid."""
    shown = state("payment", order.payment_status, words)
    # Nobody waits for the money of an order that will not be carried out.
    is_off = order.status in ENDED and order.payment_status == "unpaid"
    return shown._replace(tone="calm") if is_off else shown


def what(order: Order) -> str:
    """Say in a line what was ordered; empty when nothing says so."""
    names = [order.service.name if order.service else None, order.package_name]
    found = list(dict.fromkeys(name for name in names if name))
    if not found and order.items:
        found = [order.items[0].name]
    return shown_name(" · ".join(found), "") if found else ""


def _steps(order: Order, words: Catalogue) -> tuple[Step, ...]:
    if order.status not in WAY:
        return ()
    now = WAY.index(order.status)
    # The last station is not a place to be at: who is there has arrived.
    states = ["past" if at < now else "now" if at == now else "ahead" for at in range(len(WAY))]
    return tuple(
        Step(words[f"orders.status.{name}"], state) for name, state in zip(WAY, states, strict=True)
    )


def items(order: Order, words: Catalogue) -> tuple[Item, ...]:
    """Show an order's lines."""
    return tuple(
        Item(
            item.name,
            item.quantity,
            words.money(item.quantity * item.unit_price, order.currency),
        )
        for item in order.items
    )


def sums(order: Order, words: Catalogue) -> tuple[tuple[str, str], ...]:
    """Show what an order's total is made of; nothing when it is just its items."""
    parts = (
        ("discount", -order.discount),
        ("shipping", order.shipping),
        ("tax", order.tax),
    )
    shown = [(name, amount) for name, amount in parts if amount]
    if shown:
        shown.insert(0, ("subtotal", order.subtotal))
    return tuple(
        (words[f"pages.order.{name}"], words.money(amount, order.currency))
        for name, amount in shown
    )


def facts(order: Order, words: Catalogue) -> tuple[tuple[str, str], ...]:
    """Show what else an order's buyer said, and which parcel it is."""
    tracking = order.tracking
    number = " ".join(filter(None, (tracking.carrier, tracking.number))) if tracking else None
    found = (
        ("buyer", order.buyer_name),
        ("preferred", _day(order.preferred_date, words)),
        ("notes", order.notes),
        ("parcel", number),
    )
    return tuple((words[f"pages.order.{name}"], text) for name, text in found if text)


def _day(iso: str | None, words: Catalogue) -> str | None:
    try:
        day = date.fromisoformat(iso or "")
    except ValueError:
        return iso
    return words.day(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000)


def moment(at_ms: int, words: Catalogue) -> Moment:
    """Show a moment (ms of store time)."""
    return Moment(timestamps.iso(at_ms), words.moment(at_ms))


def tracking_url(order: Order) -> str | None:
    """Tell where a parcel can be followed; None when nowhere."""
    return _web_address(order.tracking.url if order.tracking else None)


def _web_address(url: str | None) -> str | None:
    """Let only web addresses become links: ``javascript:`` and its kin stay out."""
    return url if url and urlsplit(url).scheme in {"http", "https"} else None


def _short(url: str) -> str:
    shown = url.partition("://")[2]
    return shown if len(shown) <= _URL_SHOWN else f"{shown[:_URL_SHOWN]}…"


def mark(page: OrderPage) -> str:
    """Sum up what the public call tells of an order, so that a browser sees when it changed."""
    order = page.order
    proof = "true" if order.proofs else "false"
    return f"{order.status} {order.payment_status} {proof} {len(page.remarks)}"
