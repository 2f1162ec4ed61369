"""What is loaded by a database's own way is read as if it had been written row by row."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta, timezone
from typing import cast

import pytest
from sqlalchemy import Table, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.audience.loading.table_loading import Row, RowLoading
from campaigns.audience.models import ContactGroup, GroupKind
from campaigns.core.database import KEPT_KIB
from campaigns.staff.models import Organisation
from tests.factories import NOON, an_organisation

pytestmark = pytest.mark.both_databases

TABLE = cast(Table, ContactGroup.__table__)
COLUMNS = ("organisation_id", "kind", "name", "folded", "created_at")


def test_loaded_rows_are_read_as_written_ones(session: Session) -> None:
    ours = an_organisation(session)
    names = ["a\tb", "c\\nd", "\\.", "e\nf", "Київ", '"', ""]
    there = NOON.astimezone(timezone(timedelta(hours=3)))
    rows = [(ours.id, GroupKind.COHORT.value, name, name, there) for name in names]
    load_rows(session, rows)
    found = session.scalars(select(ContactGroup).order_by(ContactGroup.id)).all()
    assert [(each.kind, each.name, each.created_at) for each in found] == [
        (GroupKind.COHORT, name, NOON) for name in names
    ]


def test_row_that_may_not_be_is_told_as_by_any_statement(session: Session) -> None:
    ours = an_organisation(session)
    row = (ours.id, GroupKind.COHORT.value, "a", "a", NOON)
    with pytest.raises(IntegrityError), session.begin_nested():
        load_rows(session, [row, row])
    assert session.scalars(select(ContactGroup)).all() == []


def test_whoever_asks_meanwhile_is_answered_after_what_is_being_loaded(session: Session) -> None:
    rows = rows_of(an_organisation(session), 3)
    going, loaded = threading.Event(), list[str]()

    def made_slowly() -> Iterator[Row]:
        for row in rows:
            going.wait(0.05)
            loaded.append(row[2])
            yield row

    with RowLoading(session) as loading:
        loading.load(TABLE, COLUMNS, made_slowly())
        assert session.scalar(select(func.count()).select_from(ContactGroup)) == len(loaded) == 3


def test_what_cannot_be_loaded_is_told_to_the_next_who_asks(session: Session) -> None:
    [row] = rows_of(an_organisation(session), 1)

    def ask() -> None:
        session.scalar(select(1))
        pytest.fail("nobody was told")

    with pytest.raises(IntegrityError), session.begin_nested():
        load_rows(session, [row, row], ask)


def test_end_that_somebody_else_makes_is_told_as_it_is(session: Session) -> None:
    rows = rows_of(an_organisation(session), 2)

    def end() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), session.begin_nested():
        load_rows(session, rows, end)
    assert session.scalars(select(ContactGroup)).all() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_memory_for_indexes_is_given_back(session: Session) -> None:
    kept: list[int | None] = []

    def look() -> None:
        kept.append(session.scalar(text("PRAGMA cache_size")))

    look()
    load_rows(session, rows_of(an_organisation(session), 1), look)
    look()
    assert kept[0] == kept[2] != kept[1] == -KEPT_KIB


def rows_of(organisation: Organisation, count: int) -> list[Row]:
    return [(organisation.id, GroupKind.COHORT.value, name, name, NOON) for name in "abc"[:count]]


def load_rows(session: Session, rows: Sequence[Row], meanwhile: Callable[[], object] | None = None) -> None:
    with RowLoading(session) as loading:
        loading.load(TABLE, COLUMNS, rows)
        if meanwhile is not None:
            meanwhile()
