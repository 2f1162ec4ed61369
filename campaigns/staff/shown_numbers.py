"""Pages write numbers of people exactly for data managers, and rounded for everybody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask_babel import gettext as _

from campaigns.core import small_numbers
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.staff import audit
from campaigns.staff.auth import may_now
from campaigns.staff.permissions import Permission
from campaigns.web.filters import number, percent

#: Estimates of moments are told in steps of this number of seconds.
ABOUT = 300


class Figure(int):
    """A number of people as a member may see it: its plural form follows it, and it writes itself in words."""

    words: str

    def __str__(self) -> str:
        return self.words

    __format__ = object.__format__


def init_showing(app: Flask) -> None:
    """Let templates write numbers of people."""
    app.jinja_env.filters |= {
        "shown": shown,
        "figure": figure,
        "coarse": coarse,
        "in_order": in_order,
        "as_shown": as_shown,
        "about": about,
        "upper_first": upper_first,
    }
    app.jinja_env.globals["counts_people"] = audit.COUNTS_PEOPLE
    app.add_template_global(sees_exact)
    app.add_template_global(tells)
    app.add_template_global(share_of)


def sees_exact() -> bool:
    """Say whether the member may see exact numbers of people, and single rows of them."""
    return may_now(Permission.HANDLE_CONTACTS)


def tells(count: int) -> bool:
    """Say whether anything beside its size may be told of `count` people."""
    return sees_exact() or small_numbers.is_told(count)


def visible(count: int) -> int | None:
    """Return a count as the member may see it; None: it is too small to be told."""
    return count if sees_exact() else small_numbers.rounded(count)


def shown(count: int) -> str:
    """Write a count of people as the member may see it."""
    seen = visible(count)
    return str(_("fewer than %(count)s", count=number(SMALLEST_SHOWN))) if seen is None else number(seen)


def figure(count: int) -> Figure:
    """Return a count for a sentence with a plural form: `ngettext(…, count|figure)`."""
    seen = visible(count)
    found = Figure(SMALLEST_SHOWN if seen is None else seen)
    found.words = shown(count)
    return found


def coarse(count: int) -> int:
    """Return a count for the length of a bar; what is hidden has none."""
    return visible(count) or 0


def most_behind(seen: int) -> int:
    """Return the greatest count of which the member would see no more than `seen`; 0 stands for what is hidden."""
    return seen if sees_exact() else small_numbers.most_behind(seen)


def share_of(part: int, whole: int, digits: int = 0) -> str:
    """Write which part of a whole it is, or nothing where what is shown does not tell it."""
    if not whole:
        return ""
    found = part / whole if sees_exact() else small_numbers.share(part, whole)
    return "" if found is None else percent(found, digits if sees_exact() else 0)


def about(moment: datetime) -> datetime:
    """Return a moment that was worked out from exact numbers, as the member may see it: later by minutes."""
    return moment if sees_exact() else datetime.fromtimestamp(-(-moment.timestamp() // ABOUT) * ABOUT, UTC)


def upper_first(sentence: str) -> str:
    """Return a sentence that may begin with a number in words as a sentence begins."""
    return sentence[:1].upper() + sentence[1:]


def in_order(counts: Mapping[Any, int]) -> dict[Any, int]:
    """Return counts by key, most first as far as the member may see it."""
    return dict(counts) if sees_exact() else small_numbers.in_order(counts)


def as_shown(counts: Mapping[Any, int]) -> dict[Any, int]:
    """Return the parts of a whole that may be named to the member, in their order."""
    return dict(counts) if sees_exact() else small_numbers.told(counts)
