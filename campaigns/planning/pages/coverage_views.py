"""A staff page shows how many people of an audience have no text of a message that they can read."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from campaigns.audience.figures import Freshness, find_channels, find_figures
from campaigns.audience.models import Audience
from campaigns.audience.queries import select_audiences
from campaigns.audience.shown_counts.look_notes import note_audience
from campaigns.messages.models import Message
from campaigns.planning.estimates.language_coverage import LanguageCoverage, ask_coverage, coverage_from
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.number_fields import whole_number
from campaigns.web.session import session

pages = Blueprint("coverage", __name__, url_prefix="/languages")

Page = str | Response | tuple[str, int]


@pages.get("/<int:message_id>")
@requires(Permission.EDIT)
def show(message_id: int) -> Page:
    """Show how many people of an audience each language reaches, and each gap leaves out."""
    organisation_id = current_organisation().id
    message = get_owned(session(), Message, message_id, organisation_id)
    chosen = request.args.get("audience", type=whole_number)
    audience = get_owned(session(), Audience, chosen, organisation_id) if chosen is not None else None
    coverage: Sequence[LanguageCoverage] | None = None
    counted: Freshness | None = None
    if audience is not None:
        coverage, counted = _coverage(message, audience)
    if audience is not None and coverage is not None:
        note_audience(audience, sum(each.reached + each.left_out for each in coverage))
    return render_template(
        "planning/estimates/coverage.html",
        message=message,
        audience=audience,
        audiences=session().scalars(select_audiences(organisation_id)).all(),
        coverage=coverage,
        counted=counted,
    )


def _coverage(message: Message, audience: Audience) -> tuple[Sequence[LanguageCoverage] | None, Freshness]:
    channels, counted = find_channels()
    if channels is None:
        return None, counted
    (rows,), counted = find_figures([ask_coverage(message, audience, channels)])
    return (None if rows is None else coverage_from(message, rows)), counted
