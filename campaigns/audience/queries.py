"""Reads on audiences and contacts: previews, overviews and masked lists; never a handle or part of one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, String, Subquery, exists, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState, Audience, Channel, Consent, Contact, ContactImport
from campaigns.audience.rules import AudienceRule, LeftOut, Resolution, select_resolved
from campaigns.core.errors import AudienceRuleError
from campaigns.core.languages import all_languages
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.core.words import N_
from campaigns.places.models import Place, PlaceKind, Region, Route, Waypoint
from campaigns.staff.queries import owned

#: Which state of an address tells most of its person, lowest first; a stop and a hold are 1. Who said START on one
#: channel is written to there; whoever said stop is not, however little is known of their other addresses.
_DECIDING = {AddressState.ACTIVE: 0, AddressState.PENDING: 2, AddressState.INVALID: 3}
#: Of whom more than an id is left.
_IS_KEPT = Contact.erased_at.is_(None)


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a rule means now: exact counts; pages for authors pass each through `rounded`."""

    #: Everybody the rule means, and those of them who would be written to.
    total: int
    reached: int
    #: Those who would be written to, by language of the text and by region id (0: not known).
    by_language: dict[str, int]
    by_region: dict[int, int]
    #: Those who could be written to on each channel that was asked about; a person may count on several.
    by_channel: dict[Channel, int]
    #: The others, by the first reason that applies.
    by_reason: dict[LeftOut, int]


def preview(session: Session, rule: AudienceRule, organisation_id: int, resolution: Resolution) -> Preview:
    """Count whom `rule` means, in one grouped query over the Select that fan-out uses.

    Each channel of the resolution's senders is also counted as if it were the only one.
    """
    channels = list(dict.fromkeys(sender.channel for sender in resolution.senders))
    people = _people_by_channel(rule, organisation_id, resolution, channels)
    columns = (people.c.only, people.c.language, people.c.region_id, people.c.reason)
    languages: Counter[str] = Counter()
    regions: Counter[int] = Counter()
    reached = Counter(dict.fromkeys(channels, 0))
    reasons: Counter[LeftOut] = Counter()
    for only, language, region_id, reason, count in session.execute(
        select(*columns, func.count()).group_by(*columns)
    ):
        if only:
            reached[Channel(only)] += 0 if reason else count
        elif reason is None:
            languages[language] += count
            regions[region_id] += count
        else:
            reasons[LeftOut(reason)] += count
    return Preview(
        total=languages.total() + reasons.total(),
        reached=languages.total(),
        by_language=dict(languages.most_common()),
        by_region=dict(regions.most_common()),
        by_channel=dict(reached),
        by_reason=dict(reasons.most_common()),
    )


def _people_by_channel(
    rule: AudienceRule, organisation_id: int, resolution: Resolution, channels: Iterable[Channel]
) -> Subquery:
    """Select everybody as the resolution has it (only = ''), and once more for each channel alone."""
    resolutions = {"": resolution}
    for channel in channels:
        senders = tuple(sender for sender in resolution.senders if sender.channel == channel)
        resolutions[str(channel)] = replace(resolution, senders=senders)
    return union_all(
        *(
            select_resolved(rule, organisation_id, one).add_columns(literal(only, String).label("only"))
            for only, one in resolutions.items()
        )
    ).subquery()


def used_channels(session: Session, organisation_id: int) -> list[Channel]:
    """Return the channels on which the organisation has any address."""
    asked = [
        exists().where(Address.organisation_id == organisation_id, Address.channel == channel)
        for channel in Channel
    ]
    answers = session.execute(select(*asked)).one()
    return [channel for channel, used in zip(Channel, answers, strict=True) if used]


def find_unknown(session: Session, organisation_id: int, rule: AudienceRule) -> list[AudienceRuleError]:
    """Return an error for each thing that `rule` names and the organisation does not have."""
    return [*_unknown_places(session, organisation_id, rule), *_unknown_words(session, rule)]


def _unknown_places(session: Session, organisation_id: int, rule: AudienceRule) -> Iterator[AudienceRuleError]:
    places = owned(select(Place.id).where(Place.id.in_(rule.place_ids)), Place, organisation_id)
    for place_id in sorted(set(rule.place_ids) - set(session.scalars(places))):
        yield AudienceRuleError(N_("There is no place %(id)s any more."), id=place_id)
    asked = [part.route_id for part in rule.route_parts]
    stops = owned(select(Route.id, Waypoint.position), Route, organisation_id)
    rows = session.execute(stops.join(Waypoint).where(Route.id.in_(asked)))
    found = {(route_id, position) for route_id, position in rows}
    routes = {route_id for route_id, _ in found}
    for part in rule.route_parts:
        if part.route_id not in routes:
            yield AudienceRuleError(N_("There is no route %(id)s any more."), id=part.route_id)
        elif part.stop_position is not None and (part.route_id, part.stop_position) not in found:
            yield AudienceRuleError(
                N_("The route %(id)s has no waypoint %(number)s any more."),
                id=part.route_id,
                number=part.stop_position + 1,
            )


def _unknown_words(session: Session, rule: AudienceRule) -> Iterator[AudienceRuleError]:
    def known(column: Any, words: Collection[str]) -> set[str]:
        return set(session.scalars(select(column).where(column.in_(words)).distinct()))

    codes = known(Region.code, rule.region_codes) | known(Region.parent_code, rule.region_codes)
    for code in rule.region_codes:
        if code not in codes:
            yield AudienceRuleError(N_("There is no region %(code)s."), code=code)
    countries = known(Region.country, rule.countries)
    for code in rule.countries:
        if code not in countries:
            yield AudienceRuleError(N_("There is no country %(code)s."), code=code)
    for code in rule.languages:
        if code not in all_languages():
            yield AudienceRuleError(N_("There is no language %(code)s."), code=code)


