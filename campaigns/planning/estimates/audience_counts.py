"""One grouped count divides a campaign's audience; the gates, the pages and the clock share it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.audience.kept.counting import Row, alike
from campaigns.audience.rules import UNKNOWN_ZONE, AudienceRule, LeftOut, Resolution, select_resolved
from campaigns.planning.approvals.approved_people import count_strangers, join_approved, with_joining
from campaigns.planning.campaign_content import Content
from campaigns.planning.estimates.sender_choices import load_choices
from campaigns.planning.models import Approval, Campaign, ZonePolicy
from campaigns.planning.queries import default_zone_of, load_content
from campaigns.planning.schedules.recurrence import Timing

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class TallyRow:
    """People of the audience who are alike in everything that a text depends on."""

    #: Why they are not written to; None: they are.
    reason: LeftOut | None
    #: Language of their text after fallback, or their own when there is none.
    language: str
    #: 0: no known region.
    region_id: int
    #: UNKNOWN_ZONE where none is known.
    time_zone: str
    #: Country that issued the number (alpha-2), or None; of people left out, that of the first address they have.
    number_country: str | None
    #: Sender that writes to them; None for people left out.
    sender_id: int | None
    people: int
    #: Those of them who were not in the audience that was approved, where it is asked.
    strangers: int = 0


@dataclass(frozen=True, slots=True)
class Combination:
    """What the text of a person depends on beside the hour."""

    #: 0: no known region.
    region_id: int
    language: str
    number_country: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """An audience in numbers; each person is in exactly one row."""

    rows: tuple[TallyRow, ...]

    @property
    def total(self) -> int:
        """Everybody the rule means."""
        return sum(row.people for row in self.rows)

    @property
    def people(self) -> int:
        """Those who will be written to."""
        return sum(row.people for row in self._written_to())

    @property
    def strangers(self) -> int:
        """Those who will be written to and were not in the audience that was approved, where it is asked."""
        return sum(row.strangers for row in self._written_to())

    @property
    def zones(self) -> tuple[str, ...]:
        """Known time zones of those who will be written to, sorted."""
        return tuple(sorted({row.time_zone for row in self._written_to()} - {UNKNOWN_ZONE}))

    def clocks(self, timing: Timing) -> tuple[str, ...]:
        """Return the zones whose clocks count beside the timing's own: those of the people written to, sorted.

        With a fixed zone nobody else's clock counts; of whom none is known, the timing's does.
        """
        if timing.zone_policy == ZonePolicy.FIXED:
            return ()
        known = {row.time_zone or timing.time_zone for row in self._written_to()}
        return tuple(sorted(known))

    def by_zone(self) -> dict[tuple[str, str], int]:
        """People written to, by their time zone ("": unknown) and the country of their number ("": unknown)."""
        return _most_first(((row.time_zone, row.number_country or ""), row.people) for row in self._written_to())

    def by_language(self) -> dict[str, int]:
        """People written to, by the language of their text; most first."""
        return _most_first((row.language, row.people) for row in self._written_to())

    def by_reason(self) -> dict[LeftOut, int]:
        """People left out, by reason; most first."""
        return _most_first((row.reason, row.people) for row in self.rows if row.reason is not None)

    def without_text(self) -> dict[str, int]:
        """People left out because no text is in a language they read, by that language; most first."""
        rows = (row for row in self.rows if row.reason is LeftOut.NO_TRANSLATION)
        return _most_first((row.language, row.people) for row in rows)

    def without_template(self) -> dict[str, int]:
        """People left out because WhatsApp has not approved their text, by its language; most first."""
        rows = (row for row in self.rows if row.reason is LeftOut.NO_TEMPLATE)
        return _most_first((row.language, row.people) for row in rows)

    def by_sender(self) -> dict[int, int]:
        """People written to, by the sender that writes first; most first."""
        return _most_first((row.sender_id, row.people) for row in self._written_to() if row.sender_id)

    def by_language_and_sender(self) -> dict[tuple[str, int], int]:
        """People written to, by language of their text and sender; most first."""
        return _most_first(
            ((row.language, row.sender_id), row.people) for row in self._written_to() if row.sender_id
        )

    def by_number_country(self) -> dict[str, int]:
        """People written to, by the country of their number; unknown ones are left out. Most first."""
        return _most_first((row.number_country, row.people) for row in self._written_to() if row.number_country)

    def combinations(self) -> dict[Combination, int]:
        """People written to, by all that their signpost depends on; most first."""
        return _most_first(
            (Combination(row.region_id, row.language, row.number_country), row.people)
            for row in self._written_to()
        )

    def by_combination_and_sender(self) -> dict[tuple[Combination, int], int]:
        """People written to, by all that their signpost depends on and the sender that writes first."""
        return _most_first(
            ((Combination(row.region_id, row.language, row.number_country), row.sender_id), row.people)
            for row in self._written_to()
            if row.sender_id
        )

    def _written_to(self) -> Iterable[TallyRow]:
        return (row for row in self.rows if row.reason is None)


def load_resolution(session: Session, content: Content, *, default_zone: str, now: datetime) -> Resolution:
    """Return how the audience of `content` is resolved; `default_zone` is that of contacts without a known one."""
    return Resolution(
        senders=load_choices(session, content),
        languages=tuple(sorted(content.texts)),
        fallback_language=content.fallback_language,
        default_zone=default_zone,
        now=now,
    )


def count_audience(
    session: Session,
    content: Content,
    organisation_id: int,
    *,
    resolution: Resolution,
    approval: Approval | None = None,
) -> Tally:
    """Count the audience of `content` in one statement, and who of it was not in that of `approval`.

    Raises AudienceRuleError for an unreadable rule.
    """
    people = select_people(content, organisation_id, resolution=resolution)
    found = people.subquery("resolved") if approval is None else with_joining(people)
    key = alike(found)
    counted = select(*key, func.count())
    if approval is not None:
        counted = counted.add_columns(count_strangers(found, approval)).select_from(join_approved(found, approval))
    return tally_from(tuple(row) for row in session.execute(counted.group_by(*key)))


def select_people(content: Content, organisation_id: int, *, resolution: Resolution) -> Select[*tuple[Any, ...]]:
    """Select everybody that `content` means, unknown zones told apart. Raises AudienceRuleError."""
    rule = AudienceRule.from_json(content.rule)
    return select_resolved(rule, organisation_id, replace(resolution, default_zone=UNKNOWN_ZONE))


def tally_from(rows: Iterable[Row]) -> Tally:
    """Return an audience in numbers from the groups of a count (`counting.alike`)."""
    return Tally(tuple(TallyRow(LeftOut(reason) if reason else None, *rest) for reason, *rest in rows))


def tally_of(session: Session, campaign: Campaign, *, now: datetime) -> Tally:
    """Count the audience of a campaign as it is now; the campaign need not be saved yet."""
    content = load_content(session, campaign)
    zone = default_zone_of(session, campaign)
    resolution = load_resolution(session, content, default_zone=zone, now=now)
    return count_audience(session, content, campaign.organisation_id, resolution=resolution)


def find_clocks(session: Session, campaign: Campaign, timing: Timing, *, now: datetime) -> tuple[str, ...]:
    """Return the zones whose clocks count beside the timing's own: those of the people written to, sorted.

    With a fixed zone nobody else's clock counts.
    """
    if timing.zone_policy == ZonePolicy.FIXED:
        return ()
    content = load_content(session, campaign)
    resolution = load_resolution(session, content, default_zone=timing.time_zone, now=now)
    rule = AudienceRule.from_json(content.rule)
    found = select_resolved(rule, campaign.organisation_id, resolution).subquery("resolved")
    return tuple(sorted(session.scalars(select(found.c.time_zone).where(found.c.reason.is_(None)).distinct())))


def _most_first(counts: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    total: Counter[Key] = Counter()
    for key, people in counts:
        total[key] += people
    return dict(total.most_common())
