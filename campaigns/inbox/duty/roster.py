"""A roster says, without a database, who is on duty when, who is told next, and when nobody is there; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaigns.inbox.duty.duty_hours import DutyHours, Period, Weekly
from campaigns.inbox.duty.targets import Step
from campaigns.inbox.urgency.levels import Urgency

#: Days ahead for which a change of the clocks is told.
TOLD_AHEAD = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """One duty, with those of its members who are active and answer."""

    id: int
    name: str
    weekly: Weekly
    #: Empty: all.
    languages: frozenset[str] = frozenset()
    answering: tuple[int, ...] = ()
    lead: int | None = None
    reserve: tuple[int, ...] = ()

    def kept_by(self, members: Collection[int]) -> RosterEntry:
        """Return it with these members alone."""
        return replace(
            self,
            answering=tuple(each for each in self.answering if each in members),
            lead=self.lead if self.lead in members else None,
            reserve=tuple(each for each in self.reserve if each in members),
        )

    def is_for(self, language: str | None) -> bool:
        """Say whether it is for a language; None: nobody knows which."""
        return not self.languages or language in self.languages

    @property
    def told_later(self) -> tuple[int, ...]:
        """The lead and the reserve."""
        return (*(() if self.lead is None else (self.lead,)), *self.reserve)


@dataclass(frozen=True, slots=True)
class LanguageGroup:
    """Languages whose conversations have the same hours; `others` stands for all that no duty names."""

    languages: frozenset[str]
    is_others: bool
    hours: DutyHours


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A duty that is shorter or longer once, since the clocks change meanwhile."""

    entry: RosterEntry
    begins: datetime
    hours: float
    usual_hours: float


@dataclass(frozen=True, slots=True)
class Roster:
    """The duties of one organisation."""

    entries: tuple[RosterEntry, ...]
    time_zone: str
    #: Hours that count while there is no roster.
    usual: DutyHours
    #: All active members who answer, and the languages that each reads.
    readers: Mapping[int, Collection[str]]

    def hours(self, language: str | None) -> DutyHours:
        """Return the duty hours of a language; those of all duties where none is for it."""
        entries = [each for each in self.entries if each.is_for(language)] or self.entries
        return DutyHours(tuple(each.weekly for each in entries), self.time_zone) if entries else self.usual

    def kept_by(self, members: Collection[int]) -> Roster:
        """Return the duties in which any of these members has a part, with them alone."""
        entries = (each.kept_by(members) for each in self.entries)
        return replace(self, entries=tuple(each for each in entries if each.answering or each.told_later))

    def groups(self) -> list[LanguageGroup]:
        """Return all languages, parted by their hours."""
        named = sorted({language for each in self.entries for language in each.languages})
        by_hours: dict[DutyHours, set[str]] = {}
        for language in named:
            by_hours.setdefault(self.hours(language), set()).add(language)
        groups = [LanguageGroup(frozenset(languages), False, hours) for hours, languages in by_hours.items()]
        return [*groups, LanguageGroup(frozenset(named), True, self.hours(None))]

    def told(
        self, step: Step, urgency: int, language: str | None, *, at: datetime, unreachable: Collection[int] = ()
    ) -> Collection[int]:
        """Return the members who are told of a step at a moment (UTC).

        For each whom nothing reaches the next in reserve is; everybody, where nobody else is left.
        """
        named = self._named(step, urgency, language, at)
        there = tuple(each for each in named if each not in unreachable)
        if len(there) == len(named):
            return named
        later = self._running(at, language) or self._next(at, language)
        reserve = (*_all(later, lambda each: each.reserve), *_all(later, lambda each: each.told_later))
        free = dict.fromkeys(each for each in reserve if each not in named and each not in unreachable)
        everybody = tuple(each for each in self.readers if each not in unreachable)
        return (*there, *list(free)[: len(named) - len(there)]) or everybody or named

    def _named(self, step: Step, urgency: int, language: str | None, at: datetime) -> Collection[int]:
        if step is Step.RED:
            return ()
        if step is Step.RESPONDERS:
            return tuple(self.readers)
        now = self._running(at, language)
        if step is Step.ALERT and now:
            return self._readers_first(_all(now, lambda each: each.answering), language) or tuple(self.readers)
        there = now or self._next(at, language)
        if step is Step.ALERT and urgency < Urgency.DANGER:
            # Nobody is on duty, and it may wait until somebody is.
            found = _all(there, lambda each: each.answering)
        else:
            found = _all(there, lambda each: each.told_later)
        return found or tuple(self.readers)

    def on_duty(self, at: datetime) -> Sequence[RosterEntry]:
        """Return the duties that run at a moment."""
        return [each for each in self.entries if _period_at(each, at, self.time_zone) is not None]

    def next_answer(self, at: datetime) -> datetime | None:
        """Return the next moment at which somebody who could answer is on duty: this one, if somebody is now."""
        return (self._staffed() if self.entries else self.usual).after(at, timedelta())

    def gaps(self, since: datetime, until: datetime) -> list[Period]:
        """Return when nobody who could answer is on duty."""
        return self._staffed().gaps(since, until)

    def clock_changes(self, since: datetime) -> list[ClockChange]:
        """Return the duties within two weeks that last shorter or longer than usually."""
        changes = []
        for entry in self.entries:
            usual = (entry.weekly.end - entry.weekly.begin) % (24 * 60) / 60 or 24.0
            for begins, ends in DutyHours((entry.weekly,), self.time_zone).single(since, since + TOLD_AHEAD):
                hours = (ends - begins).total_seconds() / 3600
                if hours != usual:
                    changes.append(ClockChange(entry, begins, hours, usual))
        return changes

    def _staffed(self) -> DutyHours:
        return DutyHours(tuple(each.weekly for each in self.entries if each.answering), self.time_zone)

    def _readers_first(self, members: Collection[int], language: str | None) -> Collection[int]:
        """Return those who read a language; everybody where nobody does."""
        return tuple(each for each in members if language in self.readers.get(each, ())) or members

    def _running(self, at: datetime, language: str | None) -> list[RosterEntry]:
        running = [each for each in self.on_duty(at) if each.answering]
        return [each for each in running if each.is_for(language)] or running

    def _next(self, at: datetime, language: str | None) -> list[RosterEntry]:
        """Return the duties that begin next."""
        entries = [each for each in self.entries if each.is_for(language)] or self.entries
        begins = {
            each: moment
            for each in entries
            if (moment := DutyHours((each.weekly,), self.time_zone).after(at, timedelta())) is not None
        }
        first = min(begins.values(), default=None)
        return [each for each in entries if begins.get(each) == first]


def _period_at(entry: RosterEntry, at: datetime, time_zone: str) -> Period | None:
    hours = DutyHours((entry.weekly,), time_zone)
    return next(iter(hours.single(at, at + timedelta(microseconds=1))), None)


def _all(entries: Iterable[RosterEntry], members: Callable[[RosterEntry], Collection[int]]) -> tuple[int, ...]:
    """Return the members of several duties, each once."""
    return tuple(dict.fromkeys(member for each in entries for member in members(each)))
