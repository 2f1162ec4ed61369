"""By this verb a member confirms, by name, rules of countries that a campaign seems to break."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, TransitionError
from campaigns.core.words import N_
from campaigns.planning.approvals import four_eyes
from campaigns.planning.country_rules import all_country_rules
from campaigns.planning.do_no_harm.models import CountryConfirmation
from campaigns.planning.gates.assessment import assess
from campaigns.planning.gates.safety import broken_rules
from campaigns.planning.models import Campaign, CampaignState
from campaigns.staff import audit

LONGEST_SOURCE = 500


def confirm_rules(session: Session, campaign: Campaign, *, by: int, seen: Collection[str]) -> list[str]:
    """Record that the member `by` read the rules that seem to be broken now; return their countries.

    `seen` are the rules that the page showed, each as "country rule". Raises TransitionError for an archived
    campaign and when another rule is broken by now, InputError when none is.
    """
    four_eyes.hold(session, campaign)
    if campaign.state == CampaignState.ARCHIVED:
        raise TransitionError(N_("This campaign is archived. Take it back to draft first."))
    broken = broken_rules(assess(session, campaign, now=clock.now()).warnings)
    if not broken:
        raise InputError(N_("No rule of a country seems to be broken."))
    if not {f"{country} {rule}" for country, rules in broken.items() for rule in rules} <= set(seen):
        raise TransitionError(N_("Another rule is broken by now. Read the rules again, then confirm."))
    for country, rules in broken.items():
        source = all_country_rules()[country].source[:LONGEST_SOURCE]
        values = {"country": country, "rules": rules, "source": source, "confirmed_at": clock.now()}
        session.add(CountryConfirmation(campaign_id=campaign.id, member_id=by, **values))
    session.flush()
    audit.record(
        session,
        "campaign.confirm_rules",
        subject=campaign,
        organisation_id=campaign.organisation_id,
        member_id=by,
        countries=",".join(broken),
    )
    return list(broken)
