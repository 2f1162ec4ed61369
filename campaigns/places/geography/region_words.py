"""A pure table finds the code of a region by its name in any language, as members type it."""

from __future__ import annotations

import re
from functools import cache

from campaigns.core.errors import InputError
from campaigns.core.folding import words_of
from campaigns.core.words import N_
from campaigns.places.geography.atlas import load_atlas

#: Regions of one name that an error tells.
_TOLD = 6
_CODE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,4})?")


def read_region(text: str) -> str | None:
    """Return the code that a region's name or code means; None for nothing.

    What is no name stays as it is, for whoever knows which codes there are. Raises InputError for a name of
    several regions.
    """
    code = text.strip().upper()
    if not code or _CODE.fullmatch(code):
        return code or None
    codes = _by_name().get(_key(text)) or _by_part(frozenset(words_of(text)))
    if len(codes) > 1:
        told = ", ".join(codes[:_TOLD])
        raise InputError(N_("Several regions have this name: write the code of one, %(codes)s."), codes=told)
    return codes[0] if codes else code


def write_region(code: str, language: str) -> str:
    """Return a region's name in a language, or its code where the name means several or looks like a code."""
    region = load_atlas().get(code)
    name = (region.names.get(language) or region.name) if region else ""
    is_read_back = _by_name().get(_key(name)) == (code,) and not _CODE.fullmatch(name.upper())
    return name if is_read_back else code


def _key(name: str) -> str:
    return " ".join(words_of(name))


@cache
def _by_name() -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for region in load_atlas().facts:
        for name in {region.name, *region.names.values()}:
            found.setdefault(_key(name), set()).add(region.code)
    return {name: tuple(sorted(codes)) for name, codes in found.items()}


def _by_part(words: frozenset[str]) -> tuple[str, ...]:
    """Return the regions whose name has all of these words, as "Podkarpackie" is of a voivodeship."""
    found = {code for name, codes in _by_name().items() if words and words <= set(name.split()) for code in codes}
    return tuple(sorted(found))
