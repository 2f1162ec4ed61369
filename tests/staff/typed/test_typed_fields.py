"""What is typed is kept for one member and page, and only the fields that the mark names."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.staff.typed.models import TypedForm
from campaigns.staff.typed.typed_fields import (
    MOST_PAGES,
    find_typed,
    forget_old_forms,
    forget_typed,
    is_over,
    keep_typed,
)
from campaigns.staff.typed.typed_marks import KEPT_FOR, TypedMark, page_of, read_mark, write_mark
from tests.factories import a_member, an_organisation

ENTERED = {"body": "Паспорт", "password": "hunter2", "csrf_token": "x"}


START = clock.now()


def a_mark(member_id: int, path: str, *, organisation_id: int = 1) -> TypedMark:
    return TypedMark(member_id, organisation_id, path, ("body",), "", clock.now())


def fields_of(session: Session, member_id: int, path: str, vault: Vault) -> dict[str, str] | None:
    found = find_typed(session, member_id, page_of(1, path), vault=vault)
    return None if found is None else dict(found.fields)


def test_only_named_fields_are_kept_and_only_for_their_writer(session: Session, vault: Vault) -> None:
    ours = an_organisation(session)
    writer, other = a_member(session, ours), a_member(session, ours)
    for word in ("Пас", "Паспорт"):
        mark = a_mark(writer.id, "/messages/1/uk")
        keep_typed(session, mark, ENTERED | {"body": word}, vault=vault)
    assert fields_of(session, writer.id, "/messages/1/uk", vault) == {"body": "Паспорт"}
    assert fields_of(session, other.id, "/messages/1/uk", vault) is None
    assert fields_of(session, writer.id, "/messages/2/uk", vault) is None
    assert "Паспорт".encode() not in session.scalars(select(TypedForm.sealed_fields)).one()


def test_a_member_has_so_many_pages_and_no_endless_text(session: Session, vault: Vault) -> None:
    writer = a_member(session, an_organisation(session))
    for at in range(MOST_PAGES + 2):
        moment = START + timedelta(seconds=at)
        with clock.running_on(partial(lambda moment: moment, moment)):
            keep_typed(session, a_mark(writer.id, f"/{at}"), ENTERED, vault=vault)
    keep_typed(session, a_mark(writer.id, "/long"), {"body": "x" * 230_000}, vault=vault)
    paths = set(session.scalars(select(TypedForm.path)))
    assert paths == {page_of(1, f"/{at}") for at in range(2, MOST_PAGES + 2)}


@pytest.mark.parametrize("letter", ["x", "ї", "ع"])
def test_the_longest_field_of_the_console_is_kept_in_any_script(
    session: Session, vault: Vault, letter: str
) -> None:
    writer = a_member(session, an_organisation(session))
    keep_typed(session, a_mark(writer.id, "/places/new"), {"body": letter * 200_000}, vault=vault)
    assert fields_of(session, writer.id, "/places/new", vault) == {"body": letter * 200_000}


def test_boxes_are_kept_ticked_and_unticked(session: Session, vault: Vault) -> None:
    writer = a_member(session, an_organisation(session))
    mark = replace(a_mark(writer.id, "/a"), ticked=("days", "urgent"))
    ticks = {"days": ["MO", "FR"], "urgent": [], "roles": ["admin"]}
    keep_typed(session, mark, ENTERED, vault=vault, ticks=ticks)
    found = find_typed(session, writer.id, page_of(1, "/a"), vault=vault)
    assert found is not None
    assert found.ticks == {"days": ["MO", "FR"], "urgent": []}


def test_what_is_typed_in_one_organisation_stays_there(session: Session, vault: Vault) -> None:
    writer = a_member(session, an_organisation(session))
    keep_typed(session, a_mark(writer.id, "/campaigns/new", organisation_id=2), ENTERED, vault=vault)
    assert fields_of(session, writer.id, "/campaigns/new", vault) is None


def test_a_form_is_over_once_its_page_was_saved(session: Session, vault: Vault) -> None:
    writer = a_member(session, an_organisation(session))
    before = a_mark(writer.id, "/a")
    keep_typed(session, before, ENTERED, vault=vault)
    assert not is_over(session, before)
    forget_typed(session, before)
    assert (is_over(session, before), is_over(session, a_mark(writer.id, "/a"))) == (True, False)


def test_a_week_later_it_is_forgotten(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        writer = a_member(session, an_organisation(session))
        keep_typed(session, a_mark(writer.id, "/a"), ENTERED, vault=vault)
    forget_old_forms(sessions)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(TypedForm)) == 1
    later = clock.now() + KEPT_FOR + timedelta(minutes=5)
    with clock.running_on(lambda: later):
        forget_old_forms(sessions)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(TypedForm)) == 0


def test_a_mark_is_believed_only_as_we_wrote_it() -> None:
    mark = replace(a_mark(7, "/messages/1/uk"), ticked=("is_draft",))
    written = write_mark("key", mark)
    assert read_mark("key", written) == mark
    for foreign in (read_mark("another", written), read_mark("key", f"x{written}"), read_mark("key", "")):
        assert foreign is None
