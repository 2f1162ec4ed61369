"""People who wrote about a theme are counted in the database, by region and stretch of time, each once a cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, select
from sqlalchemy.orm import Session

from campaigns.inbox.conversations.models import Conversation, ConversationTheme, UnnamedReport
from campaigns.inbox.conversations.noting_themes import told_by_people
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.places.models import Region
from campaigns.reach.results.visibility import Show
from campaigns.reach.themes.theme_filters import ThemeFilters
from campaigns.staff.queries import owned

#: What a member may see of the people of one row, column by column; None: too few to be told.
Cells = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class ThemePart:
    """What people wrote about in one region, or in all together."""

    #: None: nobody knows where they were, or all regions together.
    region: Region | None
    #: Only themes of which something may be told.
    rows: Sequence[tuple[Theme, Cells]]


@dataclass(frozen=True, slots=True)
class ThemeTable:
    """What may be told of what people wrote about."""

    #: A person counts once in a cell here too, wherever they were.
    together: ThemePart
    regions: Sequence[ThemePart]


def load_table(
    session: Session, organisation_id: int, wanted: ThemeFilters, *, before: date, show: Show
) -> ThemeTable:
    """Count by day what was noted before a day (UTC); a part of which nothing may be told is not named."""
    counts: dict[int | None, dict[Theme, list[int]]] = defaultdict(dict)
    people = _counted(organisation_id, wanted, before).where(told_by_people())
    by_region = people.add_columns(ConversationTheme.region_id).group_by(ConversationTheme.region_id)
    for row in session.execute(by_region):
        _cells(counts[row.region_id], Theme(row.theme), wanted)[row.part] = row.people
    found = select(Region).where(Region.id.in_([each for each in counts if each is not None]))
    regions = {region.id: region for region in session.scalars(found)}
    parts = [ThemePart(regions.get(key or 0), _told(themes, show)) for key, themes in counts.items()]
    named = sorted((part for part in parts if part.rows), key=_by_name)
    return ThemeTable(_together(session, people, wanted, show), named)


def load_reports(session: Session, organisation_id: int, wanted: ThemeFilters, *, before: date) -> ThemePart:
    """Count what came without a name, for whoever sees exact figures; nearly the same again is not counted.

    These are reports: one person may have sent many. Those about the organisation itself are others' business.
    """
    counted = select(UnnamedReport.conversation_id).join(
        Conversation, Conversation.id == UnnamedReport.conversation_id
    )
    counted = counted.where(UnnamedReport.same_as_id.is_(None), ~Conversation.is_complaint)
    reports = _counted(organisation_id, wanted, before).where(
        ConversationTheme.conversation_id.in_(owned(counted, Conversation, organisation_id))
    )
    return _together(session, reports, wanted, int)


def load_countries(session: Session) -> list[str]:
    """Return the countries that can be chosen: all of which regions are known here."""
    return list(session.scalars(select(Region.country).distinct().order_by(Region.country)))


def _together(session: Session, counted: Select[*tuple[Any, ...]], wanted: ThemeFilters, show: Show) -> ThemePart:
    whole: dict[Theme, list[int]] = {}
    for row in session.execute(counted):
        _cells(whole, Theme(row.theme), wanted)[row.part] = row.people
    return ThemePart(None, _told(whole, show))


def _counted(organisation_id: int, wanted: ThemeFilters, before: date) -> Select[*tuple[Any, ...]]:
    people = func.count(ConversationTheme.conversation_id.distinct()).label("people")
    columns = select(ConversationTheme.theme, _part(wanted).label("part"), people)
    found = owned(columns, ConversationTheme, organisation_id).where(
        ConversationTheme.on_day >= wanted.starts[0], ConversationTheme.on_day < min(wanted.end, before)
    )
    if wanted.language:
        theirs = select(Conversation.id).where(Conversation.language == wanted.language)
        found = found.where(ConversationTheme.conversation_id.in_(owned(theirs, Conversation, organisation_id)))
    if wanted.country:
        there = select(Region.id).where(Region.country == wanted.country)
        found = found.where(ConversationTheme.region_id.in_(there))
    # By the name of the column: as an expression it would have other parameters, and PostgreSQL refuse it.
    return found.group_by(ConversationTheme.theme, "part")


def _part(wanted: ThemeFilters) -> ColumnElement[int]:
    """Say in SQL in which column a day stands."""
    ends = [(ConversationTheme.on_day < end, which) for which, end in enumerate(wanted.starts[1:])]
    last = literal(len(ends))
    return case(*ends, else_=last) if ends else last


def _cells(themes: dict[Theme, list[int]], theme: Theme, wanted: ThemeFilters) -> list[int]:
    return themes.setdefault(theme, [0] * len(wanted.starts))


def _told(themes: dict[Theme, list[int]], show: Show) -> list[tuple[Theme, Cells]]:
    shown = {theme: [show(count) for count in counts] for theme, counts in themes.items()}
    return [(theme, shown[theme]) for theme in Theme if any(shown.get(theme, ()))]


def _by_name(part: ThemePart) -> tuple[bool, str, str]:
    return (part.region is None, *((part.region.country, part.region.name) if part.region else ("", "")))
