"""Occurrences of a schedule and their instants follow the wall clock; this says what a schedule may not say.

Occurrences are naive local times (RFC 5545 rules, computed by dateutil); instants are aware UTC. A local time
that does not exist (a gap) fires at the first moment after the gap; one that exists twice (a fold) fires the
first time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice, takewhile

from dateutil.relativedelta import relativedelta
from dateutil.rrule import rrule, rrulestr

from campaigns.core.errors import ScheduleError
from campaigns.core.wallclock import to_utc, wall_of, zone_named
from campaigns.core.words import N_
from campaigns.planning.models import ZonePolicy

#: Parts of an RRULE that a schedule may use; everything that fires within the hour is left out.
KNOWN_PARTS = frozenset(
    {
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "WKST",
        "BYMONTH",
        "BYMONTHDAY",
        "BYDAY",
        "BYSETPOS",
        "BYHOUR",
        "BYMINUTE",
    }
)
LONGEST_RULE = 200
FREQUENCIES = frozenset({"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"})
SHORTEST_GAP = timedelta(hours=1)
#: How far ahead a schedule is looked through for gaps and folds, and at most how many occurrences.
NOTED_AHEAD = timedelta(days=731)
NOTED_OCCURRENCES = 1000
#: Occurrences compared with their neighbours to find a rule that fires more often than hourly.
COMPARED_OCCURRENCES = 500
#: The Gregorian calendar, weekdays included, repeats itself after this number of years.
CALENDAR_CYCLE = 400
#: The clocks of two zones never differ by more than this.
WIDEST_OFFSET = timedelta(hours=26)
#: A start further ahead is taken for a slip of the pen.
FURTHEST_START = timedelta(days=10 * 366)
#: Numbers a part may take; what BYDAY and BYSETPOS may say is left to dateutil.
NUMBERS: dict[str, Sequence[int]] = {
    "INTERVAL": range(1, 1000),
    "COUNT": range(1, 100_000),
    "BYMONTH": range(1, 13),
    # A month has no day 0; dateutil would take any day then.
    "BYMONTHDAY": (*range(-31, 0), *range(1, 32)),
    "BYHOUR": range(24),
    "BYMINUTE": range(60),
}


@dataclass(frozen=True, slots=True)
class Timing:
    """When a campaign is meant to be sent, as its schedule says it."""

    #: First possible occurrence on the wall clock, naive, whole minutes.
    starts_at: datetime
    #: RRULE without DTSTART, or None to fire once.
    recurrence: str | None
    zone_policy: ZonePolicy
    #: IANA zone; with the recipient policy that of contacts whose zone is unknown.
    time_zone: str
    #: It is sent once, as soon as it is approved; the start is then when a member said so.
    on_approval: bool = False

    @classmethod
    def at_approval(cls, time_zone: str, *, now: datetime) -> Timing:
        """Return the time that comes with the approval, as a member says it `now` by the clock of `time_zone`."""
        said_at = wall_of(now, time_zone).replace(second=0, microsecond=0)
        return cls(said_at, None, ZonePolicy.FIXED, time_zone, on_approval=True)

    def zones(self, present: Sequence[str]) -> tuple[str, ...]:
        """Return the zones whose clocks count, `present` being those of the audience's contacts."""
        if self.zone_policy == ZonePolicy.FIXED:
            return (self.time_zone,)
        return tuple(sorted({*present, self.time_zone}))


@dataclass(frozen=True, slots=True)
class Firing:
    """One occurrence and the first instant at which it reaches somebody."""

    occurrence: datetime
    fire_at: datetime


class ClockChange(StrEnum):
    """What a change of the clocks does to a local time."""

    GAP = "gap"
    FOLD = "fold"


@dataclass(frozen=True, slots=True)
class ScheduleNote:
    """An occurrence that a change of the clocks moves or doubles, told before saving; no error."""

    change: ClockChange
    occurrence: datetime
    time_zone: str
    #: When it will fire there, aware UTC.
    fire_at: datetime


def normalised(recurrence: str | None) -> str | None:
    """Return a rule as it is stored: its parts alone, in capitals; None and an empty text mean once.

    Raises ScheduleError for a rule that cannot be read.
    """
    if recurrence is None or not recurrence.strip():
        return None
    rule = ";".join(f"{name}={value}" for name, value in _parts_of(recurrence).items())
    if len(rule) > LONGEST_RULE:
        raise ScheduleError(N_("A repeat has at most %(limit)s characters."), limit=LONGEST_RULE)
    return rule


