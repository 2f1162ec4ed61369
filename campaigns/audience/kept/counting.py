"""These count the people of a question between two contact ids; the parts of a count add up to the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Protocol

from sqlalchemy import Select, Subquery, func, select
from sqlalchemy.orm import Session

from campaigns.audience.kept.people_questions import CONTACTS, GROUPED, PEOPLE, SILENT, resolution_of, rule_of
from campaigns.audience.models import Address, Contact, ContactGroup, GroupedContact
from campaigns.audience.rules import select_resolved
from campaigns.audience.silence import select_asked, select_silent
from campaigns.audience.walk import between
from campaigns.staff.queries import owned

#: A group of people who are alike: what they have in common, then how many they are.
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Whose people are counted, between which contact ids (after, through], at which moment (aware UTC)."""

    organisation_id: int
    now: datetime
    after: int | None = None
    through: int | None = None


class Count(Protocol):
    """Counts the people of a question of one kind."""

    def __call__(self, session: Session, values: Mapping[str, Any], span: Span) -> Iterable[Row]:
        """Return groups, each with its number of people last."""


def cut(session: Session, organisation_id: int, part: int) -> list[tuple[int | None, int | None]]:
    """Cut an organisation's contacts by their ids into parts of at most so many, in their order."""
    ends = owned(select(func.min(Contact.id), func.max(Contact.id)), Contact, organisation_id)
    first, last = session.execute(ends).one()
    cuts = [] if first is None else range(first + part, last, part)
    return list(pairwise([None, *cuts, None]))


def add_up(found: Counter[Row], rows: Iterable[Row]) -> None:
    """Add groups to those that were found before; people who are alike come into one."""
    for *key, people in rows:
        found[tuple(key)] += people


def count_resolved(session: Session, values: Mapping[str, Any], span: Span) -> Iterable[Row]:
    """Count whom a rule means, in one grouped statement, by all that a text depends on."""
    people = select_span(values, span).subquery("resolved")
    key = alike(people)
    return (tuple(row) for row in session.execute(select(*key, func.count()).group_by(*key)))


def select_span(values: Mapping[str, Any], span: Span) -> Select[*tuple[Any, ...]]:
    """Select the people of a question as `select_resolved` has them. Raises AudienceRuleError."""
    resolution = resolution_of(values, now=span.now)
    ids = {"after": span.after, "through": span.through}
    return select_resolved(rule_of(values), span.organisation_id, resolution, **ids)


def alike(people: Subquery) -> list[Any]:
    """Return what people have in common who are counted together: all that a text depends on, and who sends it."""
    country = func.coalesce(people.c.number_country, people.c.any_country)
    names = ("reason", "language", "region_id", "time_zone")
    return [*(people.c[name] for name in names), country, people.c.sender_id]


def count_contacts(session: Session, values: Mapping[str, Any], span: Span) -> Iterable[Row]:
    """Count contacts by language and region, and addresses by channel and state."""
    people = (Contact.erased_at.is_(None), *between(Contact.id, span.after, span.through))
    alike_people = (Contact.language, Contact.region_id)
    contacts = owned(select(*alike_people, func.count()), Contact, span.organisation_id).where(*people)
    for language, region_id, count in session.execute(contacts.group_by(*alike_people)):
        yield "contact", language, region_id, count
    same = (Address.channel, Address.state)
    addresses = owned(select(*same, func.count()), Address, span.organisation_id)
    theirs = addresses.where(*between(Address.contact_id, span.after, span.through)).group_by(*same)
    for channel, state, count in session.execute(theirs):
        yield "address", str(channel), str(state), count


def count_silent(session: Session, values: Mapping[str, Any], span: Span) -> Iterable[Row]:
    """Count people who are silent for so many days and were not asked, and those who were asked and are silent."""
    theirs = select_silent(span.organisation_id, values["days"], now=span.now)
    within = between(Contact.id, span.after, span.through)
    yield "silent", None, None, session.scalar(theirs.where(*within)) or 0
    for run_id, asked_at, people, left_out in session.execute(select_asked(span.organisation_id).where(*within)):
        yield "asked", run_id, asked_at.isoformat(), people
        yield "left out", run_id, asked_at.isoformat(), left_out


def count_grouped(session: Session, values: Mapping[str, Any], span: Span) -> Iterable[Row]:
    """Count the contacts of each group."""
    theirs = select(GroupedContact.group_id, func.count()).join(ContactGroup)
    within = between(GroupedContact.contact_id, span.after, span.through)
    counts = owned(theirs, ContactGroup, span.organisation_id).where(*within).group_by(GroupedContact.group_id)
    return (tuple(row) for row in session.execute(counts))


#: How the kinds of this step are counted; later steps have more.
COUNTS: Mapping[str, Count] = {
    PEOPLE: count_resolved,
    CONTACTS: count_contacts,
    SILENT: count_silent,
    GROUPED: count_grouped,
}
