"""What comes after an order: returns, links and actions, as a world is asked about them."""

import msgspec

from doorward.actors import tokens
from doorward.actors.messages.account import (
    AccountSignedIn,
    ActionTaken,
    CancelReturn,
    OwnOrder,
    PreviewAction,
    ReadOrderStatus,
    RequestReturn,
    ReturnFound,
    TakeAction,
)
from doorward.actors.messages.account import ListReturns as ListOwnReturns
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.merchant import ItemDocument
from doorward.actors.messages.merchant_returns import (
    ActionMinted,
    ChangeReturn,
    GetReturn,
    ListAllReturns,
    MintAction,
    MintStatusLink,
    ReturnRead,
    ReturnsFound,
    StatusLinkMinted,
)
from doorward.actors.messages.merchant_settings import AuditFound, ReadAudit
from doorward.actors.records.account import Return, ReturnItem
from doorward.actors.records.audit import AuditEntry
from tests.actors.harness import CALLER, EMAIL, World
from tests.actors.ordering import put
from tests.actors.visiting import visit

LINES = (
    ItemDocument(id="1", name="Kopi Gayo 250 g", quantity=2, unit_price=60_000),
    ItemDocument(id="2", name="Teh Malino", quantity=1, unit_price=40_000),
)


async def delivered(world: World, number: str = "A-1", /, **changes: object) -> None:
    """Put an order of two lines that is fulfilled."""
    values = {"items": LINES, "subtotal": 160_000, "shipping": 0, "total": 160_000}
    await put(world, number, **(values | {"fulfillment_status": "FULFILLED"} | changes))


def back(**quantities: int) -> tuple[ReturnItem, ...]:
    """Make what comes back: ``_1=2`` is two of line 1."""
    return tuple(ReturnItem(name[1:], quantity) for name, quantity in quantities.items())


async def send_back(
    world: World, who: AccountSignedIn, number: str = "A-1", /, **quantities: int
) -> Outcome:
    """Ask to send items back; none named is all."""
    return await visit(world, RequestReturn, who, order_number=number, items=back(**quantities))


async def started(
    world: World, who: AccountSignedIn, number: str = "A-1", /, **quantities: int
) -> Return:
    """Start a return."""
    found = await send_back(world, who, number, **quantities)
    assert isinstance(found, ReturnFound), found
    assert found.created
    return found.returned


async def call_off(
    world: World, who: AccountSignedIn, return_id: str, number: str = "A-1"
) -> Outcome:
    """Call a return off as its customer."""
    return await visit(world, CancelReturn, who, order_number=number, return_id=return_id)


async def own(world: World, who: AccountSignedIn, number: str = "A-1") -> OwnOrder:
    """Read an order with its returns as its customer."""
    found = await visit(world, ListOwnReturns, who, order_number=number)
    assert isinstance(found, OwnOrder), found
    return found


async def move(world: World, return_id: str, *statuses: str, **more: object) -> Outcome:
    """Move a return on as its merchant, a step for each status."""
    outcome: Outcome = await world.ask("alpha", GetReturn(key_digest=None, return_id=return_id))
    for status in statuses:
        message = ChangeReturn(key_digest=None, return_id=return_id, status=status, **more)
        outcome = await world.ask("alpha", message)
    return outcome


async def moved(world: World, return_id: str, *statuses: str, **more: object) -> Return:
    """Move a return on as its merchant, and have it."""
    found = await move(world, return_id, *statuses, **more)
    assert isinstance(found, ReturnRead), found
    return found.item.returned


async def listed_returns(world: World, *, page: int = 20, **asked: object) -> list[str]:
    """Read the ids of all returns, page by page."""
    ids: list[str] = []
    after = None
    while True:
        message = ListAllReturns(key_digest=None, limit=page, after=after, **asked)
        found = await world.ask("alpha", message)
        assert isinstance(found, ReturnsFound), found
        ids += [item.returned.id for item in found.items]
        after = found.after
        if after is None:
            return ids


async def link(world: World, number: str = "A-1", **more: object) -> StatusLinkMinted:
    """Mint a status link."""
    message = MintStatusLink(key_digest=None, order_number=number, **more)
    minted = await world.ask("alpha", message)
    assert isinstance(minted, StatusLinkMinted), minted
    return minted


async def status(
    world: World, token: str, slug: str = "alpha", *, caller: Caller = CALLER
) -> Outcome:
    """Read what a status link shows."""
    message = ReadOrderStatus(token_digest=tokens.digest(token), caller=caller)
    return await world.ask(slug, message)


async def mint(
    world: World,
    action: str = "revoke_sessions",
    context: object = None,
    *,
    email: str = EMAIL,
    **more: object,
) -> Outcome:
    """Mint an action token, whatever comes of it."""
    sent = msgspec.json.encode({} if context is None else context)
    message = MintAction(key_digest=None, action=action, email=email, context=sent, **more)
    return await world.ask("alpha", message)


async def minted(
    world: World, action: str = "revoke_sessions", context: object = None, **more: object
) -> str:
    """Mint an action token and have it."""
    made = await mint(world, action, context, **more)
    assert isinstance(made, ActionMinted), made
    return made.token


def taking(token: str, *, caller: Caller = CALLER) -> TakeAction:
    """Make the request that takes an action."""
    return TakeAction(token_digest=tokens.digest(token), caller=caller)


async def take(world: World, token: str, slug: str = "alpha") -> Outcome:
    """Take an action."""
    return await world.ask(slug, taking(token))


async def taken(world: World, token: str) -> dict[str, object]:
    """Take an action and read what it did."""
    outcome = await take(world, token)
    assert isinstance(outcome, ActionTaken), outcome
    return msgspec.json.decode(outcome.result, type=dict[str, object])


async def preview(
    world: World, token: str, slug: str = "alpha", *, caller: Caller = CALLER
) -> Outcome:
    """Ask what a token would do."""
    message = PreviewAction(token_digest=tokens.digest(token), caller=caller)
    return await world.ask(slug, message)


async def audited(world: World, *, page: int = 100, slug: str = "alpha") -> list[AuditEntry]:
    """Read the whole audit log, newest first."""
    entries: list[AuditEntry] = []
    before = None
    while True:
        message = ReadAudit(key_digest=None, before=before, limit=page)
        found = await world.ask(slug, message)
        assert isinstance(found, AuditFound), found
        entries += found.items
        before = found.before
        if before is None:
            return entries