def occurrences(
    starts_at: datetime, recurrence: str | None, *, after: datetime | None = None
) -> Iterator[datetime]:
    """Yield the naive local times of a schedule in order, later than `after` (naive) when it is given.

    Raises ScheduleError for a rule that cannot be read. Ends after about four centuries.
    """
    if recurrence is None:
        moments: Iterator[datetime] = iter((starts_at,))
    else:
        moments = _recurring(starts_at, _parts_of(recurrence))
    return (moment for moment in moments if after is None or moment > after)


def clock_change(wall: datetime, zone: str) -> ClockChange | None:
    """Say whether `wall` does not exist in `zone`, exists twice, or is an ordinary time (None)."""
    first = wall.replace(tzinfo=zone_named(zone), fold=0)
    if wall_of(first.astimezone(UTC), zone) != wall:
        return ClockChange.GAP
    return ClockChange.FOLD if first.utcoffset() != first.replace(fold=1).utcoffset() else None


def next_firings(timing: Timing, present: Sequence[str], *, after: datetime, count: int) -> list[Firing]:
    """Return the next `count` firings later than `after` (aware UTC), soonest first.

    With the recipient policy an occurrence fires at the earliest instant over the zones `present` among
    the audience's contacts. Raises ScheduleError for a rule or zone that cannot be read.
    """
    zones = timing.zones(present)
    if timing.on_approval:
        # Were it approved at that moment.
        return [Firing(wall_of(after, timing.time_zone).replace(microsecond=0), after)]
    earliest = after.replace(tzinfo=None) - WIDEST_OFFSET
    walls = occurrences(timing.starts_at, timing.recurrence, after=earliest)
    firings = (Firing(wall, min(to_utc(wall, zone) for zone in zones)) for wall in walls)
    return list(islice((firing for firing in firings if firing.fire_at > after), count))


def firing_after(timing: Timing, present: Sequence[str], *, occurrence: datetime) -> Firing | None:
    """Return the firing of the occurrence that follows `occurrence` (naive) on the wall clock, or None."""
    return next(firings_after(timing, present, occurrence=occurrence), None)


def firings_after(timing: Timing, present: Sequence[str], *, occurrence: datetime) -> Iterator[Firing]:
    """Yield the firings of the occurrences that follow `occurrence` (naive) on the wall clock.

    Wall-clock order decides, not instants: two occurrences that a gap moves to one instant both fire.
    """
    if timing.on_approval:
        return
    zones = timing.zones(present)
    for wall in occurrences(timing.starts_at, timing.recurrence, after=occurrence):
        yield Firing(wall, min(to_utc(wall, zone) for zone in zones))


def aimed_at(
    timing: Timing, present: Sequence[str], *, occurrence: datetime, now: datetime, grace: timedelta
) -> datetime:
    """Return when an occurrence that was set before fires, by the zones that are `present` now.

    A zone whose clock has passed it within the grace makes it fire at once. One where it is later than that,
    because somebody there joined too late for it, does not count: the others must not be held back for them.
    """
    instants = sorted(to_utc(occurrence, zone) for zone in timing.zones(present))
    return next((max(each, now) for each in instants if each > now - grace), instants[-1])


def check_schedule(timing: Timing, present: Sequence[str], *, now: datetime) -> list[ScheduleNote]:
    """Check a schedule before it is saved and return the clock changes it meets within two years.

    Raises ScheduleError when the rule or zone cannot be read, when it never fires, fires more often than
    hourly, or starts in the past of any zone that counts.
    """
    if timing.on_approval:
        return []
    for zone in timing.zones(present):
        _check_start(timing.starts_at, zone, now)
    _check_pace(timing)
    if next(occurrences(timing.starts_at, timing.recurrence), None) is None:
        raise ScheduleError(N_("This repeat never comes: no day matches it."))
    return _clock_changes(timing, present)


def _check_start(starts_at: datetime, zone: str, now: datetime) -> None:
    """Refuse a start that the clock of `zone` has passed, or one too far ahead to be meant."""
    there = wall_of(now, zone)
    if starts_at > there + FURTHEST_START:
        raise ScheduleError(N_("%(date)s is more than ten years ahead."), date=f"{starts_at:%Y-%m-%d}")
    if starts_at < there - WIDEST_OFFSET or to_utc(starts_at, zone) <= now:
        raise ScheduleError(
            N_("%(start)s is in the past: in %(zone)s it is now %(now)s. Choose a later time."),
            start=f"{starts_at:%Y-%m-%d %H:%M}",
            zone=zone,
            now=f"{there:%Y-%m-%d %H:%M}",
        )


