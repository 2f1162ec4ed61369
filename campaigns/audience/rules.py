"""A saved audience rule says only what is listed here, and resolves to one Select."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    Subquery,
    case,
    false,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from campaigns.audience.models import AddressState, Contact, ContactGroup, GroupedContact
from campaigns.audience.rule_fields import read_all, read_number
from campaigns.audience.silence import is_silent
from campaigns.audience.walk import SenderChoice, Walk, between
from campaigns.core.errors import AudienceRuleError
from campaigns.core.words import N_
from campaigns.places.models import Place, PlaceCell, Region, Route, Waypoint
from campaigns.staff.queries import owned

__all__ = [
    "UNKNOWN_ZONE",
    "AudienceRule",
    "Direction",
    "LeftOut",
    "Resolution",
    "RoutePart",
    "SenderChoice",
    "select_resolved",
    "targeted_cells",
]

#: Stands for the zone of contacts of whom none is known, where they are to be told apart.
UNKNOWN_ZONE = ""
#: Oldest position a rule may still call fresh, and longest silence, in days.
MAX_AGE_DAYS = 3650


class Direction(StrEnum):
    """Which stretch of a route is meant, seen from one of its stops."""

    AT = "at"
    BEFORE = "before"
    PAST = "past"
    ALL = "all"


class LeftOut(StrEnum):
    """Why a person of the audience is not written to; the first that applies is counted."""

    STALE_POSITION = "stale_position"
    #: On none of the channels.
    NO_ADDRESS = "no_address"
    OPTED_OUT = "opted_out"
    #: May have said stop: a member decides.
    HELD = "held"
    NO_CONSENT = "no_consent"
    INVALID_ADDRESS = "invalid_address"
    #: No sender covers the country of an address they have.
    NO_SENDER = "no_sender"
    #: WhatsApp would reach them, but no approved template says the text, and they did not write lately.
    NO_TEMPLATE = "no_template"
    NO_TRANSLATION = "no_translation"
    #: Had as many messages lately as the instance allows; known when a run starts.
    CAPPED = "capped"
    #: Get the same by another run of the campaign at the very instant; known when a run starts.
    MERGED = "merged"
    #: Another contact has their number too, and the run writes to a number once; known when a run starts.
    SAME_NUMBER = "same_number"
    #: May be in danger and speaks with the team; known when a run starts.
    URGENT = "urgent"
    #: Were asked whether to go on, and did not answer.
    SILENT = "silent"
    NO_SIGNPOST = "no_signpost"


@dataclass(frozen=True, slots=True)
class RoutePart:
    """A stretch of a route: at a stop, before it, past it, or all of it."""

    route_id: int
    direction: Direction | str
    #: Position of the stop on its route, from 0; None for the whole route.
    stop_position: int | None = None

    def __post_init__(self) -> None:
        if self.direction not in set(Direction):
            raise AudienceRuleError(
                N_("A section of a route says at, before, past or all, not %(direction)s."),
                direction=repr(self.direction),
            )
        if (self.stop_position is None) != (self.direction == Direction.ALL):
            raise AudienceRuleError(N_("A section of a route needs its waypoint; the whole route needs none."))
        if self.stop_position is not None and self.stop_position < 0:
            raise AudienceRuleError(N_("Waypoints are counted from 0."))

    def to_json(self) -> dict[str, Any]:
        """Return the part as it is stored."""
        stop = {} if self.stop_position is None else {"stop_position": self.stop_position}
        return {"route_id": self.route_id, "direction": str(self.direction)} | stop


@dataclass(frozen=True, slots=True)
class AudienceRule:
    """Who is meant. Places and route parts add up; regions, countries, languages, groups and age narrow them.

    A rule that names nothing means every contact of the organisation.
    """

    place_ids: tuple[int, ...] = ()
    route_parts: tuple[RoutePart, ...] = ()
    #: ISO 3166-2; a code also means the regions below it. Regions and countries add up.
    region_codes: tuple[str, ...] = ()
    #: ISO 3166-1 alpha-2.
    countries: tuple[str, ...] = ()
    #: Written languages of the contacts.
    languages: tuple[str, ...] = ()
    #: Groups of the organisation, which add up.
    group_ids: tuple[int, ...] = ()
    #: How old a last known place may be, in days; None: any age. Counts only where the rule asks for a geography.
    max_position_age_days: int | None = None
    #: Only whoever is silent for so many days; their campaign asks each of them once whether to go on.
    silent_days: int | None = None

    def __post_init__(self) -> None:
        age, silence = self.max_position_age_days, self.silent_days
        if age is not None and not 1 <= age <= MAX_AGE_DAYS:
            raise AudienceRuleError(
                N_("The age of a last known place is between 1 and %(most)s days."), most=MAX_AGE_DAYS
            )
        if silence is not None and not 1 <= silence <= MAX_AGE_DAYS:
            raise AudienceRuleError(N_("A silence lasts between 1 and %(most)s days."), most=MAX_AGE_DAYS)

    @property
    def adds_up(self) -> bool:
        """Whether the rule means people at places or on routes alone; without any it means far more of them."""
        return bool(self.place_ids or self.route_parts)

    @property
    def asks_for_geography(self) -> bool:
        """Whether the rule depends on where people said they were."""
        return self.adds_up or bool(self.region_codes or self.countries)

    def to_json(self) -> dict[str, Any]:
        """Return the rule as it is stored: only what it says."""
        parts = [part.to_json() for part in self.route_parts]
        said = {
            "place_ids": list(self.place_ids),
            "route_parts": parts,
            "region_codes": list(self.region_codes),
            "countries": list(self.countries),
            "languages": list(self.languages),
            "group_ids": list(self.group_ids),
            "max_position_age_days": self.max_position_age_days,
            "silent_days": self.silent_days,
        }
        return {name: value for name, value in said.items() if value}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> AudienceRule:
        """Read what `to_json` wrote. Raises AudienceRuleError for anything else."""
        if not isinstance(stored, Mapping):
            raise AudienceRuleError(N_("An audience rule is an object."))
        unknown = sorted(set(stored) - set(cls.__dataclass_fields__))
        if unknown:
            raise AudienceRuleError(N_("An audience rule cannot say %(names)s."), names=tuple(map(str, unknown)))
        return cls(
            place_ids=read_all(int, stored, "place_ids"),
            route_parts=tuple(_route_part(part) for part in read_all(dict, stored, "route_parts")),
            region_codes=read_all(str, stored, "region_codes"),
            countries=read_all(str, stored, "countries"),
            languages=read_all(str, stored, "languages"),
            group_ids=read_all(int, stored, "group_ids"),
            max_position_age_days=read_number(stored, "max_position_age_days"),
            silent_days=read_number(stored, "silent_days"),
        )


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a rule is resolved for: senders, the languages a text exists in, and the present moment."""

    #: In the order in which they are tried for each person.
    senders: tuple[SenderChoice, ...]
    #: Languages that have a text.
    languages: tuple[str, ...]
    #: Language of the text for contacts who read none of them; None: they are left out.
    fallback_language: str | None
    #: IANA zone of contacts whose own is unknown.
    default_zone: str
    #: Aware UTC; positions are as old as seen from here.
    now: datetime


