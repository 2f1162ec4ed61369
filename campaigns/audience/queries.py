"""Reads on audiences and contacts: previews, overviews and masked lists; never a handle or part of one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Audience, Consent, Contact, ContactImport
from campaigns.audience.rules import AudienceRule, LeftOut, Resolution, select_resolved
from campaigns.places.models import Place, PlaceKind, Region
from campaigns.staff.queries import owned

#: Below this many people an author is told no number.
SMALLEST_SHOWN = 20
ROUNDED_TO = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a rule means now: exact counts; pages for authors pass each through `rounded`."""

    #: Everybody the rule means, and those of them who would be written to.
    total: int
    reached: int
    #: Those who would be written to, by language of the text and by region id (0: not known).
    by_language: dict[str, int]
    by_region: dict[int, int]
    #: The others, by the first reason that applies.
    by_reason: dict[LeftOut, int]


def preview(session: Session, rule: AudienceRule, organisation_id: int, resolution: Resolution) -> Preview:
    """Count whom `rule` means, in one grouped query over the Select that fan-out uses."""
    people = select_resolved(rule, organisation_id, resolution).subquery()
    columns = (people.c.language, people.c.region_id, people.c.reason)
    rows = session.execute(select(*columns, func.count()).group_by(*columns)).all()
    languages: Counter[str] = Counter()
    regions: Counter[int] = Counter()
    reasons: Counter[LeftOut] = Counter()
    for language, region_id, reason, count in rows:
        if reason is None:
            languages[language] += count
            regions[region_id] += count
        else:
            reasons[LeftOut(reason)] += count
    return Preview(
        total=languages.total() + reasons.total(),
        reached=languages.total(),
        by_language=dict(languages.most_common()),
        by_region=dict(regions.most_common()),
        by_reason=dict(reasons.most_common()),
    )


def rounded(count: int) -> int | None:
    """Return a count as authors may see it: 0 as it is, None when too small to tell, else to the nearest 10."""
    if count == 0:
        return 0
    if count < SMALLEST_SHOWN:
        return None
    return (count + ROUNDED_TO // 2) // ROUNDED_TO * ROUNDED_TO


def select_audiences(organisation_id: int) -> Select[Audience]:
    """Select an organisation's saved audiences by name."""
    return owned(select(Audience), Audience, organisation_id).order_by(Audience.name, Audience.id)


def count_contacts(session: Session, organisation_id: int) -> int:
    """Count an organisation's contacts."""
    return session.scalar(owned(select(func.count()).select_from(Contact), Contact, organisation_id)) or 0


def count_by_state(session: Session, organisation_id: int) -> dict[str, int]:
    """Count an organisation's addresses by state."""
    statement = owned(select(Address.state, func.count()), Address, organisation_id).group_by(Address.state)
    return {str(state): count for state, count in session.execute(statement)}


def count_by_language(session: Session, organisation_id: int) -> dict[str, int]:
    """Count an organisation's contacts by written language, most first."""
    statement = owned(select(Contact.language, func.count()), Contact, organisation_id).group_by(Contact.language)
    found: Counter[str] = Counter(dict(session.execute(statement).all()))
    return dict(found.most_common())


def select_contacts(organisation_id: int, *, state: str = "", language: str = "") -> Select[*tuple[Any, ...]]:
    """Select contacts with an address and their region, newest first: no column holds a handle."""
    statement: Select[*tuple[Any, ...]] = (
        select(
            Contact.id,
            Contact.language,
            Contact.position_at,
            Contact.created_at,
            Address.channel,
            Address.country,
            Address.state,
            Region,
        )
        .join(Address, Address.contact_id == Contact.id)
        .outerjoin(Region, Region.id == Contact.region_id)
        .order_by(Contact.id.desc(), Address.rank)
    )
    statement = owned(statement, Contact, organisation_id)
    if state:
        statement = statement.where(Address.state == state)
    return statement.where(Contact.language == language) if language else statement


def select_ledger(contact_id: int) -> Select[Consent]:
    """Select the consent ledger of a contact, newest first."""
    return select(Consent).where(Consent.contact_id == contact_id).order_by(Consent.id.desc())


def select_imports(organisation_id: int) -> Select[ContactImport]:
    """Select an organisation's contact files, newest first, without their sealed text."""
    return owned(select(ContactImport), ContactImport, organisation_id).order_by(ContactImport.id.desc())


def select_known_regions(organisation_id: int) -> Select[Region]:
    """Select the regions in which the organisation has contacts or places, by country and name."""
    contacts = owned(select(Contact.region_id), Contact, organisation_id)
    places = owned(select(Place.region_id).where(Place.kind != PlaceKind.CORRIDOR), Place, organisation_id)
    return (
        select(Region)
        .where(or_(Region.id.in_(contacts), Region.id.in_(places)))
        .order_by(Region.country, Region.name)
    )
