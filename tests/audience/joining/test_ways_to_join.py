"""An entry point has a code of its own in the instance, and is found by it however people type it."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.joining.ways_to_join import (
    CODE,
    beside_code,
    create_entry_point,
    find_by_code,
    find_in_text,
    select_entry_points,
    take_down,
)
from campaigns.audience.models import EntryPoint
from campaigns.core.errors import InputError
from campaigns.staff.models import AuditEntry, Organisation
from tests.factories import a_place, an_organisation

pytestmark = pytest.mark.one_database


@pytest.fixture
def organisation(session: Session) -> Organisation:
    return an_organisation(session)


def hang_up(session: Session, organisation: Organisation, code: str = "Medyka-1") -> EntryPoint:
    return create_entry_point(session, organisation.id, name="Medyka, gate", code=code, by=None)


def test_generated_codes_are_short_and_differ(session: Session, organisation: Organisation) -> None:
    codes = {hang_up(session, organisation, code="").code for _ in range(20)}
    assert len(codes) == 20
    assert all(CODE.fullmatch(code) and len(code) == 6 for code in codes)


@pytest.mark.parametrize("code", ["ab", "x" * 65, "Медика", "two words", "a&b", "STOP", "st0p", "start", "tak"])
def test_unfit_codes_are_refused(session: Session, organisation: Organisation, code: str) -> None:
    with pytest.raises(InputError):
        hang_up(session, organisation, code)


def test_code_is_unique_in_the_instance(session: Session, organisation: Organisation) -> None:
    hang_up(session, organisation)
    with pytest.raises(InputError, match="taken"):
        hang_up(session, an_organisation(session), "MEDYKA-1")


@pytest.mark.parametrize(
    "text",
    ["Medyka-1", " medyka-1. ", "«MEDYKA-1»", "medyka-1 please, we are four", "\uff2dedyka-1", "Medyka-1 Дякую"],
)
def test_code_is_found_as_people_type_it(session: Session, organisation: Organisation, text: str) -> None:
    entry_point = hang_up(session, organisation)
    assert find_in_text(session, text) == entry_point


@pytest.mark.parametrize("text", ["", "we are at Medyka-1", "Medyka-1 STOP", "Medyka-1 стоп", "Medyka 1", "…"])
def test_other_texts_are_no_code(session: Session, organisation: Organisation, text: str) -> None:
    hang_up(session, organisation)
    assert find_in_text(session, text) is None


@pytest.mark.parametrize(
    ("text", "beside"),
    [
        *(("Medyka-1", ""), ("join «MEDYKA-1» please!", ""), ("Medyka-1 Дякую\n\nSent from my iPhone", "")),
        *(
            ("Medyka-1, please help", ", please help"),
            ("Medyka-1 please\nHELP", "HELP"),
            ("Medyka-1\u26d4", "\u26d4"),
        ),
    ],
)
def test_what_stands_beside_a_code_is_told(text: str, beside: str) -> None:
    assert beside_code(text) == beside


def test_code_taken_down_stays_taken(session: Session, organisation: Organisation) -> None:
    entry_point = hang_up(session, organisation)
    assert take_down(session, entry_point, by=None)
    assert not take_down(session, entry_point, by=None)
    assert find_by_code(session, "Medyka-1") is None
    with pytest.raises(InputError, match="taken"):
        hang_up(session, organisation)
    actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions == ["entry_point.create", "entry_point.take_down"]


def test_place_must_be_the_organisations(session: Session, organisation: Organisation) -> None:
    foreign = a_place(session, an_organisation(session))
    with pytest.raises(InputError, match="no place"):
        create_entry_point(session, organisation.id, name="Gate", place_id=foreign.id, by=None)
    with pytest.raises(InputError, match="no language xx"):
        create_entry_point(session, organisation.id, name="Gate", language="xx", by=None)
    with pytest.raises(InputError, match="needs a name"):
        create_entry_point(session, organisation.id, name="  ", by=None)


@pytest.mark.both_databases
def test_list_holds_ones_own(session: Session, organisation: Organisation) -> None:
    ours = hang_up(session, organisation)
    hang_up(session, an_organisation(session), "Lviv-2")
    assert session.scalars(select_entry_points(organisation.id)).all() == [ours]