def select_resolved(
    rule: AudienceRule,
    organisation_id: int,
    resolution: Resolution,
    *,
    after: int | None = None,
    through: int | None = None,
) -> Select[*tuple[Any, ...]]:
    """Select each contact that `rule` means, once, with what a delivery needs or why there will be none.

    Columns: contact_id; address_id, channel, sender_id and number_country (NULL for people left out); any_country
    (of the first address they have); language (of the text after fallback; the contact's own when there is no
    text), region_id (0: unknown), time_zone, place_id (0: none), reason (a LeftOut, or NULL for people who will be
    written to). `after` and `through` bound the contact ids to (after, through].
    """
    cells = targeted_cells(rule, organisation_id)
    language, has_text = _text_language(resolution), _has_text(resolution)
    walk = Walk(resolution.senders, text_language=language, has_text=has_text, now=resolution.now)
    contacts: Any = Contact.__table__
    if cells is not None:
        contacts = contacts.join(cells, cells.c.cell == Contact.cell)
    left_out = _left_out(rule, resolution)
    excluded = [*(condition for condition, _ in left_out), *([] if has_text is None else [~has_text])]
    statement: Select[*tuple[Any, ...]] = select(
        Contact.id.label("contact_id"),
        *_chosen(walk, excluded),
        walk.any_country().label("any_country"),
        language.label("language"),
        func.coalesce(Contact.region_id, 0).label("region_id"),
        func.coalesce(Contact.time_zone, resolution.default_zone).label("time_zone"),
        (literal(0) if cells is None else cells.c.place_id).label("place_id"),
        _reason(walk, left_out, has_text).label("reason"),
    ).select_from(walk.joined(contacts, after=after, through=through))
    statement = owned(statement, Contact, organisation_id).where(*between(Contact.id, after, through))
    if rule.group_ids:
        statement = statement.where(Contact.id.in_(_grouped(rule, organisation_id)))
    return statement.where(Contact.erased_at.is_(None), *_narrowed(rule, now=resolution.now))


