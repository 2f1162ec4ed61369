"""A cell of a report names a region by a code of today or of an older list, or in a language we know."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from babel import Locale

from campaigns.core.errors import CellError
from campaigns.core.words import N_
from campaigns.places.geography.atlas import RegionFacts, load_atlas
from campaigns.places.geography.folded_names import fold
from campaigns.reach.imported.columns import words_for
from campaigns.reach.imported.number_cells import MONTH_LANGUAGES, NOTHING

_CODE = re.compile(r"[A-Z]{2}-?[A-Z0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Found:
    """Where a row says its people are."""

    #: Code as it is drawn; None: no region is told, or it is not known.
    code: str | None
    #: Alpha-2, or ''.
    country: str
    #: It was found by its name, which a member has to look at.
    by_name: bool = False


def find_where(region: str, country: str, *, default_country: str = "") -> Found:
    """Return what the cells of region and country mean. Raises CellError where nothing we know is meant."""
    stated = _country(country) or default_country
    text = region.strip()
    if text.casefold() in NOTHING | words_for("unknown"):
        return Found(None, stated)
    if _CODE.fullmatch(text.upper()):
        found = _by_code(text.upper(), stated)
        if found is not None:
            return found
    name, _, last = text.rpartition(",")
    if name and (told := _country_code(last)):
        text, stated = name, stated or told
    elif not stated and (alone := _country_code(text)):
        return Found(None, alone)
    return _by_name(text, stated)


def _country(text: str) -> str:
    if text.strip().casefold() in NOTHING | words_for("unknown"):
        return ""
    code = _country_code(text)
    if code is None:
        raise CellError(N_("“%(text)s” is no country that we know."), text=text[:60])
    return code


def _country_code(text: str) -> str | None:
    """Return alpha-2 for a code or a name in one of our languages."""
    return _countries().get(fold(text))


def _by_code(code: str, country: str) -> Found | None:
    atlas = load_atlas()
    current = _older_codes().get(code, code)
    drawn = atlas.drawn_codes(current)
    if len(drawn) != 1:
        if code in _older_codes():
            raise CellError(N_("%(code)s is an area that our map does not draw."), code=code)
        return None
    if country and current[:2] != country and drawn[0][:2] != country:
        raise CellError(N_("%(code)s is not in %(country)s."), code=code, country=country)
    return Found(drawn[0], drawn[0][:2])


def _by_name(name: str, country: str) -> Found:
    matches = {one.code: one for one in _names().get(_bare(name), ()) if country in ("", one.country)}
    if len(matches) == 1:
        region = next(iter(matches.values()))
        return Found(region.code, region.country, by_name=True)
    if matches:
        told = tuple(sorted(one.name if "-X" in one.code else one.code for one in matches.values()))
        raise CellError(N_("“%(name)s” can be %(codes)s. Write the code."), name=name[:60], codes=told)
    raise CellError(
        N_("“%(name)s” is no region that we know. Write its full name, or its code, such as UA-46."),
        name=name[:60],
    )


def _bare(name: str) -> str:
    """Return a name as it is compared: folded, without words like "oblast" unless nothing else is left."""
    words = re.findall(r"[^\W_]+", fold(name))
    return " ".join([word for word in words if word not in words_for("kind")] or words)


@cache
def _names() -> dict[str, tuple[RegionFacts, ...]]:
    found: dict[str, tuple[RegionFacts, ...]] = {}
    for region in load_atlas().facts:
        for name in {_bare(one) for one in (region.name, *region.names.values())}:
            found[name] = (*found.get(name, ()), region)
    return found


@cache
def _countries() -> dict[str, str]:
    """Return alpha-2 by code and by name in every language whose names we know."""
    known = {region.country for region in load_atlas().facts}
    found = {code.casefold(): code for code in known}
    for language in MONTH_LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in known:
                found.setdefault(fold(name), code)
    return found | {fold(name): code for name, code in _short_names()}


def _short_names() -> Iterator[tuple[str, str]]:
    yield from (("UK", "GB"), ("Great Britain", "GB"), ("Czech Republic", "CZ"), ("Moldova", "MD"), ("UAE", "AE"))
    yield from (("Republic of Moldova", "MD"), ("Turkey", "TR"), ("Україна", "UA"), ("USA", "US"))


@cache
def _older_codes() -> dict[str, str]:
    """Return the ISO 3166-2 code by P-code, and by the code of an older list. Source: data/region_codes.csv."""
    with (files("campaigns.reach") / "data" / "region_codes.csv").open(encoding="utf-8") as lines:
        return {row["code"]: row["means"] for row in csv.DictReader(lines)}
