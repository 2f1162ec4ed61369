"""A Select is cut into pages by the ids of its rows, newest first: nothing is counted, and nothing shifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class KeyedPage:
    """One page of rows, and by which ids those beside it begin."""

    rows: list[Any]
    #: The next page holds what is older than this id; None: this one is the last.
    older: int | None
    #: The page before holds what is newer than this id; None: this one is the first.
    newer: int | None


def page_by_id(
    session: Session,
    statement: Select[*tuple[Any, ...]],
    key: InstrumentedAttribute[int],
    *,
    older: int | None = None,
    newer: int | None = None,
    per_page: int = PER_PAGE,
) -> KeyedPage:
    """Return the page of a `statement` without an order whose rows are `older`, or `newer`, than those with an id.

    Rows are the entities of a statement that selects one thing, else row tuples; `key` is the id of the first.
    """
    is_back = newer is not None
    bound = [key > newer] if newer is not None else [key < older] if older is not None else []
    order = key.asc() if is_back else key.desc()
    keyed = statement.where(*bound).add_columns(key.label("page_key")).order_by(order).limit(per_page + 1)
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
