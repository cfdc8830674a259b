"""The ceiling: aiohttp on uvloop with nothing behind it, answering what Doorward answers.

It reads a body as JSON where there is one and sends constants of Doorward's own shape and,
but for the blanks that Python's json sets, size.
What Doorward costs beyond this is what signing in costs: strict parsing, deciding, committing.
"""

import sys
from typing import Any, Final

import uvloop
from aiohttp import web

_META: Final = {"requestId": "0123456789ab-12345", "timestamp": "2026-01-01T00:00:00.000Z"}
_CLIENT: Final = {
    "id": "00000000-0000-4000-8000-000000000000",
    "email": "r00-0000001@bench.example",
    "name": None,
    "phone": None,
    "createdAt": "2026-01-01T00:00:00.000Z",
}


def _enveloped(data: dict[str, Any]) -> dict[str, Any]:
    return {"data": data, "error": None, "meta": _META}


SENT: Final = _enveloped({"sent": True, "expiresInSeconds": 600})
_SIGNED_IN: Final = _enveloped({"client": _CLIENT})
ME: Final = _enveloped({"authenticated": True, "client": _CLIENT})
_ORDERS: Final = _enveloped(
    {
        "orders": [
            {
                "id": "0123456789abcdef0123456789abcdef",
                "number": f"B-00000{number}",
                "status": "confirmed",
                "paymentStatus": "unpaid",
                "quotedPriceIdr": 288_000,
                "currency": "IDR",
                "packageName": "Kopi Gayo",
                "accessToken": "0123456789abcdef0123456789abcdef0123456789ab",
                "lastActivityAt": "2026-01-01T00:00:00.000Z",
                "createdAt": "2026-01-01T00:00:00.000Z",
                "service": {"slug": "beans", "name": "Beans"},
            }
            for number in range(10, 30)
        ],
        "cursor": None,
        "hasMore": False,
    }
)

_ACCOUNT_SIGNED_IN: Final = {
    "token": "0123456789abcdef0123456789abcdef0123456789a" * 2,
    "expiresAt": "2026-01-31T00:00:00.000Z",
    "customerId": "00000000-0000-4000-8000-000000000000",
}
_PROFILE: Final = {
    "customerId": "00000000-0000-4000-8000-000000000000",
    "name": None,
    "email": "r00-0000001@bench.example",
    "phone": None,
    "emailVerified": True,
    "createdAt": "2026-01-01T00:00:00.000Z",
}
_ORDER: Final = {
    "orderNumber": "B-0000001",
    "status": "CONFIRMED",
    "fulfillmentStatus": "UNFULFILLED",
    "paymentStatus": "unpaid",
    "paymentMethod": None,
    "subtotalInCents": 270_000,
    "discountInCents": 0,
    "taxInCents": 0,
    "shippingInCents": 18_000,
    "totalInCents": 288_000,
    "currency": "IDR",
    "items": [
        {
            "id": str(line),
            "productId": None,
            "variantId": None,
            "name": f"Kopi Gayo {line}, 250 g",
            "quantity": line,
            "unitPriceInCents": 45_000,
            "totalPriceInCents": line * 45_000,
            "returnableQuantity": 0,
        }
        for line in (1, 2, 3)
    ],
    "shippingAddress": {
        "name": "Dewi Lestari",
        "company": None,
        "line1": "Jl. Braga No. 12",
        "line2": None,
        "city": "Bandung",
        "region": None,
        "postalCode": "40111",
        "country": "ID",
        "phone": None,
    },
    "billingAddress": None,
    "tracking": None,
    "returns": [],
    "createdAt": "2026-01-01T08:00:00.000Z",
    "updatedAt": "2026-01-01T08:00:00.000Z",
}

_TOKENS: Final = {
    "accessToken": "e" * 420,
    "accessTokenExpiresAt": "2026-01-01T01:00:00.000Z",
    "refreshTokenExpiresAt": "2026-01-31T00:00:00.000Z",
}
_SHOPPER: Final = {
    "id": "00000000-0000-4000-8000-000000000000",
    "name": "Dewi Lestari",
    "email": "r00-0000001@bench.example",
    "phoneNumber": None,
    "imageUrl": None,
    "createdAt": "2026-01-01T00:00:00.000Z",
}


async def request_otp(request: web.Request) -> web.Response:
    """Read the body, mail nothing."""
    await request.json()
    return web.json_response(SENT)


async def verify_otp(request: web.Request) -> web.Response:
    """Read the body, let everybody in."""
    await request.json()
    return web.json_response(_SIGNED_IN)


async def me(_request: web.Request) -> web.Response:
    """Know everybody."""
    return web.json_response(ME)


async def client_orders(_request: web.Request) -> web.Response:
    """Show everybody the same 20 orders."""
    return web.json_response(_ORDERS)


async def account_verify(request: web.Request) -> web.Response:
    """Read the body, let everybody in by a bearer."""
    await request.json()
    return web.json_response(_ACCOUNT_SIGNED_IN)


async def account_profile(_request: web.Request) -> web.Response:
    """Know everybody's profile."""
    return web.json_response(_PROFILE)


async def account_order(_request: web.Request) -> web.Response:
    """Show everybody the same order."""
    return web.json_response(_ORDER)


async def store_refresh(request: web.Request) -> web.Response:
    """Read the body, exchange a token for itself."""
    body = await request.json()
    return web.json_response({"tokens": _TOKENS | {"refreshToken": body["refreshToken"]}})


async def store_me(_request: web.Request) -> web.Response:
    """Know every customer."""
    return web.json_response(_SHOPPER)


def make_app() -> web.Application:
    """Make the application, with Doorward's own paths: it is sent the very same requests."""
    app = web.Application()
    app.router.add_post("/api/v1/client-auth/request-otp", request_otp)
    app.router.add_post("/api/v1/client-auth/verify-otp", verify_otp)
    app.router.add_get("/api/v1/client-auth/me", me)
    app.router.add_get("/api/v1/client/orders", client_orders)
    app.router.add_post("/api/v1/public/customer/auth/verify", account_verify)
    app.router.add_get("/api/v1/customer/account/profile", account_profile)
    app.router.add_get("/api/v1/customer/account/orders/{number}", account_order)
    app.router.add_post("/api/v1/store/auth/refresh", store_refresh)
    app.router.add_get("/api/v1/store/customers/me", store_me)
    return app


if __name__ == "__main__":
    web.run_app(
        make_app(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        loop=uvloop.new_event_loop(),
        print=None,
    )