def select_audiences(organisation_id: int) -> Select[Audience]:
    """Select an organisation's saved audiences by name."""
    return owned(select(Audience), Audience, organisation_id).order_by(Audience.name, Audience.id)


def count_contacts(session: Session, organisation_id: int) -> int:
    """Count an organisation's contacts."""
    people = select(func.count()).select_from(Contact).where(_IS_KEPT)
    return session.scalar(owned(people, Contact, organisation_id)) or 0


def count_by_state(session: Session, organisation_id: int) -> dict[str, int]:
    """Count an organisation's addresses by state."""
    statement = owned(select(Address.state, func.count()), Address, organisation_id).group_by(Address.state)
    return {str(state): count for state, count in session.execute(statement)}


def count_by_language(session: Session, organisation_id: int) -> dict[str, int]:
    """Count an organisation's contacts by written language, most first."""
    counts = select(Contact.language, func.count()).where(_IS_KEPT).group_by(Contact.language)
    statement = owned(counts, Contact, organisation_id)
    found: Counter[str] = Counter(dict(session.execute(statement).all()))
    return dict(found.most_common())


def count_by_region(session: Session, organisation_id: int) -> list[tuple[Region | None, int]]:
    """Count an organisation's contacts by region (None: not known), most first."""
    people = select(Contact.region_id, func.count()).where(_IS_KEPT).group_by(Contact.region_id)
    counts = owned(people, Contact, organisation_id)
    found = sorted(session.execute(counts).all(), key=lambda row: (-row[1], row[0] or 0))
    ids = [region_id for region_id, _ in found if region_id]
    regions = {region.id: region for region in session.scalars(select(Region).where(Region.id.in_(ids)))}
    return [(regions.get(region_id or 0), count) for region_id, count in found]


def select_contacts(organisation_id: int, *, state: str = "", language: str = "") -> Select[*tuple[Any, ...]]:
    """Select contacts and their regions, newest first; those with an address in `state`, if it is given."""
    statement: Select[*tuple[Any, ...]] = (
        select(Contact, Region).outerjoin(Region, Region.id == Contact.region_id).order_by(Contact.id.desc())
    )
    statement = owned(statement, Contact, organisation_id).where(_IS_KEPT)
    if state:
        statement = statement.where(exists().where(Address.contact_id == Contact.id, Address.state == state))
    return statement.where(Contact.language == language) if language else statement


def addresses_of(session: Session, contact_ids: Collection[int]) -> dict[int, list[Any]]:
    """Return id, channel, country and state of the addresses of each contact, in their order: never a handle."""
    columns = (Address.contact_id, Address.id, Address.channel, Address.country, Address.state)
    rows = select(*columns).where(Address.contact_id.in_(contact_ids)).order_by(Address.rank, Address.id)
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in session.execute(rows):
        found[row.contact_id].append(row)
    return dict(found)


def states_of(session: Session, contact_ids: Collection[int]) -> dict[int, AddressState]:
    """Return the state of each person who has an address: of the one that decides whether they are written to."""
    rows = session.execute(select(Address.contact_id, Address.state).where(Address.contact_id.in_(contact_ids)))
    found: dict[int, AddressState] = {}
    for contact_id, state in rows:
        known = found.get(contact_id)
        found[contact_id] = state if known is None else min(AddressState(state), known, key=_weight)
    return found


def _weight(state: AddressState) -> int:
    return _DECIDING.get(state, 1)


def last_consents(session: Session, contact_ids: Collection[int]) -> dict[int, Consent]:
    """Return the last line of the ledger of each contact."""
    last = select(func.max(Consent.id)).where(Consent.contact_id.in_(contact_ids)).group_by(Consent.contact_id)
    return {line.contact_id: line for line in session.scalars(select(Consent).where(Consent.id.in_(last)))}


def select_ledger(contact_id: int) -> Select[Consent]:
    """Select the consent ledger of a contact, newest first."""
    return select(Consent).where(Consent.contact_id == contact_id).order_by(Consent.id.desc())


def select_imports(organisation_id: int) -> Select[ContactImport]:
    """Select an organisation's contact files, newest first, without their sealed text."""
    return owned(select(ContactImport), ContactImport, organisation_id).order_by(ContactImport.id.desc())


def select_offered_regions(
    organisation_id: int, *, codes: Collection[str] = (), countries: Collection[str] = ()
) -> Select[Region]:
    """Select the regions that a rule of the organisation may name, by country and name.

    Those in which it has places, or not few contacts: that a region is offered tells of nobody. And those of the
    `codes` and `countries` that a rule names already.
    """
    contacts = (
        owned(select(Contact.region_id), Contact, organisation_id)
        .where(_IS_KEPT)
        .group_by(Contact.region_id)
        .having(func.count() >= SMALLEST_SHOWN)
    )
    places = owned(select(Place.region_id).where(Place.kind != PlaceKind.CORRIDOR), Place, organisation_id)
    return (
        select(Region)
        .where(
            or_(
                Region.id.in_(contacts),
                Region.id.in_(places),
                Region.code.in_(codes),
                Region.country.in_(countries),
            )
        )
        .order_by(Region.country, Region.name)
    )
