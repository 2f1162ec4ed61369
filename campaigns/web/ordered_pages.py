"""A Select is cut into pages by the values that order its rows, of which the address carries those at an edge.

The row at an edge may have gone from the list meanwhile, such as a conversation that was answered: the next page
begins where that row stood. Names of people are no such values, for addresses end up in logs: see `keyed_pages`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import request
from sqlalchemy import BigInteger, ColumnElement, Select, literal, tuple_, type_coerce
from sqlalchemy.orm import Session

from campaigns.core.database import UTCDateTime
from campaigns.web.keyed_pages import PER_PAGE, KeyedPage, read_page
from campaigns.web.number_fields import whole_number

#: What stands between the values of an edge, and how a moment (UTC) is written among them.
_BETWEEN, _MOMENT = "~", "%Y%m%dT%H%M%S.%f"
_Value = int | datetime


def asked_rows(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    keys: Sequence[Any],
    *,
    words: str,
    is_falling: bool = False,
    per_page: int = PER_PAGE,
) -> KeyedPage:
    """Return the page, ordered by `keys`, that `WORDS_after` or `WORDS_before` asks for, the first if it is empty.

    `keys` are columns of whole numbers and moments that are never NULL, the last of them unique; all of them rise,
    or all of them fall. Rows are the entities of a statement that selects one thing, else row tuples.
    """
    are_numbers = [not _is_moment(key) for key in keys]
    for way in ("after", "before"):
        edge = _read(request.args.get(f"{words}_{way}", ""))
        if [isinstance(value, int) for value in edge] == are_numbers:
            page = _cut(session, statement, keys, edge=edge, way=way, is_falling=is_falling, per_page=per_page)
            if page.rows:
                return page
    return _cut(session, statement, keys, is_falling=is_falling, per_page=per_page)


def _cut(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    keys: Sequence[Any],
    *,
    edge: Sequence[_Value] = (),
    way: str = "",
    is_falling: bool,
    per_page: int,
) -> KeyedPage:
    is_back = way == "before"
    goes_down = is_falling is not is_back
    order = [key.desc() if goes_down else key.asc() for key in keys]
    bounded = statement.where(_beyond(keys, edge, is_below=goes_down)) if edge else statement
    return read_page(
        session,
        bounded,
        [_as_stored(key) for key in keys],
        order,
        written=_written,
        per_page=per_page,
        is_back=is_back,
        has_before=bool(edge),
    )


def _beyond(keys: Sequence[Any], edge: Sequence[_Value], *, is_below: bool) -> ColumnElement[bool]:
    there = tuple_(*keys)
    here = tuple_(*(literal(value, _as_stored(key).type) for key, value in zip(keys, edge, strict=True)))
    return there < here if is_below else there > here


def _as_stored(key: Any) -> ColumnElement[Any]:
    """Return a key as the database orders it; a number of an address may be larger than its column can hold."""
    return key if _is_moment(key) else type_coerce(key, BigInteger())


def _is_moment(key: Any) -> bool:
    return isinstance(key.type, UTCDateTime)


def _written(values: Sequence[_Value]) -> str:
    return _BETWEEN.join(
        value.astimezone(UTC).strftime(_MOMENT) if isinstance(value, datetime) else str(int(value))
        for value in values
    )


def _read(text: str) -> list[_Value]:
    """Return the values of an edge; none where the text writes no edge."""
    try:
        return [
            datetime.strptime(value, _MOMENT).replace(tzinfo=UTC) if "T" in value else whole_number(value)
            for value in text.split(_BETWEEN)
        ]
    except ValueError:
        return []
