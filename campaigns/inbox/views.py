"""The inbox shows what people answered, newest first, and how many callbacks were not believed."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask_babel import lazy_gettext as _l

from campaigns.core import clock
from campaigns.delivery.receipts.request import refusals
from campaigns.inbox import queries
from campaigns.inbox.display import visible
from campaigns.inbox.holds.hold_list import find_holds, waits_now
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.current import settings, vault
from campaigns.web.number_fields import whole_number
from campaigns.web.pagination import paginate
from campaigns.web.session import session

pages = Blueprint("inbox", __name__, url_prefix="/inbox")

#: Why callbacks are refused, by the reasons of `Refusals`.
REASONS = {
    "signature": _l("Not signed by the provider, or to an address that nobody has"),
    "stale": _l("Signed once, but too old to act on"),
    "oversize": _l("Larger than any provider sends"),
    "rehearsal": _l("From the practice phones, about something that is no rehearsal"),
}


@pages.get("")
@requires(Permission.ANSWER)
def list_replies() -> str:
    """List the replies to the organisation with their texts, and on top who waits for a decision."""
    organisation_id = current_organisation().id
    number = request.args.get("page", 1, type=whole_number)
    page = paginate(session(), queries.select_replies(organisation_id), number)
    return render_template(
        "inbox/list_incoming.html",
        page=page,
        replies=queries.open_replies(session(), page.rows, vault=vault()),
        holds=find_holds(session(), organisation_id, vault=vault()),
        waits=waits_now(session(), current_organisation(), settings(), strangers=True),
        opt_outs=queries.count_opt_outs(session(), organisation_id, now=clock.now()),
        visible=visible,
    )


@pages.get("/refused")
@requires(Permission.ADMINISTER)
def list_refusals() -> str:
    """Show how many callbacks this process refused, by reason."""
    counts = refusals.by_reason()
    unnamed = {reason: reason for reason in counts}
    return render_template(
        "inbox/refused.html", counts=counts, reasons=unnamed | REASONS, started_at=refusals.started_at
    )
