"""A Select is cut into pages by the ids or names of its rows: nothing is counted, and nothing shifts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import gt, itemgetter, lt
from typing import Any, TypeVar

from flask import request
from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.web.number_fields import whole_number

T = TypeVar("T")

PER_PAGE = 50
#: How the address of a list by name says where it stands.
WAYS = ("after", "before", "from")
#: By what a list by name is ordered.
Keys = tuple[InstrumentedAttribute[str], InstrumentedAttribute[int]]


@dataclass(frozen=True, slots=True)
class KeyedPage:
    """One page of rows, and by which ids those beside it begin."""

    rows: list[Any]
    #: The next page holds what is older than this id, or stands after it; None: this one is the last.
    older: int | str | None
    #: The page before holds what is newer than this id, or stands before it; None: this one is the first.
    newer: int | str | None

    @property
    def is_whole(self) -> bool:
        """Whether there is no other page."""
        return self.older is None and self.newer is None


def asked_page(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    key: InstrumentedAttribute[int],
    *,
    per_page: int = PER_PAGE,
) -> KeyedPage:
    """Return the page that the address of the request asks for, the first where nothing is left of that one."""
    older, newer = (request.args.get(name, type=whole_number) for name in ("older", "newer"))
    asked = page_by_id(session, statement, key, older=older, newer=newer, per_page=per_page)
    return asked if asked.rows else page_by_id(session, statement, key, per_page=per_page)


def page_by_id(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    key: InstrumentedAttribute[int],
    *,
    older: int | None = None,
    newer: int | None = None,
    per_page: int = PER_PAGE,
) -> KeyedPage:
    """Return the page of a `statement`, whatever its order, whose rows are `older` or `newer` than an id.

    Rows are the entities of a statement that selects one thing, else row tuples; `key` is the id of the first.
    """
    is_back = newer is not None
    bound = [key > newer] if newer is not None else [key < older] if older is not None else []
    order = [key.asc() if is_back else key.desc()]
    bounded = statement.where(*bound)
    return read_page(
        session, bounded, [key], order, per_page=per_page, is_back=is_back, has_before=older is not None
    )


def read_page(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    keys: Sequence[Any],
    order: Sequence[Any],
    *,
    written: Callable[[Sequence[Any]], int | str] = itemgetter(0),
    per_page: int,
    is_back: bool,
    has_before: bool,
) -> KeyedPage:
    """Return the first page of what a statement leaves, in an `order`, turned round where that leads back.

    `written` makes what an address says of an edge from the `keys` of the row that stands there; `has_before` says
    whether rows stand before a page that is read forwards. Rows are the entities of a statement that selects one
    thing, else row tuples.
    """
    # Only the keys of an edge are read beside the rows: their columns may be parts of a row already.
    named = [key.label(f"page_key_{at}") for at, key in enumerate(keys)]
    found = list(
        session.execute(statement.order_by(None).add_columns(*named).order_by(*order).limit(per_page + 1))
    )
    has_more, found = len(found) > per_page, found[:per_page]
    if is_back:
        found.reverse()
    has_later, has_earlier = (True, has_more) if is_back else (has_more, has_before)
    if not found:
        return KeyedPage([], None, None)
    is_single = len(statement.column_descriptions) == 1
    first, last = (written(row[-len(keys) :]) for row in (found[0], found[-1]))
    return KeyedPage(
        [row[0] if is_single else tuple(row[: -len(keys)]) for row in found],
        last if has_later else None,
        first if has_earlier else None,
    )


def asked_names(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    name: InstrumentedAttribute[str],
    key: InstrumentedAttribute[int],
    *,
    words: str,
    per_page: int = PER_PAGE,
) -> KeyedPage:
    """Return the page of rows of one kind, by name, that the address of the request asks for, else the first.

    It asks by `WORDS_after`, `WORDS_before` or `WORDS_from`, for several lists may stand on one page, and an id.
    """
    keys = (name, key)
    way, row = "", None
    for asked in WAYS:
        asked_id = request.args.get(f"{words}_{asked}", type=whole_number)
        if asked_id is not None:
            found = statement.with_only_columns(*keys).where(key == asked_id).order_by(None)
            way, row = asked, session.execute(found).first()
    if row is not None:
        earlier, later = (_beyond(keys, row, than) for than in (lt, gt))
        bounds = {"after": later, "before": earlier, "from": ~earlier}
        # The row that a page comes after stands on the one before it.
        has_before = way == "after" or (way == "from" and _is_any(session, statement.where(earlier), key))
        bounded, is_back = statement.where(bounds[way]), way == "before"
        order = [each.desc() if is_back else each.asc() for each in keys]
        page = read_page(session, bounded, [key], order, per_page=per_page, is_back=is_back, has_before=has_before)
        if page.rows:
            return page
    return read_page(session, statement, [key], keys, per_page=per_page, is_back=False, has_before=False)


def asked_part(
    rows: Sequence[T], key: Callable[[T], object], *, words: str, per_page: int = PER_PAGE
) -> KeyedPage:
    """Return the page of a list in memory that the address asks for, the first where the row it names is gone.

    It asks by `WORDS_after` or `WORDS_before` and the `key` of a row, which no other row has.
    """
    keys = [str(key(row)) for row in rows]
    after, before = (request.args.get(f"{words}_{way}") for way in ("after", "before"))
    start = 0
    if after in keys[:-1]:
        start = keys.index(after) + 1
    elif before in keys:
        start = max(keys.index(before) - per_page, 0)
    end = min(start + per_page, len(rows))
    return KeyedPage(
        list(rows[start:end]),
        keys[end - 1] if end < len(rows) else None,
        keys[start] if start else None,
    )


def _beyond(keys: Keys, row: Any, than: Callable[[Any, Any], Any]) -> ColumnElement[bool]:
    """Match the rows that stand before a row (`lt`) or after it (`gt`) by name."""
    name, key = keys
    its_name, its_id = row
    return or_(than(name, its_name), and_(name == its_name, than(key, its_id)))


def _is_any(session: Session, statement: Select[*tuple[Any, ...]], key: InstrumentedAttribute[int]) -> bool:
    return session.scalar(statement.order_by(None).with_only_columns(key).limit(1)) is not None
