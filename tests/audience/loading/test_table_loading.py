"""What is loaded by a database's own way is read as if it had been written row by row."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import cast

import pytest
from sqlalchemy import Table, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.audience.loading.table_loading import load_rows
from campaigns.audience.models import ContactGroup, GroupKind
from tests.factories import NOON, an_organisation

pytestmark = pytest.mark.both_databases

TABLE = cast(Table, ContactGroup.__table__)
COLUMNS = ("organisation_id", "kind", "name", "folded", "created_at")


def test_loaded_rows_are_read_as_written_ones(session: Session) -> None:
    ours = an_organisation(session)
    names = ["a\tb", "c\\nd", "\\.", "e\nf", "Київ", '"', ""]
    there = NOON.astimezone(timezone(timedelta(hours=3)))
    rows = [(ours.id, GroupKind.COHORT.value, name, name, there) for name in names]
    load_rows(session, TABLE, COLUMNS, rows)
    found = session.scalars(select(ContactGroup).order_by(ContactGroup.id)).all()
    assert [(each.kind, each.name, each.created_at) for each in found] == [
        (GroupKind.COHORT, name, NOON) for name in names
    ]


def test_row_that_may_not_be_is_told_as_by_any_statement(session: Session) -> None:
    ours = an_organisation(session)
    row = (ours.id, GroupKind.COHORT.value, "a", "a", NOON)
    with pytest.raises(IntegrityError), session.begin_nested():
        load_rows(session, TABLE, COLUMNS, [row, row])
    assert session.scalars(select(ContactGroup)).all() == []
