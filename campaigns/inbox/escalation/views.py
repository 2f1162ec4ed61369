"""Every page tells that somebody may be in danger and waits, without a word of what they wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import Blueprint, Flask, g, render_template
from flask_security import current_user

from campaigns.core import clock
from campaigns.inbox.escalation.on_call import select_called
from campaigns.inbox.escalation.urgent_runs import select_urgent_ids
from campaigns.inbox.escalation.waits import CALLED_AFTER, Urgent, count_urgent
from campaigns.inbox.handing_over.labels import offer_words
from campaigns.inbox.handing_over.models import OfferState
from campaigns.inbox.handing_over.queries import count_to_decide
from campaigns.staff.auth import current_member, current_organisation, may_now, requires
from campaigns.staff.models import Membership
from campaigns.staff.permissions import Permission, may_as
from campaigns.web.session import session

pages = Blueprint("escalation", __name__, url_prefix="/inbox")


@dataclass(frozen=True, slots=True)
class Alert:
    """What a member is told of one of their organisations."""

    urgent: Urgent
    organisation: str
    #: Whether they answer there: others are told when it is red, and of no number.
    may_answer: bool
    #: Whether they work there now.
    is_here: bool
    #: Whether it is another organisation, for which theirs is on call.
    is_called: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """On how many offers a member may decide in an organisation, of one state."""

    offers: int
    #: PROPOSED: they agree as the second member; OFFERED: it is offered to them.
    state: OfferState
    organisation: str
    #: Whether they work there now.
    is_here: bool


def init_alerts(app: Flask) -> None:
    """Let every page ask who waits, and which offers wait for their member."""
    app.add_template_global(find_alerts, "urgent_alerts")
    app.add_template_global(find_asked, "offers_asked")
    app.add_template_global(offer_words)
    app.add_template_global(find_urgent_runs, "urgent_runs")


def find_alerts() -> Sequence[Alert]:
    """Return what the member of this request is told now, of all of their organisations."""
    if not current_user.is_authenticated or not (memberships := current_member().memberships):
        return ()
    now, here = clock.now(), current_organisation().id
    of = {each.organisation_id: each for each in memberships}
    alerts = []
    for urgent in count_urgent(session(), of, now=now):
        membership = of[urgent.organisation_id]
        answers = may_as(membership, Permission.ANSWER, now=now)
        if answers or urgent.is_red:
            is_here = urgent.organisation_id == here
            alerts.append(Alert(urgent, membership.organisation.name, answers, is_here))
    return [*alerts, *_find_calls(of, now)]


def find_asked() -> Sequence[Asked]:
    """Return where the member of this request may decide on an offer, of all of their organisations.

    It is counted once, for the strip above a page and for the page itself.
    """
    if "offers_asked" not in g:
        g.offers_asked = _count_asked()
    return cast("Sequence[Asked]", g.offers_asked)


def find_urgent_runs() -> Sequence[int]:
    """Return the ids of the urgent runs under way where the member works now, if they answer there."""
    if not current_user.is_authenticated or not may_now(Permission.ANSWER):
        return ()
    return session().scalars(select_urgent_ids([current_organisation().id])).all()


def _count_asked() -> Sequence[Asked]:
    if not current_user.is_authenticated or not (memberships := current_member().memberships):
        return ()
    now, here = clock.now(), current_organisation().id
    of = {each.organisation_id: each for each in memberships if may_as(each, Permission.ANSWER, now=now)}
    counts = count_to_decide(session(), of, current_member().id, now=now)
    return [
        Asked(count, state, of[key].organisation.name, key == here)
        for (key, state), count in sorted(counts.items())
    ]


def _find_calls(of: Mapping[int, Membership], now: datetime) -> Iterator[Alert]:
    """Yield what is told whoever answers in a partner on call."""
    partners = [key for key, membership in of.items() if may_as(membership, Permission.ANSWER, now=now)]
    called = {row.id: row.name for row in session().execute(select_called(partners))} if partners else {}
    others = [organisation_id for organisation_id in called if organisation_id not in of]
    for urgent in count_urgent(session(), others, now=now, waited=CALLED_AFTER):
        yield Alert(urgent, called[urgent.organisation_id], True, False, is_called=True)


@pages.get("/alerts")
@requires()
def alerts() -> str:
    """Show who waits, for the strip that renews itself."""
    return render_template("inbox/escalation/_alerts.html")
