"""One dated table has the rules of destination countries, which become warnings with their source.

The country is the one a number was issued in; an empty cell of the table means unknown, never allowed. Sources
disagree and change, so a rule is shown and confirmed, not enforced; only quiet hours are
(`schedules/quiet_hours.py`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from importlib.resources import files

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
