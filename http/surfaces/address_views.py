"""Addresses and parcels as every surface shows them."""

from typing import Any

from doorward.actors.records.orders import PostalAddress, Tracking


def postal_members(address: PostalAddress) -> dict[str, Any]:
    """Show the lines of an address."""
    return {
        "name": address.name,
        "company": address.company,
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "region": address.region,
        "postalCode": address.postal_code,
        "country": address.country,
        "phone": address.phone,
    }


def postal_view(address: PostalAddress | None) -> dict[str, Any] | None:
    """Show where something is sent or billed."""
    return None if address is None else postal_members(address)


def tracking_view(tracking: Tracking | None) -> dict[str, Any] | None:
    """Show how a parcel can be followed."""
    if tracking is None:
        return None
    return {"carrier": tracking.carrier, "number": tracking.number, "url": tracking.url}
