"""One dated table has the rules of destination countries: warnings with their source, and quiet hours.

The country is the one a number was issued in; an empty cell of the table means unknown, never allowed. Sources
disagree and change, so a rule is shown and confirmed, not enforced; only quiet hours are.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files

from campaigns.core.wallclock import to_utc, wall_of

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
#: When the bundled table was put together; its rows say where each comes from, some with a year.
TABLE_DATE = date(2026, 11, 25)
#: Public link shorteners that carriers filter and several countries forbid.
SHORTENERS = ("bit.ly", "tinyurl.com", "t.co", "goo.gl", "ow.ly", "is.gd", "cutt.ly", "rb.gy")


@dataclass(frozen=True, slots=True)
class CountryRule:
    """One row of the table."""

    #: ISO 3166-1 alpha-2.
    country: str
    #: "YES", "REG" (only registered), "NO" (rewritten), "LIMITED", or "" when unknown.
    alpha_sender: str
    numeric_sender: str
    #: Whether people can answer a sender there: "Y", "N", "DIFFER" (sources disagree), or "" when unknown.
    two_way: str
    #: Delivery receipts: "YES", "CARRIER" (the carrier's word, no proof from the handset), or "" when unknown.
    receipts: str
    #: Local times between which nothing may arrive; None when the table is silent.
    quiet_from: time | None
    quiet_to: time | None
    #: Whether days that are not working days are quiet from morning to night.
    quiet_on_rest_days: bool
    forbids: tuple[str, ...]
    requires: tuple[str, ...]
    note: str
    source: str
    #: "agree", "differ" or "single": whether the sources of the row agree.
    confidence: str


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


@dataclass(frozen=True, slots=True)
class CountryWarning:
    """One thing to know before writing to numbers of a country."""

    country: str
    #: "forbids", "requires" or "sender".
    kind: str
    #: The table's word, for example "shortener" or "sender_registration".
    rule: str
    #: Whether the campaign as written seems to break it.
    broken: bool
    note: str
    source: str
    confidence: str
    #: Name of the sender that serves the country.
    sender: str = ""


@cache
def all_country_rules() -> dict[str, CountryRule]:
    """Return the rules by country code."""
    with (files("campaigns.planning") / "data" / "country_rules.csv").open(encoding="utf-8") as lines:
        return {row["iso"]: _rule(row) for row in csv.DictReader(lines)}


def quiet_hours_of(rule: CountryRule | None) -> QuietHours:
    """Return the quiet hours of a country; what the table does not say is filled with the stated default."""
    if rule is None:
        return QuietHours(DEFAULT_QUIET_FROM, DEFAULT_QUIET_TO, on_rest_days=False)
    return QuietHours(
        DEFAULT_QUIET_FROM if rule.quiet_from is None else rule.quiet_from,
        DEFAULT_QUIET_TO if rule.quiet_to is None else rule.quiet_to,
        rule.quiet_on_rest_days,
    )


def first_allowed(moment: datetime, zone: str, country: str, *, is_zone_known: bool = True) -> datetime:
    """Return the first instant from `moment` (aware) on when a number of `country` may be written to in `zone`.

    "" is an unknown country: the stated default holds there, as where the table is silent. For people whose zone
    is not known, `zone` is a guess, and only a few hours of its day are allowed.
    """
    local = wall_of(moment, zone)
    allowed = next_allowed(local, _rules_of(country, is_zone_known=is_zone_known))
    return moment if allowed == local else to_utc(allowed, zone)


def next_quiet(moment: datetime, zone: str, country: str, *, is_zone_known: bool = True) -> datetime | None:
    """Return the first instant after `moment`, an allowed one, at which it gets quiet for `first_allowed`.

    None: it does not within a fortnight.
    """
    today = wall_of(moment, zone).date()
    days = [today + timedelta(days=number) for number in range(FORTNIGHT.days + 1)]
    rules = _rules_of(country, is_zone_known=is_zone_known)
    begins = (to_utc(local, zone) for day in days for local in sorted(_begin_on(day, rules)))
    return next((instant for instant in begins if instant > moment), None)


def quiet_between(
    since: datetime, until: datetime, zone: str, country: str, *, is_zone_known: bool = True
) -> list[tuple[datetime, datetime]]:
    """List the quiet hours from `since` on that begin before `until`: first instant, and the first one after.

    If it is quiet at `since` already, the first ones count from there.
    """
    found: list[tuple[datetime, datetime]] = []
    moment: datetime | None = since
    while moment is not None and moment < until:
        allowed = first_allowed(moment, zone, country, is_zone_known=is_zone_known)
        if allowed > moment:
            found.append((moment, allowed))
        moment = next_quiet(allowed, zone, country, is_zone_known=is_zone_known)
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


def warnings_for(
    countries: Iterable[str], *, identity: str, texts: Mapping[str, str], link: str | None
) -> list[CountryWarning]:
    """List what the table says about sending `texts` from `identity` to numbers of `countries`.

    Countries without a row give one warning of the rule "unknown".
    """
    found: list[CountryWarning] = []
    for country in sorted(set(countries)):
        rule = all_country_rules().get(country)
        if rule is None:
            found.append(CountryWarning(country, "requires", "unknown", False, "", "", ""))
            continue
        broken = _broken(rule, identity=identity, written=" ".join([*texts.values(), link or ""]))
        for kind, names in (
            ("sender", _sender_rules(rule, identity)),
            ("forbids", rule.forbids),
            ("requires", rule.requires),
        ):
            found += [
                CountryWarning(country, kind, name, name in broken, rule.note, rule.source, rule.confidence)
                for name in names
            ]
    return found


@cache
def answerable_countries() -> frozenset[str]:
    """Return the countries (alpha-2) in which an answer to an SMS reaches its sender, as all sources say.

    Where they differ or say nothing, the sender counts as one that nobody can answer.
    """
    return frozenset(country for country, rule in all_country_rules().items() if rule.two_way == "Y")


def _sender_rules(rule: CountryRule, identity: str) -> tuple[str, ...]:
    """Return what is known against this kind of sender: a name or a number."""
    answer = rule.numeric_sender if identity.startswith("+") else rule.alpha_sender
    kind = "number" if identity.startswith("+") else "name"
    return () if answer in {"YES", ""} else (f"{kind}_{answer.lower()}",)


def _broken(rule: CountryRule, *, identity: str, written: str) -> set[str]:
    """Return the rules that the text or sender visibly breaks; most cannot be told from them."""
    lower = written.lower()
    has_link = bool(re.search(r"https?://|www\.|\(\(link\)\)", lower))
    tests = {
        "shortener": any(re.search(rf"\b{re.escape(name)}/", lower) for name in SHORTENERS),
        "url": has_link,
        "whatsapp_link": "wa.me/" in lower,
        "phone_in_body": bool(re.search(r"\+?\d[\d ]{7,}\d|\(\(hotline", lower)),
        "unicode": not written.isascii(),
        "space_in_sender_id": " " in identity,
    }
    return {name for name in rule.forbids if tests.get(name, False)}


def _rules_of(country: str, *, is_zone_known: bool) -> list[QuietHours]:
    rules = [quiet_hours_of(all_country_rules().get(country))]
    if not is_zone_known:
        rules.append(QuietHours(UNKNOWN_QUIET_FROM, UNKNOWN_QUIET_TO, on_rest_days=False))
    return rules


def _begin_on(day: date, rules: Iterable[QuietHours]) -> list[datetime]:
    return [local for rule in rules for local in rule.begin_on(day)]


def _next_end(moment: datetime, end: time) -> datetime:
    candidate = moment.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
    return candidate if candidate > moment else candidate + timedelta(days=1)


def _rule(row: Mapping[str, str]) -> CountryRule:
    return CountryRule(
        country=row["iso"],
        alpha_sender=row["alpha_sender"],
        numeric_sender=row["numeric_sender"],
        two_way=row["two_way"],
        receipts=row["dlr"],
        quiet_from=_time(row["quiet_from"]),
        quiet_to=_time(row["quiet_to"]),
        quiet_on_rest_days=row["quiet_days"] == "non_working_days",
        forbids=_names(row["forbids"]),
        requires=_names(row["requires"]),
        note=row["note"],
        source=row["source"],
        confidence=row["confidence"],
    )


def _time(cell: str) -> time | None:
    return time.fromisoformat(cell) if cell else None


def _names(cell: str) -> tuple[str, ...]:
    return tuple(name for name in cell.split(";") if name)
