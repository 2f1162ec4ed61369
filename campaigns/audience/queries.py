"""Reads on audiences and contacts: previews, overviews and masked lists; never a handle or part of one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.kept.counting import Row
from campaigns.audience.models import (
    Address,
    AddressState,
    Audience,
    Channel,
    Consent,
    Contact,
    ContactGroup,
    ContactImport,
)
from campaigns.audience.rules import AudienceRule, LeftOut
from campaigns.core.errors import AudienceRuleError, NotFoundError
from campaigns.core.languages import all_languages
from campaigns.core.small_numbers import is_told
from campaigns.core.words import N_
from campaigns.places.models import Place, PlaceKind, Region, Route, Waypoint
from campaigns.staff.models import AuditEntry
from campaigns.staff.queries import NOT_THERE, get_owned, owned

#: In the report of a file: it is a list of opt-outs.
OPTS_OUT = "opts_out"
#: Acts that make a member an author of a saved rule.
RULE_EDITS = ("audience.create", "audience.duplicate", "audience.update")

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


def preview_from(people: Iterable[Row], alone: Mapping[Channel, Iterable[Row]]) -> Preview:
    """Return whom a rule means from the groups of a count, and of one for each channel alone."""
    languages: Counter[str] = Counter()
    regions: Counter[int] = Counter()
    reasons: Counter[LeftOut] = Counter()
    for reason, language, region_id, *_others, count in people:
        if reason is None:
            languages[language] += count
            regions[region_id] += count
        else:
            reasons[LeftOut(reason)] += count
    reached = {channel: sum(row[-1] for row in rows if row[0] is None) for channel, rows in alone.items()}
    return Preview(
        total=languages.total() + reasons.total(),
        reached=languages.total(),
        by_language=dict(languages.most_common()),
        by_region=dict(regions.most_common()),
        by_channel=reached,
        by_reason=dict(reasons.most_common()),
    )


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
    groups = owned(
        select(ContactGroup.id).where(ContactGroup.id.in_(rule.group_ids)), ContactGroup, organisation_id
    )
    for group_id in sorted(set(rule.group_ids) - set(session.scalars(groups))):
        yield AudienceRuleError(N_("There is no group %(id)s any more."), id=group_id)
    for part in rule.route_parts:
        if part.route_id not in routes:
            yield AudienceRuleError(N_("There is no route %(id)s any more."), id=part.route_id)
        elif part.stop_position is not None and (part.route_id, part.stop_position) not in found:
            yield AudienceRuleError(
                N_("The route %(id)s has no waypoint %(number)s any more."),
                id=part.route_id,
                number=part.stop_position + 1,
            )


def find_gone(session: Session, organisation_id: int, rule: AudienceRule) -> bool:
    """Say whether a place or route that `rule` names is there no more."""
    places = owned(select(Place.id).where(Place.id.in_(rule.place_ids)), Place, organisation_id)
    asked = {part.route_id for part in rule.route_parts}
    routes = owned(select(Route.id).where(Route.id.in_(asked)), Route, organisation_id)
    return {*session.scalars(places)} != {*rule.place_ids} or {*session.scalars(routes)} != asked


def find_naming(session: Session, organisation_id: int, kind: str, named_id: int) -> Sequence[Audience]:
    """Return the saved audiences whose rule names a "place", "route" or "group" by its id, by name."""
    theirs = owned(select(Audience), Audience, organisation_id).order_by(Audience.name, Audience.id)
    return [each for each in session.scalars(theirs) if named_id in _ids_named(each.rule, kind)]


def _ids_named(rule: Mapping[str, Any], kind: str) -> Collection[int]:
    if kind == "route":
        return [part["route_id"] for part in rule.get("route_parts", ())]
    ids: Collection[int] = rule.get(f"{kind}_ids", ())
    return ids


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


def load_audience_names(session: Session, organisation_id: int) -> list[tuple[int, str]]:
    """Return the ids of an organisation's saved audiences with their names, by name."""
    named = owned(select(Audience.id, Audience.name), Audience, organisation_id)
    return [(each.id, each.name) for each in session.execute(named.order_by(Audience.name, Audience.id))]


