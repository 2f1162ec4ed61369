"""A Select is cut into pages by the ids or names of its rows: nothing is counted, and nothing shifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.web.number_fields import whole_number

PER_PAGE = 50
#: How the address of a list by name says where it stands.
WAYS = ("after", "before", "from")


@dataclass(frozen=True, slots=True)
class KeyedPage:
    """One page of rows, and by which ids those beside it begin."""

    rows: list[Any]
    #: The next page holds what is older than this id, or named after it; None: this one is the last.
    older: int | None
    #: The page before holds what is newer than this id, or named before it; None: this one is the first.
    newer: int | None

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
    order = key.asc() if is_back else key.desc()
    keyed = (
        statement.order_by(None)
        .where(*bound)
        .add_columns(key.label("page_key"))
        .order_by(order)
        .limit(per_page + 1)
    )
    found = list(session.execute(keyed))
    has_more = len(found) > per_page
    found = found[:per_page]
    if is_back:
        found.reverse()
    is_single = len(statement.column_descriptions) == 1
    rows = [row[0] if is_single else tuple(row[:-1]) for row in found]
    ids = [row.page_key for row in found]
    has_newer = has_more if is_back else older is not None
    has_older = is_back or has_more
    return KeyedPage(rows, ids[-1] if ids and has_older else None, ids[0] if ids and has_newer else None)


def asked_names(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    name: InstrumentedAttribute[str],
    key: InstrumentedAttribute[int],
    *,
    words: str,
    per_page: int = PER_PAGE,
) -> KeyedPage:
    """Return the page of the rows of one table, by name, that the address of the request asks for, else the first.

    It asks by `WORDS_after`, `WORDS_before` or `WORDS_from`, for several lists may stand on one page, and an id.
    """
    keys = (name, key)
    way, row = "", None
    for asked in WAYS:
        asked_id = request.args.get(f"{words}_{asked}", type=whole_number)
        if asked_id is not None:
            way, row = asked, session.scalars(statement.where(key == asked_id)).first()
    if row is not None:
        its_name, its_id = getattr(row, name.key), getattr(row, key.key)
        later = or_(name > its_name, and_(name == its_name, key > its_id))
        bounds = {"after": [later], "before": [~later, key != its_id], "from": [or_(later, key == its_id)]}
        page = _cut_by_name(session, statement, keys, bounds[way], is_back=way == "before", per_page=per_page)
        if page.rows:
            return page
    return _cut_by_name(session, statement, keys, [], per_page=per_page)


def _cut_by_name(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    keys: tuple[InstrumentedAttribute[str], InstrumentedAttribute[int]],
    bound: list[ColumnElement[bool]],
    *,
    per_page: int,
    is_back: bool = False,
) -> KeyedPage:
    name, key = keys
    order = (name.desc(), key.desc()) if is_back else (name.asc(), key.asc())
    found = list(session.scalars(statement.order_by(None).where(*bound).order_by(*order).limit(per_page + 1)))
    has_more = len(found) > per_page
    rows = found[:per_page]
    if is_back:
        rows.reverse()
    if not rows:
        return KeyedPage([], None, None)
    first, last = (getattr(row, key.key) for row in (rows[0], rows[-1]))
    has_before = has_more if is_back else bool(bound) and _is_after_another(session, statement, keys, rows[0])
    return KeyedPage(rows, last if is_back or has_more else None, first if has_before else None)


def _is_after_another(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    keys: tuple[InstrumentedAttribute[str], InstrumentedAttribute[int]],
    row: Any,
) -> bool:
    name, key = keys
    its_name, its_id = getattr(row, name.key), getattr(row, key.key)
    before = or_(name < its_name, and_(name == its_name, key < its_id))
    return session.scalars(statement.order_by(None).where(before).limit(1)).first() is not None