def _parts_of(recurrence: str) -> dict[str, str]:
    """Split an RRULE into its parts and refuse what a schedule cannot use."""
    parts: dict[str, str] = {}
    for piece in recurrence.strip().upper().removeprefix("RRULE:").split(";"):
        name, equals, value = piece.partition("=")
        if not equals or not re.fullmatch(r"[A-Z0-9,+:-]+", value) or name in parts:
            raise ScheduleError(
                N_("The repeat cannot be read at “%(piece)s”; write it like FREQ=WEEKLY;COUNT=4."), piece=piece
            )
        if name not in KNOWN_PARTS:
            raise ScheduleError(N_("A schedule cannot recur by %(name)s."), name=name)
        _check_number(name, value)
        parts[name] = value
    if parts.get("FREQ") in {"SECONDLY", "MINUTELY"}:
        raise ScheduleError(N_("A campaign can be sent once an hour at most."))
    if parts.get("FREQ") not in FREQUENCIES:
        raise ScheduleError(N_("A repeat begins with FREQ=DAILY, WEEKLY, MONTHLY, YEARLY or HOURLY."))
    if parts["FREQ"] == "HOURLY" and "BYSETPOS" in parts:
        # Within an hour there is one moment: dateutil would look for a second one through centuries.
        raise ScheduleError(N_("A schedule cannot recur by %(name)s."), name="BYSETPOS")
    return parts


def _check_number(name: str, value: str) -> None:
    allowed = NUMBERS.get(name)
    if allowed is None:
        return
    for number in value.split(","):
        if not re.fullmatch(r"[+-]?[0-9]{1,6}", number) or int(number) not in allowed:
            raise ScheduleError(
                N_("%(part)s is not between %(least)s and %(most)s."),
                part=f"{name}={value}",
                least=allowed[0],
                most=allowed[-1],
            )


def _recurring(starts_at: datetime, parts: dict[str, str]) -> Iterator[datetime]:
    """Yield the occurrences of a rule.

    dateutil looks for the next match until the year 9999, which takes minutes for a rule that has none; so the
    rule runs in the last cycle of the calendar, where the search is short, and its dates are moved back.
    """
    until = _until(parts.get("UNTIL"))
    cycles = (9999 - starts_at.year) // CALENDAR_CYCLE
    shift = relativedelta(years=CALENDAR_CYCLE * cycles)
    text = ";".join(f"{name}={value}" for name, value in parts.items() if name != "UNTIL")
    try:
        rule = rrulestr(text, dtstart=starts_at + shift)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise ScheduleError(
            N_("The repeat %(rule)s cannot be used: %(fault)s."), rule=text, fault=str(error)
        ) from None
    if not isinstance(rule, rrule):
        raise ScheduleError(N_("The repeat %(rule)s cannot be used: it is more than one rule."), rule=text)
    moments = (moment - shift for moment in _searched(rule))
    return takewhile(lambda moment: until is None or moment <= until, moments)


def _searched(rule: rrule) -> Iterator[datetime]:
    """Yield the moments of a rule; dateutil only notices while it searches that a month has no 99th Tuesday."""
    try:
        yield from rule
    except IndexError:
        raise ScheduleError(N_("This repeat never comes: no day matches it.")) from None


def _until(value: str | None) -> datetime | None:
    """Read UNTIL as a local time; a date alone means the end of that day."""
    if value is None:
        return None
    for pattern in ("%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M"):
        try:
            until = datetime.strptime(value, pattern)
        except ValueError:
            continue
        return until if "T" in value else until + timedelta(hours=23, minutes=59)
    raise ScheduleError(
        N_("%(part)s is not a local date like 20260401 or 20260401T180000."), part=f"UNTIL={value}"
    )


def _check_pace(timing: Timing) -> None:
    before: datetime | None = None
    for wall in islice(occurrences(timing.starts_at, timing.recurrence), COMPARED_OCCURRENCES):
        if before is not None and wall - before < SHORTEST_GAP:
            raise ScheduleError(
                N_(
                    "A campaign can be sent once an hour at most; this one would be sent %(first)s and %(second)s."
                ),
                first=f"{before:%H:%M}",
                second=f"{wall:%H:%M}",
            )
        before = wall


def _clock_changes(timing: Timing, present: Sequence[str]) -> list[ScheduleNote]:
    horizon = timing.starts_at + NOTED_AHEAD
    walls = takewhile(lambda wall: wall <= horizon, occurrences(timing.starts_at, timing.recurrence))
    return [
        ScheduleNote(change, wall, zone, to_utc(wall, zone))
        for wall in islice(walls, NOTED_OCCURRENCES)
        for zone in timing.zones(present)
        if (change := clock_change(wall, zone)) is not None
    ]
