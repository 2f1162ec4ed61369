"""Pages of a campaign show its people as they were counted last; acts count them exactly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.audience.figures import Freshness, find_figures
from campaigns.audience.kept.people_questions import ask_capped, ask_people
from campaigns.audience.rules import UNKNOWN_ZONE, AudienceRule, Resolution
from campaigns.core.errors import AudienceRuleError
from campaigns.planning.campaign_content import NO_CAP, Cap, Content
from campaigns.planning.estimates.audience_counts import Tally, load_resolution, tally_from
from campaigns.planning.estimates.cost import Capped
from campaigns.planning.models import Campaign
from campaigns.planning.queries import load_content

#: Of a rule that cannot be read nothing is counted, nor waited for.
UNREADABLE = Freshness(digests=(), counted_at=None, asked_at=None, share=0.0)


@dataclass(frozen=True, slots=True)
class KeptPeople:
    """The people of a campaign as they were counted last."""

    #: None: they were never counted to the end.
    tally: Tally | None
    #: Those of them who had enough messages lately.
    capped: tuple[Capped, ...]
    standing: Freshness


def find_people(session: Session, campaign: Campaign, *, cap: Cap = NO_CAP, now: datetime) -> KeptPeople:
    """Return the people of a campaign, saved or not, and with a cap those who had enough messages lately."""
    content = load_content(session, campaign)
    resolution = load_resolution(session, content, default_zone=UNKNOWN_ZONE, now=now)
    return find_people_of(content, resolution, cap=cap)


def find_people_of(content: Content, resolution: Resolution, *, cap: Cap = NO_CAP) -> KeptPeople:
    """Do the same for what is said to whom, and for senders as `resolution` has them."""
    try:
        rule = AudienceRule.from_json(content.rule)
    except AudienceRuleError:
        # The audience gate says so.
        return KeptPeople(Tally(()), (), UNREADABLE)
    questions = [ask_people(rule, resolution)]
    if cap.messages:
        questions.append(ask_capped(rule, resolution, messages=cap.messages, days=cap.days))
    (people, *capped), standing = find_figures(questions)
    if people is None or None in capped:
        return KeptPeople(None, (), standing)
    return KeptPeople(tally_from(people), tuple(Capped(*row) for rows in capped for row in rows or ()), standing)