def _narrowed(rule: AudienceRule, *, now: datetime) -> list[ColumnElement[bool]]:
    narrowed = is_silent(rule.silent_days, now=now) if rule.silent_days is not None else []
    if rule.region_codes or rule.countries:
        narrowed.append(Contact.region_id.in_(_regions(rule)))
    if rule.languages:
        narrowed.append(Contact.language.in_(rule.languages))
    return narrowed


def _grouped(rule: AudienceRule, organisation_id: int) -> Select[int]:
    groups = owned(select(ContactGroup.id), ContactGroup, organisation_id)
    groups = groups.where(ContactGroup.id.in_(rule.group_ids))
    return select(GroupedContact.contact_id).where(GroupedContact.group_id.in_(groups))


def targeted_cells(rule: AudienceRule, organisation_id: int) -> Subquery | None:
    """Return cell → one place for all places and route parts, or None when the rule names neither.

    A cell that several places share appears once, so a contact does too. The parts are a UNION ALL, each found
    by the index on place_id; an OR between them would read every cell of every organisation.
    """
    parts = [_route_cells(part, organisation_id) for part in rule.route_parts]
    if rule.place_ids:
        places = owned(select(Place.id).where(Place.id.in_(rule.place_ids)), Place, organisation_id)
        parts.append([select(PlaceCell.cell, PlaceCell.place_id).where(PlaceCell.place_id.in_(places))])
    selects = [part for group in parts for part in group]
    if not selects:
        return None
    found = union_all(*selects).subquery("found")
    return (
        select(found.c.cell, func.min(found.c.place_id).label("place_id"))
        .group_by(found.c.cell)
        .subquery("target")
    )


def _route_cells(part: RoutePart, organisation_id: int) -> list[Select[*tuple[Any, ...]]]:
    """Return the Selects of a route part's cells: stops, and legs of the corridor.

    Leg n runs from stop n to stop n + 1. Stops are named beside the legs because a leg by air has no cells.
    """
    stops = (
        owned(select(PlaceCell.cell, PlaceCell.place_id), Route, organisation_id)
        .join_from(Route, Waypoint, Waypoint.route_id == Route.id)
        .join(PlaceCell, PlaceCell.place_id == Waypoint.place_id)
        .where(Route.id == part.route_id)
    )
    legs = (
        owned(select(PlaceCell.cell, PlaceCell.place_id), Route, organisation_id)
        .join_from(Route, PlaceCell, PlaceCell.place_id == Route.corridor_id)
        .where(Route.id == part.route_id)
    )
    stop = part.stop_position
    match Direction(part.direction):
        case Direction.AT:
            return [stops.where(Waypoint.position == stop)]
        case Direction.BEFORE:
            return [stops.where(Waypoint.position < stop), legs.where(PlaceCell.leg < stop)]
        case Direction.PAST:
            return [stops.where(Waypoint.position > stop), legs.where(PlaceCell.leg >= stop)]
        case Direction.ALL:
            return [stops, legs]


def _regions(rule: AudienceRule) -> Select[int]:
    return select(Region.id).where(
        or_(
            Region.code.in_(rule.region_codes),
            Region.parent_code.in_(rule.region_codes),
            Region.country.in_(rule.countries),
        )
    )


