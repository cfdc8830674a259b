"""A customer's address book on the account surface (contract §3)."""

from typing import Any, Final

from doorward.actors.messages.account import (
    AddAddress,
    AddressFields,
    AddressFound,
    AddressList,
    ChangeAddress,
    GetAddress,
    ListAddresses,
    RemoveAddress,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Deleted
from doorward.actors.records.account import BookAddress
from doorward.http.calls import Call
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.account import (
    PREFIX,
    Addressed,
    Hinting,
    Nothing,
    acting,
    addressed,
    credentials,
)
from doorward.http.surfaces.address_views import postal_members

ADDRESSES: Final = f"{PREFIX}/account/addresses"
ONE: Final = f"{ADDRESSES}/{{id}}"


class _AddressBody(AddressFields, frozen=True, kw_only=True, rename="camel", gc=False):
    storefront_slug: str | None = None


async def list_addresses(call: Call, storefront: Addressed) -> Reply | Failure:
    """Show the address book, oldest first."""
    presented = credentials(call, storefront.slug)
    outcome = await storefront.ask(ListAddresses(caller=call.reader(), presented=presented))
    if isinstance(outcome, AddressList):
        items = [address_view(entry) for entry in outcome.entries]
        return Reply(200, {"items": items, "nextCursor": None})
    return await storefront.refused(outcome)


async def add_address(call: Call, storefront: Addressed) -> Reply | Failure:
    """Add an address; past 50 it is refused."""
    fields = await _fields(call, storefront)
    presented = credentials(call, storefront.slug)
    message = AddAddress(caller=acting(call), presented=presented, fields=fields)
    return await _found(storefront, await storefront.ask(message))


async def read_address(call: Call, storefront: Addressed) -> Reply | Failure:
    """Show one address."""
    message = GetAddress(
        caller=call.reader(),
        presented=credentials(call, storefront.slug),
        address_id=call.request.match_info["id"],
    )
    return await _found(storefront, await storefront.ask(message))


async def change_address(call: Call, storefront: Addressed) -> Reply | Failure:
    """Change what the body names of an address."""
    fields = await _fields(call, storefront)
    message = ChangeAddress(
        caller=acting(call),
        presented=credentials(call, storefront.slug),
        address_id=call.request.match_info["id"],
        fields=fields,
    )
    return await _found(storefront, await storefront.ask(message))


async def remove_address(call: Call, storefront: Addressed) -> Reply | Failure:
    """Remove an address."""
    storefront.agree(await call.body(Nothing))
    message = RemoveAddress(
        caller=acting(call),
        presented=credentials(call, storefront.slug),
        address_id=call.request.match_info["id"],
    )
    outcome = await storefront.ask(message)
    return Reply(204, None) if isinstance(outcome, Deleted) else await storefront.refused(outcome)


async def _fields(call: Call, storefront: Addressed) -> AddressFields:
    body = await call.body(_AddressBody)
    storefront.agree(Hinting(storefront_slug=body.storefront_slug))
    given = {name: getattr(body, name) for name in AddressFields.__struct_fields__}
    return AddressFields(**given)


async def _found(storefront: Addressed, outcome: Outcome) -> Reply | Failure:
    if isinstance(outcome, AddressFound):
        return Reply(201 if outcome.created else 200, address_view(outcome.entry))
    return await storefront.refused(outcome)


def address_view(entry: BookAddress) -> dict[str, Any]:
    """Show an entry of the address book as contract §3 has it."""
    return {
        "id": entry.id,
        "label": entry.label,
        **postal_members(entry.address),
        "isDefaultShipping": entry.is_default_shipping,
        "isDefaultBilling": entry.is_default_billing,
    }


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", ADDRESSES, addressed(list_addresses)),
    ("POST", ADDRESSES, addressed(add_address)),
    ("GET", ONE, addressed(read_address)),
    ("PATCH", ONE, addressed(change_address)),
    ("DELETE", ONE, addressed(remove_address)),
)
