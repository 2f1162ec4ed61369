"""On these staff pages each time of a campaign is shown with its next firings before it is saved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.audience.figures import Freshness
from campaigns.core import clock
from campaigns.core.errors import AudienceRuleError, InputError, RefusedError, ScheduleError
from campaigns.planning import queries, service
from campaigns.planning.campaign_overview import SHOWN_FIRINGS
from campaigns.planning.estimates.audience_counts import Tally, find_clocks
from campaigns.planning.estimates.kept_people import find_people
from campaigns.planning.forms import TimeForm
from campaigns.planning.models import Campaign
from campaigns.planning.schedules.recurrence import Firing, ScheduleNote, Timing, check_schedule, next_firings
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.staff.typed.views import refill
from campaigns.web.session import session

pages = Blueprint("times", __name__, url_prefix="/<int:campaign_id>/times")

Page = str | Response | tuple[str, int]
#: Hour at which a new time is proposed: people are awake and off work.
PROPOSED = time(18)
#: Most changes of the clocks that are named at once.
SHOWN_NOTES = 4


@dataclass(frozen=True, slots=True)
class Coming:
    """What a time would do, shown before it is saved."""

    firings: list[Firing]
    #: The first changes of the clocks that it meets, and how many more there are.
    notes: list[ScheduleNote]
    more: int
    #: How the count of the people stands whose clocks these are; None: they were counted for this.
    counted: Freshness | None

    @property
    def token(self) -> str:
        """What tells whether a member has read these notes: a time with others has to be read again."""
        said = "|".join(f"{note.change} {note.occurrence:%Y-%m-%dT%H:%M} {note.time_zone}" for note in self.notes)
        return sha256(f"{said}|{self.more}".encode()).hexdigest()[:16] if self.notes else ""


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT)
def create(campaign_id: int) -> Page:
    """Add a time at which a campaign is sent."""
    campaign = _campaign(campaign_id)
    form = TimeForm(data=_proposal())
    form.offer()
    refill(form, is_new=True)
    coming = _check(form, campaign) if form.is_submitted() and form.validate() else None
    saves = coming is not None and "save" in request.form
    unread = saves and coming is not None and request.form.get("read", "") != coming.token
    if saves and not unread and _save(form, campaign):
        flash(_("The time is saved."), "good")
        return redirect(url_for("planning.show", campaign_id=campaign.id))
    page = render_template(
        "planning/schedules/time.html", form=form, campaign=campaign, coming=coming, unread=unread
    )
    # A preview is drawn into the page by script, which takes no answer that is an error.
    return page, form.status if "save" in request.form else 200


@pages.post("/<int:schedule_id>/remove")
@requires(Permission.EDIT)
def remove(campaign_id: int, schedule_id: int) -> Page:
    """Take a time away."""
    campaign = _campaign(campaign_id)
    schedule = queries.get_schedule(campaign, schedule_id)
    service.remove_schedule(session(), schedule, by=current_member().id)
    flash(_("The time is removed."), "good")
    return redirect(url_for("planning.show", campaign_id=campaign.id))


def _check(form: TimeForm, campaign: Campaign) -> Coming | None:
    """Return what the time of the form would do; put what is wrong beside its field and return None."""
    now, field = clock.now(), "starts_at"
    timing = form.timing(current_organisation().time_zone, now=now)
    try:
        zones, counted = _find_zones(campaign, timing, now=now)
        check_schedule(replace(timing, recurrence=None), zones, now=now)
        field = "rule" if form.text("repeats") == "rule" else "repeats"
        notes = check_schedule(timing, zones, now=now)
    except ScheduleError as error:
        form.show(error, field)
        return None
    except AudienceRuleError as error:
        form.show(error)
        return None
    firings = next_firings(timing, zones, after=now, count=SHOWN_FIRINGS)
    return Coming(firings, notes[:SHOWN_NOTES], more=max(0, len(notes) - SHOWN_NOTES), counted=counted)


def _find_zones(campaign: Campaign, timing: Timing, *, now: datetime) -> tuple[tuple[str, ...], Freshness | None]:
    """Return the clocks by which people are written to, and how their count stands unless it was made just now.

    What is saved goes by people as they are; what is only shown, as they were counted last.
    """
    if "save" in request.form:
        return find_clocks(session(), campaign, timing, now=now), None
    people = find_people(session(), campaign, now=now)
    return (people.tally or Tally(())).clocks(timing), people.standing


def _save(form: TimeForm, campaign: Campaign) -> bool:
    try:
        service.schedule_campaign(
            session(),
            campaign,
            timing=form.timing(current_organisation().time_zone, now=clock.now()),
            by=current_member().id,
            grace_minutes=int(form.grace_minutes.data or 0),
            expires_after_minutes=int(form.expires_after_minutes.data or 0),
        )
    except (InputError, RefusedError) as error:
        form.show(error)
        return False
    return True


def _proposal() -> dict[str, object]:
    """Propose tomorrow evening by the organisation's clock."""
    zone = current_organisation().time_zone
    tomorrow = clock.now().astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    return {"time_zone": zone, "starts_at": datetime.combine(tomorrow, PROPOSED)}


def _campaign(campaign_id: int) -> Campaign:
    return get_owned(session(), Campaign, campaign_id, current_organisation().id)
