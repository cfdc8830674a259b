"""A customer's address book on the storefront's own host."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from doorward.actors.desks.countries import COUNTRIES
from doorward.actors.locales.places import countries
from doorward.actors.messages.account import (
    AddAddress,
    AddressFields,
    AddressFound,
    AddressList,
    ChangeAddress,
    GetAddress,
    LimitReached,
    ListAddresses,
    RemoveAddress,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Deleted, Invalid, NotFound, SessionRequired
from doorward.actors.records.account import BookAddress
from doorward.http.pages import forms, own_views
from doorward.http.pages.profile_forms import PHONE_FILLERS
from doorward.http.pages.sign_in import sign_in_first
from doorward.http.pages.visits import Away, Fault, Page, Visit, unexpected

_REQUIRED: Final = ("name", "line1", "city", "country")
_OPTIONAL: Final = ("label", "company", "line2", "region", "postalCode", "phone")
_FLAGS: Final = ("isDefaultShipping", "isDefaultBilling")
_FIELDS_MAX: Final = 16
_NOTICES: Final = {"address_saved": "good", "address_removed": "good"}


async def show_all(visit: Visit) -> Page | Away:
    """List the addresses."""
    outcome = await visit.ask(ListAddresses(caller=visit.call.caller(), presented=visit.presented))
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/addresses")
    if not isinstance(outcome, AddressList):
        raise unexpected(outcome)
    words, notice = visit.words, visit.call.query("notice")
    values = {
        "title": words["account.addresses.heading"],
        "notice": words[f"account.notice.{notice}"] if notice in _NOTICES else None,
        "addresses": [own_views.address(entry, words) for entry in outcome.entries],
    }
    return Page("own_addresses.html", values)


async def show_new(visit: Visit) -> Page | Away:
    """Ask for an address."""
    outcome = await visit.ask(ListAddresses(caller=visit.call.caller(), presented=visit.presented))
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/addresses")
    if not isinstance(outcome, AddressList):
        raise unexpected(outcome)
    return _page(visit, None, {} if outcome.entries else dict.fromkeys(_FLAGS, "1"))


async def show(visit: Visit) -> Page | Away:
    """Show an address to be changed."""
    outcome = await visit.ask(
        GetAddress(caller=visit.call.caller(), presented=visit.presented, address_id=_id_of(visit))
    )
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/addresses")
    if not isinstance(outcome, AddressFound):
        raise _no_page_for(outcome)
    return _page(visit, outcome.entry.id, _fields_of(outcome.entry))


async def add(visit: Visit) -> Page | Away:
    """Add an address."""
    given = await forms.read(visit.call.request, fields_max=_FIELDS_MAX)
    message = AddAddress(
        caller=visit.call.guarded_caller(), presented=visit.presented, fields=_fields(given)
    )
    return _answered(visit, None, given, await visit.ask(message))


async def change(visit: Visit) -> Page | Away:
    """Change an address."""
    given = await forms.read(visit.call.request, fields_max=_FIELDS_MAX)
    message = ChangeAddress(
        caller=visit.call.guarded_caller(),
        presented=visit.presented,
        address_id=_id_of(visit),
        fields=_fields(given),
    )
    return _answered(visit, _id_of(visit), given, await visit.ask(message))


async def remove(visit: Visit) -> Away:
    """Remove an address; one that is not there any more is removed."""
    await forms.read_nothing(visit.call.request)
    outcome = await visit.ask(
        RemoveAddress(
            caller=visit.call.guarded_caller(),
            presented=visit.presented,
            address_id=_id_of(visit),
        )
    )
    if isinstance(outcome, SessionRequired):
        return sign_in_first(visit, f"{visit.home}/addresses")
    if not isinstance(outcome, Deleted | NotFound):
        raise unexpected(outcome)
    return Away(f"{visit.home}/addresses?notice=address_removed")


async def back_to_address(visit: Visit) -> Away:
    """Lead who reloads a form's address back to the address it is about."""
    return Away(_path(visit, _id_of(visit)))


def _answered(
    visit: Visit, address_id: str | None, given: Mapping[str, str], outcome: Outcome
) -> Page | Away:
    """Lead to the list; or show what was entered again, and what is wrong with it."""
    match outcome:
        case AddressFound():
            return Away(f"{visit.home}/addresses?notice=address_saved")
        case SessionRequired():
            return sign_in_first(visit, f"{visit.home}/addresses")
        case Invalid():
            known = {*_REQUIRED, *_OPTIONAL}
            field = outcome.name if outcome.name in known else "name"
            problem = visit.words[f"account.address.{_rule(field, given)}"]
            return _page(visit, address_id, given, problems={field: problem})
        case LimitReached():
            problem = visit.words["account.address.limit"]
            return _page(visit, address_id, given, notice=problem)._replace(status=409)
        case _:
            raise _no_page_for(outcome)


def _rule(field: str, given: Mapping[str, str]) -> str:
    if field in {"phone", "country"}:
        return f"{field}_wrong"
    return "line_wrong" if given.get(field, "").strip() else "line_missing"


def _fields(given: Mapping[str, str]) -> AddressFields:
    """Read the form: blank clears what may be absent, and is refused where it may not."""
    entered = {name: given.get(name, "").strip() for name in (*_REQUIRED, *_OPTIONAL)}
    return AddressFields(
        name=entered["name"],
        line1=entered["line1"],
        city=entered["city"],
        country=entered["country"].upper(),
        label=entered["label"] or None,
        company=entered["company"] or None,
        line2=entered["line2"] or None,
        region=entered["region"] or None,
        postal_code=entered["postalCode"] or None,
        phone=entered["phone"].translate(PHONE_FILLERS) or None,
        is_default_shipping="isDefaultShipping" in given,
        is_default_billing="isDefaultBilling" in given,
    )


def _fields_of(entry: BookAddress) -> dict[str, str]:
    place = entry.address
    fields = {
        "label": entry.label,
        "name": place.name,
        "company": place.company,
        "line1": place.line1,
        "line2": place.line2,
        "city": place.city,
        "region": place.region,
        "postalCode": place.postal_code,
        "country": place.country,
        "phone": place.phone,
        "isDefaultShipping": "1" if entry.is_default_shipping else None,
        "isDefaultBilling": "1" if entry.is_default_billing else None,
    }
    return {name: text for name, text in fields.items() if text}


def _page(
    visit: Visit,
    address_id: str | None,
    given: Mapping[str, str],
    *,
    problems: dict[str, str] | None = None,
    notice: str | None = None,
) -> Page:
    words = visit.words
    title = words["account.address.new" if address_id is None else "account.address.edit"]
    values = {
        "title": words.say("pages.error_title", title=title) if problems or notice else title,
        "heading": title,
        "notice": notice,
        "problems": problems or {},
        "action": _path(visit, address_id or "new"),
        "is_new": address_id is None,
        "given": {name: given.get(name, "") for name in (*_REQUIRED, *_OPTIONAL, *_FLAGS)},
        "countries": countries(words.locale, COUNTRIES),
    }
    return Page("own_address.html", values, 400 if problems else 200)


def _path(visit: Visit, address_id: str) -> str:
    return f"{visit.home}/addresses/{quote(address_id, safe='')}"


def _id_of(visit: Visit) -> str:
    return visit.call.request.match_info["id"]


def _no_page_for(outcome: Outcome) -> Exception:
    return Fault(404, "address") if isinstance(outcome, NotFound) else unexpected(outcome)
