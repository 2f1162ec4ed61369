"""A contact file has these columns, which members call by many names; no database here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from campaigns.audience.files.several_numbers import folded

#: What members call our columns, in small letters and with spaces.
COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    # Google's contact export numbers its columns.
    "number": (
        "number",
        "phone",
        "phone number",
        "phone 1 value",
        "address",
        "telephone",
        "mobile",
        "msisdn",
        "телефон",
        "номер",
    ),
    "channel": ("channel", "канал"),
    "whatsapp": ("whatsapp", "whatsapp number"),
    "telegram": ("telegram", "telegram chat", "chat id"),
    "language": ("language", "lang", "мова"),
    "other_language": ("other language", "second language", "друга мова"),
    "place": ("place", "place key", "hotspot", "stop", "місце"),
    "latitude": ("latitude", "lat", "широта"),
    "longitude": ("longitude", "lon", "lng", "long", "довгота"),
    "region": ("region", "region code", "iso3166 2", "регіон"),
    "position_date": ("position date", "seen on", "date of position", "дата місця"),
    "group": ("group", "groups", "група"),
    "consent_date": ("consent date", "agreed on", "дата згоди"),
    "consent_how": ("consent how", "evidence", "consent evidence", "consent", "згода"),
}
_OURS = {name: column for column, names in COLUMN_NAMES.items() for name in names}
REQUIRED = ("number", "language", "consent_date", "consent_how")


def naming(told: Mapping[str, str]) -> Callable[[str], str]:
    """Return what names the columns of a file one after the other: as somebody said, else as we know them."""
    places = count()
    return lambda column: told.get(str(next(places)), "") or our_name(column)


def our_name(column: str) -> str:
    """Return what we call a column that members call so; a name that says nothing to us stays as it is."""
    return _OURS.get(folded(column), column)