def find_rule_writers(session: Session, audience_id: int) -> set[int]:
    """Return the ids of members who wrote a saved rule, or the one that it was copied from."""
    entries = session.execute(
        select(AuditEntry.member_id, AuditEntry.detail)
        .where(AuditEntry.subject_type == Audience.__tablename__, AuditEntry.subject_id == audience_id)
        .where(AuditEntry.action.in_(RULE_EDITS))
    ).all()
    wrote = {member_id for member_id, _detail in entries if member_id is not None}
    return wrote.union(*(detail.get("writers", ()) for _member_id, detail in entries))


@dataclass(frozen=True, slots=True)
class Contacts:
    """How many contacts an organisation has; most first."""

    total: int
    by_language: dict[str, int]
    #: 0: no known region.
    by_region: dict[int, int]
    #: Addresses, not people.
    by_state: dict[str, int]
    #: On which they have any address.
    channels: list[Channel]


def contacts_from(rows: Iterable[Row]) -> Contacts:
    """Return how many contacts there are from the groups of a count (`counting.count_contacts`)."""
    languages: Counter[str] = Counter()
    regions: Counter[int] = Counter()
    states: Counter[str] = Counter()
    channels: set[str] = set()
    for of, *alike, count in rows:
        if of == "contact":
            languages[alike[0]] += count
            regions[alike[1] or 0] += count
        else:
            states[alike[1]] += count
            channels.add(alike[0])
    return Contacts(
        total=languages.total(),
        by_language=dict(languages.most_common()),
        by_region=dict(regions.most_common()),
        by_state=dict(states.most_common()),
        channels=[channel for channel in Channel if channel in channels],
    )


def select_contacts(organisation_id: int, *, state: str = "", language: str = "") -> Select[*tuple[Any, ...]]:
    """Select contacts and their regions; those with an address in `state`, if it is given."""
    statement: Select[*tuple[Any, ...]] = select(Contact, Region).outerjoin(Region, Region.id == Contact.region_id)
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


def select_imports(organisation_id: int, *, opts_out: bool = False) -> Select[ContactImport]:
    """Select an organisation's contact files or lists of opt-outs, newest first, without their sealed text."""
    files = owned(select(ContactImport), ContactImport, organisation_id).order_by(ContactImport.id.desc())
    return files.where(is_list() if opts_out else ~is_list())


def get_file(session: Session, file_id: int, organisation_id: int, *, opts_out: bool = False) -> ContactImport:
    """Return a contact file of an organisation, or a list of opt-outs. Raises NotFoundError."""
    file = get_owned(session, ContactImport, file_id, organisation_id)
    if file.report.get(OPTS_OUT, False) is not opts_out:
        raise NotFoundError(NOT_THERE)
    return file


def is_list() -> ColumnElement[bool]:
    """Say in SQL that a file is a list of numbers that opted out, and adds nobody."""
    says_so: ColumnElement[bool] = ContactImport.report[OPTS_OUT].as_string().is_not(None)
    return says_so


def select_offered_regions(
    organisation_id: int,
    contacts: Contacts | None,
    *,
    codes: Collection[str] = (),
    countries: Collection[str] = (),
) -> Select[Region]:
    """Select the regions that a rule of the organisation may name, by country and name.

    Those in which it has places, or not few of the `contacts` that were counted: that a region is offered tells of
    nobody. And those of the `codes` and `countries` that a rule names already.
    """
    lived_in = [] if contacts is None else [each for each, people in contacts.by_region.items() if is_told(people)]
    places = owned(select(Place.region_id).where(Place.kind != PlaceKind.CORRIDOR), Place, organisation_id)
    return (
        select(Region)
        .where(
            or_(
                Region.id.in_(lived_in),
                Region.id.in_(places),
                Region.code.in_(codes),
                Region.country.in_(countries),
            )
        )
        .order_by(Region.country, Region.name)
    )
