"""Warns when others reach the same people about the same thing at the same time, or with another number for help.

All organisations of the instance count. Of another's campaign only the fact is told: neither name nor text,
neither number nor place beyond the regions that the reader's own campaign is sent to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import Session, contains_eager

from campaigns.audience.rules import AudienceRule, targeted_cells
from campaigns.core.errors import AudienceRuleError, NoSignpostError
from campaigns.directory.models import Service
from campaigns.directory.queries import facts_of
from campaigns.directory.signposting.choice import Need, choose_signpost
from campaigns.directory.signposting.service_facts import ServiceFacts
from campaigns.messages.models import Translation, TranslationState
from campaigns.places.models import Region
from campaigns.planning.estimates.rendered_texts import RenderedText
from campaigns.planning.gates.assessment import Assessment
from campaigns.planning.models import Campaign, CampaignState, Schedule
from campaigns.planning.queries import firings_of

#: Messages so close together reach people as one conversation.
WINDOW = timedelta(days=3)
#: Firings of each campaign that are compared, and campaigns that one look takes in.
COMPARED_FIRINGS = 10
MOST_CAMPAIGNS = 100
#: Regions and languages for which numbers are compared.
MOST_NUMBERS = 300


@dataclass(frozen=True, slots=True)
class Collision:
    """What a member should know before going on; it blocks nothing."""

    #: A campaign of the member's own organisation, or None for another's.
    campaign: Campaign | None
    #: Regions in which people would be given different numbers; empty: the theme is the same.
    regions: tuple[Region, ...] = ()


def find_collisions(
    session: Session, campaign: Campaign, assessed: Assessment, *, now: datetime
) -> list[Collision]:
    """Look for approved campaigns of any organisation that meet this one in place and time; `now` is aware UTC."""
    mine = _firings(campaign.schedules, now)
    others = [other for other in _approved(session, campaign) if _meet(mine, _firings(other.schedules, now))]
    near = _in_same_places(session, campaign, others)
    found = [
        Collision(other if other.organisation_id == campaign.organisation_id else None)
        for other in near
        if other.message.theme == campaign.message.theme
    ]
    foreign = [other for other in near if other.organisation_id != campaign.organisation_id]
    regions = _contradicted(session, foreign, assessed, now=now)
    # Several campaigns of others are one fact.
    told = list(dict.fromkeys(found))
    return [*told, Collision(None, tuple(regions))] if regions else told


def _approved(session: Session, campaign: Campaign) -> list[Campaign]:
    """Return the approved campaigns of all organisations that have a time to come, soonest first."""
    schedules = session.scalars(
        select(Schedule)
        .join(Schedule.campaign)
        .options(contains_eager(Schedule.campaign).joinedload(Campaign.message))
        .options(contains_eager(Schedule.campaign).joinedload(Campaign.audience))
        .options(contains_eager(Schedule.campaign).selectinload(Campaign.schedules))
        .where(Campaign.state == CampaignState.APPROVED, Campaign.id != campaign.id)
        .where(Schedule.removed_at.is_(None), Schedule.next_fire_at.is_not(None))
        .order_by(Schedule.next_fire_at, Schedule.id)
        .limit(MOST_CAMPAIGNS)
    )
    return list(dict.fromkeys(schedule.campaign for schedule in schedules))


def _firings(schedules: Iterable[Schedule], now: datetime) -> list[datetime]:
    return [
        firing.fire_at
        for schedule in schedules
        for firing in firings_of(schedule, (), after=now, count=COMPARED_FIRINGS)
    ]


def _meet(mine: Sequence[datetime], theirs: Sequence[datetime]) -> bool:
    return any(abs(one - other) <= WINDOW for one in mine for other in theirs)


def _in_same_places(session: Session, campaign: Campaign, others: Sequence[Campaign]) -> list[Campaign]:
    """Return those of `others` for the same places: by cells if both name places, else by country."""
    rule = _rule_of(campaign)
    if rule is None:
        return []
    cells = targeted_cells(rule, campaign.organisation_id)
    sharing, near = [], []
    for other in others:
        theirs = _rule_of(other)
        their_cells = None if theirs is None else targeted_cells(theirs, other.organisation_id)
        if cells is not None and their_cells is not None:
            one, two = cells.alias("mine"), their_cells.alias("theirs")
            shared = select(one.c.cell).join(two, two.c.cell == one.c.cell).exists()
            sharing.append(select(literal(other.id)).where(shared))
        elif theirs is not None and _share_a_country(rule, theirs):
            near.append(other.id)
    if sharing:
        near += session.scalars(union_all(*sharing)).all()
    return [other for other in others if other.id in near]


def _rule_of(campaign: Campaign) -> AudienceRule | None:
    try:
        return AudienceRule.from_json(campaign.audience.rule)
    except AudienceRuleError:
        # Its own gate says so.
        return None


def _share_a_country(one: AudienceRule, other: AudienceRule) -> bool:
    """Say whether two rules may mean people in one country; a rule without one may mean any."""
    if set(one.region_codes) & set(other.region_codes):
        return True
    if one.region_codes and other.region_codes and not (one.countries or other.countries):
        return False
    countries = [{*rule.countries, *(code[:2] for code in rule.region_codes)} for rule in (one, other)]
    return not all(countries) or bool(countries[0] & countries[1])


def _contradicted(
    session: Session,
    others: Sequence[Campaign],
    assessed: Assessment,
    *,
    now: datetime,
) -> list[Region]:
    """Return the regions in which another organisation's text gives readers of one language another number."""
    pointing = [each for each in assessed.rendered if each.signposts and each.region_id][:MOST_NUMBERS]
    if not others or not pointing:
        return []
    asked = _languages_with_hotline(session, [other.message_id for other in others])
    services = _services_of(session, {other.organisation_id for other in others})
    ids = {each.region_id for each in pointing}
    regions = {region.id: region for region in session.scalars(select(Region).where(Region.id.in_(ids)))}
    found: dict[int, Region] = {}
    for each in pointing:
        region = regions[each.region_id]
        for other in others:
            if each.language in asked.get(other.message_id, ()) and _differs(
                each,
                region,
                services.get(other.organisation_id, ()),
                now=now,
                fresh_days=assessed.known.fresh_days,
            ):
                found[region.id] = region
    return sorted(found.values(), key=lambda region: region.code)


