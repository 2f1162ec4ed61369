"""A member asks for an act here, and a part of the page says how far its count is, or why it was not done."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, render_template
from flask_babel import gettext as _

from campaigns.audience.figures import counts_at_once
from campaigns.core import clock
from campaigns.planning.acts.asked_acts import ask_act, find_asked, has_few
from campaigns.planning.acts.models import Act
from campaigns.planning.models import Campaign, Run
from campaigns.planning.policy import Policy
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned, load_member_names
from campaigns.web.current import settings
from campaigns.web.session import session

pages = Blueprint("asked", __name__, url_prefix="/<int:campaign_id>/asked")


@pages.get("")
@requires(Permission.READ_PLANS)
def show(campaign_id: int) -> str | Response:
    """Say how far a count is for which an act waits; once it is over, the page is loaded anew."""
    campaign = get_owned(session(), Campaign, campaign_id, current_organisation().id)
    values = asked_of(campaign)
    if values["asked"] is None or values["asked"].due_at is None:
        return Response(status=204, headers={"HX-Refresh": "true"})
    return render_template("planning/approvals/asked.html", campaign=campaign, **values)


def waits_for_count() -> bool:
    """Say whether an act of this request waits until a worker has counted its people: they are many."""
    return not (counts_at_once() or has_few(session(), current_organisation().id))


def ask(
    act: Act, campaign: Campaign, *, digest: str | None = None, run: Run | None = None, as_urgent: bool = False
) -> None:
    """Let an act wait for its count. Raises RefusedError when it is refused whoever the people are."""
    ask_act(
        session(),
        act,
        campaign,
        by=current_member().id,
        digest=digest,
        run=run,
        as_urgent=as_urgent,
        policy=Policy.of(settings()),
        now=clock.now(),
    )
    flash(_("Its people are counted first. Then it is done by itself, or this page says why not."), "good")


def asked_of(campaign: Campaign) -> dict[str, Any]:
    """Return what the notice of a page about an act that waits is drawn from."""
    asked = find_asked(session(), campaign)
    names = load_member_names(session(), [asked.member_id]) if asked else {}
    return {"asked": asked, "asker": next(iter(names.values()), "")}
