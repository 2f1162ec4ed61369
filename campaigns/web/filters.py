"""Template filters that write numbers, sums, moments, languages and regions in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton
from babel.numbers import format_currency
from flask import Flask, g
from flask_babel import format_decimal, format_percent, format_timedelta, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape

from campaigns.core import clock, lists
from campaigns.core.alphabets import place_in_alphabet
from campaigns.core.languages import UNKNOWN_LANGUAGE, all_languages, is_right_to_left
from campaigns.web.whole_numbers import whole_numbers

#: Languages that CLDR has no locale for.
_OWN_NAMES = {"rom": _l("Romani")}
#: Forms of a date by their CLDR skeleton.
_PLACEHOLDER = re.compile(r"(\(\([^()\n]{1,80}\)\))")
_SKELETONS = {"short": "MMMd", "weekday": "MMMEd", "medium": "yMMMd"}
#: A day that is further from now is never written without its year: it could be read as that of another.
_NEAR = timedelta(days=180)


def init_filters(app: Flask) -> None:
    """Register every filter of this file on `app`."""
    for name, written in {
        "number": number,
        "dollars": dollars,
        "money": money,
        "percent": percent,
        "moment": moment,
        "ago": ago,
        "day": day,
        "day_of_month": day_of_month,
        "month_name": month_name,
        "month_short": month_short,
        "wall_clock": wall_clock,
        "language_name": language_name,
        "region_name": region_name,
        "country_name": country_name,
        "listed": listed_names,
        "isolated": isolated,
        "direction": direction,
        "whole_numbers": whole_numbers,
    }.items():
        app.jinja_env.filters[name] = written


def number(value: float) -> str:
    """Write a number with the reader's grouping."""
    return str(format_decimal(value))


def dollars(amount: Decimal) -> str:
    """Write a sum of US dollars, cents and all."""
    return money(amount, "USD")


def money(amount: Decimal, currency: str) -> str:
    """Write a sum of a currency (ISO 4217), small change and all."""
    text = str(format_currency(amount, currency, locale=get_locale() or "en"))
    # In Arabic the sign of "US$" would else stand on the other side of its letters.
    return f"{text}\N{LEFT-TO-RIGHT MARK}" if is_right_to_left(_locale().language) else text


def percent(share: float, digits: int = 0) -> str:
    """Write a share (0–1) as a percentage with at most `digits` decimals."""
    return str(format_percent(round(share, digits + 2), format="#,##0." + "#" * digits + "%" if digits else None))


def moment(value: datetime | None, zone: str | None = None, form: str = "medium") -> Markup:
    """Write an aware UTC moment in an IANA `zone` (else the organisation's) as a <time> element.

    `form` is "short" (without the year while it is near), "weekday" (that with the day of the week) or "medium".
    """
    if value is None:
        return Markup("–")
    zone = zone or g.get("time_zone") or "UTC"
    text = _written(value.astimezone(ZoneInfo(zone)), form)
    at = value.isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at, zone, text)


def ago(value: datetime) -> str:
    """Write how long ago an aware UTC moment was, in the reader's words ("2 minutes ago")."""
    passed = min(value - clock.now(), timedelta(seconds=-1))
    return str(format_timedelta(passed, add_direction=True, threshold=1.2))


def wall_clock(value: datetime | None, form: str = "weekday") -> str:
    """Write a wall-clock time (no zone) in one of the forms of `moment`."""
    return "–" if value is None else _written(value, form)


def day(value: date | None) -> Markup:
    """Write a calendar day as a <time> element."""
    if value is None:
        return Markup("–")
    # By the skeleton of moments: what a language calls its medium date may be all digits.
    written = format_skeleton(_SKELETONS["medium"], datetime.combine(value, time()), locale=_locale())
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), written)


def day_of_month(value: date) -> Markup:
    """Write the number of a day within its month as a <time> element."""
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), number(value.day))


def month_name(value: date) -> str:
    """Write the month and year of a day."""
    return str(format_skeleton("yMMMM", datetime.combine(value, time()), locale=_locale()))


def month_short(value: date) -> str:
    """Write the month of a day as a chart has room for it; the year stands with each January."""
    skeleton = "yMMM" if value.month == 1 else "MMM"
    return str(format_skeleton(skeleton, datetime.combine(value, time()), locale=_locale()))


def language_name(code: str) -> str:
    """Write a language's name in the reader's language, else in English, else its code."""
    if code == UNKNOWN_LANGUAGE:
        return str(_("Language not known"))
    known = all_languages().get(code)
    try:
        name = Locale.parse(code, sep="-").get_display_name(_locale())
    except (UnknownLocaleError, ValueError):
        name = None
    return name or str(_OWN_NAMES.get(code) or (known.name if known else code))


def region_name(region: Any) -> str:
    """Write a region's name in the reader's language; None is an unknown region."""
    if region is None:
        return str(_("Unknown region"))
    return str((region.names or {}).get(_locale().language) or region.name)


def country_name(code: str) -> str:
    """Write the name of a country (alpha-2) in the reader's language, else its code."""
    return str(_locale().territories.get(code) or code)


def alphabetical(name: str) -> tuple[tuple[int, int], ...]:
    """Return by what a name is sorted, so that the reader finds it where their alphabet has it."""
    return place_in_alphabet(name, _locale().language)


def listed(words: Iterable[object]) -> str:
    """Write words as one list, as the reader's language does."""
    return lists.listed(words, _locale().language)


def listed_names(names: Iterable[Any], say: Callable[[Any], object] = str) -> Markup:
    """Write names, each as `say` says it and in its own direction, as one list."""
    said = [Markup("<bdi>{}</bdi>").format(say(name)) for name in names]
    return escape(listed(["{}"] * len(said))).format(*said)


def with_link(text: str, url: str, words: str) -> Markup:
    """Write what was done and a link to where that is seen.

    A redirect to that place itself would jump past what was done, unread.
    """
    return Markup('{} <a href="{}">{}</a>').format(text, url, words)


def isolated(text: str) -> Markup:
    """Write a text of a message with each placeholder whole and from left to right, also within Arabic."""
    parts = _PLACEHOLDER.split(text)
    slot = Markup('<bdi dir="ltr" class="hotline">{}</bdi>')
    return Markup().join(slot.format(part) if at % 2 else escape(part) for at, part in enumerate(parts))


def direction(code: str) -> str:
    """Return "rtl" or "ltr" for text in the language `code`."""
    return "rtl" if is_right_to_left(code) else "ltr"


def _written(value: datetime, form: str) -> str:
    # The 24-hour clock in every language: a run at 6 must not be read as one at 18.
    locale = _locale()
    skeleton = _SKELETONS[form]
    if abs(value.date() - clock.now().date()) > _NEAR and not skeleton.startswith("y"):
        skeleton = f"y{skeleton}"
    date_part = format_skeleton(skeleton, value, locale=locale)
    glue = locale.datetime_formats["medium"]
    return str(glue).replace("{1}", date_part).replace("{0}", value.strftime("%H:%M")).replace("'", "")


def _locale() -> Locale:
    locale = get_locale() or Locale("en")
    # Plain English would write American dates, whose day and month people elsewhere mix up.
    return Locale("en", "GB") if locale.language == "en" else locale