def _differs(
    each: RenderedText, region: Region, services: Sequence[ServiceFacts], *, now: datetime, fresh_days: int
) -> bool:
    """Say whether these services would point the same people elsewhere than the text that was rendered does."""
    try:
        need = Need(region.code, region.country, each.language, now, roaming=False)
        theirs = choose_signpost(services, need, fresh_days=fresh_days)
    except NoSignpostError:
        return False
    own = {_digits(signpost.number) for signpost in each.signposts}
    same = next((one for one in services if one.service_id == theirs.service_id), None)
    also = (same.number_national, same.number_from_abroad) if same else ()
    return not own & {_digits(number) for number in (theirs.number, *also) if number}


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number).lstrip("0")


def _languages_with_hotline(session: Session, message_ids: Sequence[int]) -> Mapping[int, set[str]]:
    found: dict[int, set[str]] = {}
    texts = select(Translation.message_id, Translation.language).where(
        Translation.message_id.in_(message_ids),
        Translation.state == TranslationState.REVIEWED,
        Translation.text.contains("((hotline"),
    )
    for message_id, language in session.execute(texts):
        found.setdefault(message_id, set()).add(language)
    return found


def _services_of(session: Session, organisation_ids: set[int]) -> Mapping[int, Sequence[ServiceFacts]]:
    found: dict[int, list[ServiceFacts]] = {}
    for service in session.scalars(select(Service).where(Service.organisation_id.in_(organisation_ids))):
        found.setdefault(service.organisation_id, []).append(facts_of(service))
    return found
