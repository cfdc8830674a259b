"""Orders brought in by the operator: what ``doorward import orders`` calls."""

from typing import Final

from doorward.actors.messages.refusals import NotFound
from doorward.actors.partitions import is_slug
from doorward.http.calls import Call
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.merchant_bulk import lines_of, message_of, report
from doorward.http.surfaces.merchant_keys import refused
from doorward.http.surfaces.operator import PREFIX
from doorward.http.system import System


async def put_orders(call: Call, system: System) -> Reply | Failure:
    """Create or replace many orders of a storefront, published or not."""
    lines, bad = await lines_of(call)
    slug = call.request.match_info["slug"]
    if not is_slug(slug):
        return refused(NotFound())
    outcome = await system.ask(slug, message_of(call, lines, key_digest=None))
    return report(outcome, lines, bad)


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("POST", f"{PREFIX}/storefronts/{{slug}}/orders", put_orders),
)
