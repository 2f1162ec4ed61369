"""A Select is cut into numbered pages, as programs ask for them; lists for members are cut by `keyed_pages`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

T = TypeVar("T")

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of rows; `number` counts from 1."""

    rows: list[T]
    number: int
    per_page: int
    total: int

    @property
    def pages(self) -> int:
        """Number of pages, at least 1."""
        return max(1, -(-self.total // self.per_page))

    @property
    def previous(self) -> int | None:
        """Number of the page before, or None."""
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        """Number of the page after, or None."""
        return self.number + 1 if self.number < self.pages else None


def paginate(
    session: Session, statement: Select[*tuple[Any, ...]], page: int = 1, per_page: int = PER_PAGE
) -> Page[Any]:
    """Return one page of an ordered `statement`; a number outside the range gives the nearest page.

    Rows are the entities of a statement that selects one thing, else row tuples.
    """
    total = session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    last = max(1, -(-total // per_page))
    number = min(max(1, page), last)
    result = session.execute(statement.limit(per_page).offset((number - 1) * per_page))
    rows: list[Any] = list(result.scalars() if len(statement.column_descriptions) == 1 else result)
    return Page(rows=rows, number=number, per_page=per_page, total=total)