def _text_language(resolution: Resolution) -> ColumnElement[Any]:
    fallback = resolution.fallback_language
    otherwise = Contact.language if fallback is None else literal(fallback, String)
    return case(
        (Contact.language.in_(resolution.languages), Contact.language),
        (Contact.other_language.in_(resolution.languages), Contact.other_language),
        else_=otherwise,
    )


def _has_text(resolution: Resolution) -> ColumnElement[bool] | None:
    """Match contacts who have a text in a language they read; None: everybody has, because there is a fallback."""
    if resolution.fallback_language is not None:
        return None
    reads = or_(Contact.language.in_(resolution.languages), Contact.other_language.in_(resolution.languages))
    # Never NULL, so that it may be negated: for contacts without another language the OR can be.
    return func.coalesce(reads, false())


def _left_out(rule: AudienceRule, resolution: Resolution) -> list[tuple[ColumnElement[bool], LeftOut]]:
    """Return whom the rule means and nobody writes to: who did not answer, or stood there too long ago."""
    silent = (Contact.silent_since.is_not(None), LeftOut.SILENT)
    if not rule.asks_for_geography or rule.max_position_age_days is None:
        return [silent]
    oldest = resolution.now - timedelta(days=rule.max_position_age_days)
    return [(or_(Contact.position_at.is_(None), Contact.position_at < oldest), LeftOut.STALE_POSITION), silent]


def _chosen(walk: Walk, excluded: list[ColumnElement[bool]]) -> list[ColumnElement[Any]]:
    """Return what the walk chose for each person, in columns that are NULL for those left out."""

    def column(name: str, value_of: Callable[[SenderChoice], Any], kind: Any) -> ColumnElement[Any]:
        nobody = literal(None, kind)
        whens = [(left_out, nobody) for left_out in excluded]
        whens += [(step.holds, value_of(step.sender)) for step in walk.steps]
        return (case(*whens) if whens else nobody).label(name)

    return [
        column("address_id", lambda sender: walk.addresses[sender.channel].id, BigInteger()),
        column("channel", lambda sender: literal(str(sender.channel), String()), String()),
        column("sender_id", lambda sender: literal(sender.id, BigInteger()), BigInteger()),
        column("number_country", lambda sender: walk.addresses[sender.channel].country, String()),
    ]


def _reason(
    walk: Walk, left_out: list[tuple[ColumnElement[bool], LeftOut]], has_text: ColumnElement[bool] | None
) -> ColumnElement[Any]:
    """Return the first reason that applies, or NULL."""
    written_to: Any = null() if has_text is None else case((has_text, null()), else_=_word(LeftOut.NO_TRANSLATION))
    whens: list[tuple[ColumnElement[bool], Any]] = [(condition, _word(why)) for condition, why in left_out]
    whens += [(step.holds, written_to) for step in walk.steps]
    if walk.addresses:
        whens += [
            (walk.in_state(AddressState.OPTED_OUT), _word(LeftOut.OPTED_OUT)),
            (walk.in_state(AddressState.HELD), _word(LeftOut.HELD)),
            (walk.has_no_address(), _word(LeftOut.NO_ADDRESS)),
            (walk.in_state(AddressState.PENDING), _word(LeftOut.NO_CONSENT)),
            (walk.in_state(AddressState.INVALID), _word(LeftOut.INVALID_ADDRESS)),
        ]
    if (covered := walk.is_covered()) is not None:
        whens.append((covered, _word(LeftOut.NO_TEMPLATE)))
    rest = LeftOut.NO_SENDER if walk.addresses else LeftOut.NO_ADDRESS
    return case(*whens, else_=_word(rest)) if whens else _word(rest)


def _word(reason: LeftOut) -> ColumnElement[str]:
    return literal(str(reason), String)


def _route_part(stored: Mapping[str, Any]) -> RoutePart:
    if not set(stored) <= set(RoutePart.__dataclass_fields__) or not isinstance(stored.get("direction"), str):
        raise AudienceRuleError(N_("A section of a route names a route, a direction and a waypoint."))
    route_id = read_number(stored, "route_id")
    if route_id is None:
        raise AudienceRuleError(N_("A section of a route names a route."))
    return RoutePart(route_id, stored["direction"], read_number(stored, "stop_position"))
