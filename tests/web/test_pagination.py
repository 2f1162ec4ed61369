"""Pages cut a Select without losing or repeating a row."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.staff.models import Organisation
from campaigns.web.pagination import paginate
from tests.factories import an_organisation


def test_pages_together_are_all_rows(session: Session) -> None:
    wanted = [an_organisation(session).id for _ in range(7)]
    statement = select(Organisation).order_by(Organisation.id)
    pages = [paginate(session, statement, number, 3) for number in (1, 2, 3)]
    assert [row.id for page in pages for row in page.rows] == wanted
    assert [(page.previous, page.next) for page in pages] == [(None, 2), (1, 3), (2, None)]


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (-5, 1), (99, 2)])
def test_number_outside_gives_the_nearest(session: Session, asked: int, given: int) -> None:
    for _ in range(4):
        an_organisation(session)
    page = paginate(session, select(Organisation).order_by(Organisation.id), asked, 3)
    assert (page.number, page.pages) == (given, 2)


def test_nothing_is_one_empty_page(session: Session) -> None:
    page = paginate(session, select(Organisation.id, Organisation.name))
    assert (page.rows, page.pages, page.next) == ([], 1, None)
