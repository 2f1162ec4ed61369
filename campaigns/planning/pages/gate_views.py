"""A staff page shows each gate of a campaign, where it is mended, and the rules to confirm."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.audience.shown_counts.look_notes import note_audience
from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.planning.country_rules import TABLE_DATE
from campaigns.planning.do_no_harm import queries as prepared
from campaigns.planning.estimates.kept_people import KeptPeople, find_people
from campaigns.planning.gates import confirmations as confirming
from campaigns.planning.gates.assessment import Assessment, assess
from campaigns.planning.gates.frequency import with_fatigue
from campaigns.planning.gates.safety import broken_rules, unconfirmed
from campaigns.planning.models import Campaign
from campaigns.planning.policy import Policy
from campaigns.planning.queries import find_approval
from campaigns.planning.senders.connections import find_unconnected
from campaigns.planning.standing import standings_of
from campaigns.staff.auth import current_member, current_organisation, may_now, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned, load_member_names
from campaigns.web.current import settings
from campaigns.web.error_words import refusals_told
from campaigns.web.session import session

pages = Blueprint("gates", __name__, url_prefix="/<int:campaign_id>/checks")


@pages.get("")
@requires(Permission.READ_PLANS)
def show(campaign_id: int) -> str:
    """Show every gate, closed ones first; what they say of people is for those who write or review."""
    campaign = get_owned(session(), Campaign, campaign_id, current_organisation().id)
    may_read = may_now(Permission.EDIT) or may_now(Permission.REVIEW)
    now, policy = clock.now(), Policy.of(settings())
    people = find_people(session(), campaign, cap=policy.cap, now=now) if may_read else None
    found = None if people is None or people.tally is None else _assess(campaign, people, policy, now=now)
    if found is not None:
        note_audience(campaign.audience, found.tally.total)
    confirmations = prepared.confirmations_of(session(), campaign)
    broken = broken_rules(found.warnings) if found else {}
    return render_template(
        "planning/gates/index.html",
        campaign=campaign,
        standing=standings_of(session(), [campaign])[campaign.id],
        found=found,
        counted=people.standing if people else None,
        broken=broken,
        unconfirmed=unconfirmed(broken, confirmations),
        confirmations=confirmations,
        names=load_member_names(session(), [each.member_id for each in confirmations]),
        table_date=TABLE_DATE,
    )


def _assess(campaign: Campaign, people: KeptPeople, policy: Policy, *, now: datetime) -> Assessment:
    unconnected = find_unconnected(session(), settings(), campaign.organisation_id)
    found = assess(session(), campaign, now=now, policy=policy, unconnected=unconnected, tally=people.tally)
    approval = find_approval(session(), campaign) if campaign.urgent_reason else None
    return with_fatigue(campaign, found, people.capped, approval)


@pages.post("/countries")
@requires(Permission.EDIT)
def confirm(campaign_id: int) -> Response:
    """Confirm, by one's name, the rules of countries that seem to be broken."""
    campaign = get_owned(session(), Campaign, campaign_id, current_organisation().id)
    with refusals_told(InputError, RefusedError):
        seen = request.form.getlist("seen")
        confirming.confirm_rules(session(), campaign, by=current_member().id, seen=seen)
        flash(_("Confirmed by your name."), "good")
    return redirect(url_for("planning.gates.show", campaign_id=campaign_id))
