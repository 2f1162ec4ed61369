"""Members add the example with one button, make it their own, or throw it away."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import RefusedError, UnavailableError
from campaigns.example import service
from campaigns.example.service import Names
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.error_words import said
from campaigns.web.session import refuse_commit, session

pages = Blueprint("example", __name__, url_prefix="/example")


def example_names() -> Names:
    """Return what the parts of the example are called, in the reader's language."""
    return Names(
        message=_("Example: keep your documents"),
        correction=_("Example: correction of a number"),
        audience=_("Example: along a route"),
        sender=_("Example number"),
        campaign=_("Example: keep your documents on the way"),
    )


@pages.post("/add")
@requires(Permission.EDIT)
def add() -> Response:
    """Add the example and show its campaign."""
    try:
        campaign = service.add_example(
            session(), current_organisation(), names=example_names(), by=current_member().id
        )
    except (RefusedError, UnavailableError) as error:
        return _refuse(error)
    flash(_("The example is added. Rehearse it: it goes to the practice phones and nowhere else."), "good")
    return redirect(url_for("planning.show", campaign_id=campaign.id))


@pages.post("/keep")
@requires(Permission.EDIT)
def keep() -> Response:
    """Make the example the organisation's own."""
    try:
        campaign = service.keep_example(session(), current_organisation(), by=current_member().id)
    except RefusedError as error:
        return _refuse(error)
    flash(_("It is your own now. Change what you like; before it is sent it passes every check."), "good")
    return redirect(url_for("planning.show", campaign_id=campaign.id))


@pages.post("/throw-away")
@requires(Permission.EDIT)
def throw_away() -> Response:
    """Remove the example with its rehearsals."""
    try:
        service.throw_example_away(session(), current_organisation(), by=current_member().id)
    except RefusedError as error:
        return _refuse(error)
    flash(_("The example is gone, with its rehearsals."), "good")
    return redirect(url_for("now.index"))


def _refuse(error: RefusedError | UnavailableError) -> Response:
    refuse_commit()
    flash(said(error), "bad")
    return redirect(url_for("now.index"))
