"""Quiet hours are when no message may arrive, by the clock of the person and the rules of the number's country."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from campaigns.core.wallclock import to_utc, wall_of
from campaigns.planning.country_rules import CountryRule, all_country_rules

#: Quiet hours where the table is silent: messages arrive between 09:00 and 20:00.
DEFAULT_QUIET_FROM = time(20)
DEFAULT_QUIET_TO = time(9)
#: Where nobody knows the zone: between 11:00 and 17:00 of the schedule's it is day for two hours west of it and
#: for three hours east.
UNKNOWN_QUIET_FROM = time(17)
UNKNOWN_QUIET_TO = time(11)
SATURDAY = 5
#: How far quiet hours are looked for.
FORTNIGHT = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nothing may arrive, in local time; `start` may be later than `end` and then spans midnight."""

    start: time
    end: time
    on_rest_days: bool

    def covers(self, local: datetime) -> bool:
        """Say whether the naive local time falls into the quiet hours."""
        if self.on_rest_days and local.weekday() >= SATURDAY:
            return True
        at = local.time()
        return self.start <= at < self.end if self.start <= self.end else at >= self.start or at < self.end

    def begin_on(self, day: date) -> list[datetime]:
        """List the naive local times of a day at which they begin."""
        begins = [datetime.combine(day, start) for start in (time(), self.start)]
        return [local for local in begins if self.covers(local) and not self.covers(local - timedelta(minutes=1))]


def quiet_hours_of(rule: CountryRule | None) -> QuietHours:
    """Return the quiet hours of a country; what the table does not say is filled with the stated default."""
    if rule is None:
        return QuietHours(DEFAULT_QUIET_FROM, DEFAULT_QUIET_TO, on_rest_days=False)
    return QuietHours(
        DEFAULT_QUIET_FROM if rule.quiet_from is None else rule.quiet_from,
        DEFAULT_QUIET_TO if rule.quiet_to is None else rule.quiet_to,
        rule.quiet_on_rest_days,
    )


def own_hours_of(rule: CountryRule | None) -> list[QuietHours]:
    """Return the quiet hours that a country has by the table itself; an end that it does not say is filled in."""
    if rule is None or (rule.quiet_from is None and rule.quiet_to is None and not rule.quiet_on_rest_days):
        return []
    if rule.quiet_from is None and rule.quiet_to is None:
        return [QuietHours(time(), time(), on_rest_days=True)]
    return [quiet_hours_of(rule)]


def first_allowed(
    moment: datetime, zone: str, country: str, *, is_zone_known: bool = True, is_urgent: bool = False
) -> datetime:
    """Return the first instant from `moment` (aware) on when a number of `country` may be written to in `zone`.

    "" is an unknown country: the stated default holds there, as where the table is silent. For people whose zone
    is not known, `zone` is a guess, and only a few hours of its day are allowed. What is urgent waits for no
    default of ours: only for the hours that the table has for the country.
    """
    local = wall_of(moment, zone)
    allowed = next_allowed(local, _rules_of(country, is_zone_known=is_zone_known, is_urgent=is_urgent))
    return moment if allowed == local else to_utc(allowed, zone)


def next_quiet(
    moment: datetime, zone: str, country: str, *, is_zone_known: bool = True, is_urgent: bool = False
) -> datetime | None:
    """Return the first instant after `moment`, an allowed one, at which it gets quiet for `first_allowed`.

    None: it does not within a fortnight.
    """
    today = wall_of(moment, zone).date()
    days = [today + timedelta(days=number) for number in range(FORTNIGHT.days + 1)]
    rules = _rules_of(country, is_zone_known=is_zone_known, is_urgent=is_urgent)
    begins = (to_utc(local, zone) for day in days for local in sorted(_begin_on(day, rules)))
    return next((instant for instant in begins if instant > moment), None)


def quiet_between(
    since: datetime,
    until: datetime,
    zone: str,
    country: str,
    *,
    is_zone_known: bool = True,
    is_urgent: bool = False,
) -> list[tuple[datetime, datetime]]:
    """List the quiet hours from `since` on that begin before `until`: first instant, and the first one after.

    If it is quiet at `since` already, the first ones count from there.
    """
    found: list[tuple[datetime, datetime]] = []
    moment: datetime | None = since
    while moment is not None and moment < until:
        allowed = first_allowed(moment, zone, country, is_zone_known=is_zone_known, is_urgent=is_urgent)
        if allowed > moment:
            found.append((moment, allowed))
        moment = next_quiet(allowed, zone, country, is_zone_known=is_zone_known, is_urgent=is_urgent)
    return found


def next_allowed(local: datetime, rules: Iterable[QuietHours]) -> datetime:
    """Return the first naive local time from `local` on that is quiet under none of `rules`.

    Rules that leave no free moment within a fortnight give back `local`: the caller's own limits decide then.
    """
    rules = tuple(rules)
    moment = local
    while moment <= local + FORTNIGHT:
        quiet = [rule for rule in rules if rule.covers(moment)]
        if not quiet:
            return moment
        moment = min(_next_end(moment, rule.end) for rule in quiet)
    return local


def _rules_of(country: str, *, is_zone_known: bool, is_urgent: bool) -> list[QuietHours]:
    rule = all_country_rules().get(country)
    if is_urgent:
        return own_hours_of(rule)
    rules = [quiet_hours_of(rule)]
    if not is_zone_known:
        rules.append(QuietHours(UNKNOWN_QUIET_FROM, UNKNOWN_QUIET_TO, on_rest_days=False))
    return rules


def _begin_on(day: date, rules: Iterable[QuietHours]) -> list[datetime]:
    return [local for rule in rules for local in rule.begin_on(day)]


def _next_end(moment: datetime, end: time) -> datetime:
    candidate = moment.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
    return candidate if candidate > moment else candidate + timedelta(days=1)
