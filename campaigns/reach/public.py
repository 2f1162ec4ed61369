"""The counted address of a campaign: it leads on, and adds one to its region's openings of the day."""

from __future__ import annotations

from flask import Blueprint, redirect
from werkzeug.wrappers import Response

from campaigns.core.database import make_sessions
from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_
from campaigns.reach.outcomes.service import count_opening
from campaigns.web.session import database

pages = Blueprint("go", __name__, url_prefix="/go")


@pages.get("/<code>")
@pages.get("/<code>/<region_code>")
def lead_on(code: str, region_code: str | None = None) -> Response:
    """Lead to the campaign's page. Nothing is known or kept of who asks: no cookie, no address, no token."""
    # A page that is asked for by GET only reads; the count is a transaction of its own.
    with make_sessions(database.engine).begin() as writing:
        target = count_opening(writing, code[:10], region_code[:10] if region_code else None)
    if target is None:
        raise NotFoundError(N_("This address leads nowhere."))
    return redirect(target)
