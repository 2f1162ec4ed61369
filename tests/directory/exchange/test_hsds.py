"""The directory goes out as a sheet with the names of HSDS and comes back the same; wrong rows are all told."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import FileFormatError, RowsError
from campaigns.directory.exchange.hsds import is_hsds, read_services, write_services
from campaigns.directory.exchange.service import ExchangedServices, exchange_services, import_services
from campaigns.directory.exchange.worklist import read_bundled
from campaigns.directory.models import Service
from campaigns.directory.proposed import SERVICE
from campaigns.directory.queries import select_services
from campaigns.proposals.models import Proposal
from campaigns.proposals.service import agree
from campaigns.staff.models import AuditEntry, Organisation
from tests.factories import NOON, a_member, a_region, a_service, an_organisation

pytestmark = pytest.mark.one_database

TODAY = NOON.date()
HEAD = "id,name,x_country,x_time_zone,phones/0/number,service_areas/0/extent"


@pytest.fixture
def ours(session: Session) -> Organisation:
    return an_organisation(session)


def sheet_of(session: Session, organisation: Organisation) -> str:
    return write_services(session.scalars(select_services(organisation.id)).all(), TODAY)


def exchange(session: Session, organisation: Organisation, text: str) -> ExchangedServices:
    return exchange_services(session, organisation.id, read_services(text), by=None)


def facts_by_key(session: Session, organisation: Organisation) -> dict[str, dict[str, Any]]:
    kept = set(Service.__table__.columns.keys()) - {"id", "organisation_id", "created_at", "updated_at"}
    services = session.scalars(select_services(organisation.id)).all()
    return {each.key: {name: getattr(each, name) for name in kept} for each in services}


def whole(session: Session, organisation: Organisation) -> Service:
    a_region(session)
    facts = {
        "key": "line",
        "region_codes": ["PL-18"],
        "other_numbers": ["+48 1", "12 34"],
        "works_from_foreign_sim": "no",
        "languages": ["pl", "ru", "mul"],
        "language_days": {"ru": ["mon", "thu"]},
        "hours": {"mon": [["22:00", "06:00"]], "sat": [["00:00", "24:00"], ["10:00", "12:00"]]},
        "operator_type": "ngo",
        "operator": "=cmd|' /C calc'!A0",
        "cost": "free, from mobiles too",
        "confidential": True,
        "scope": "women\nand girls",
        "expires_on": TODAY + timedelta(days=3),
    }
    return a_service(session, organisation, **facts)


def test_a_sheet_comes_back_the_same(session: Session, ours: Organisation) -> None:
    whole(session, ours)
    import_services(session, ours.id, [each for each in read_bundled().drafts if not each.region_codes])
    text = sheet_of(session, ours)
    theirs = an_organisation(session)
    done = exchange(session, theirs, text)
    unverified = {"verified_on": None, "verified_by_id": None, "verified_how": None}
    wanted = {key: facts | unverified for key, facts in facts_by_key(session, ours).items()}
    wanted["line"]["scope"] = "women and girls"
    assert facts_by_key(session, theirs) == wanted
    assert (done.added, done.changed, done.unchanged) == (len(wanted), 0, 0)


@pytest.mark.both_databases
def test_second_import_changes_nothing(session: Session, ours: Organisation) -> None:
    whole(session, ours).scope = "women"
    session.flush()
    before = facts_by_key(session, ours)
    assert exchange(session, ours, sheet_of(session, ours)) == ExchangedServices(0, 0, 1, 0)
    assert facts_by_key(session, ours) == before
    assert session.scalars(select(AuditEntry.action)).all() == ["service.exchange"]


def test_only_the_columns_of_the_sheet_change(session: Session, ours: Organisation) -> None:
    line = whole(session, ours)
    done = exchange(session, ours, "id,name,description\nline,La Strada,women\n")
    assert done == ExchangedServices(added=0, changed=1, unchanged=0, voided=0)
    assert (line.name, line.scope, line.operator_type, line.verified_on) == ("La Strada", "women", "ngo", TODAY)


@pytest.mark.both_databases
def test_a_new_number_of_a_verified_line_waits_for_another_member(session: Session, ours: Organisation) -> None:
    line, author = whole(session, ours), a_member(session, ours)
    other = a_service(session, ours, key="untried", verified_on=None, name="Untried")
    text = "id,name,phones/0/number\nline,Line,+48 800 1\nuntried,Untried,+48 800 2\n"
    with pytest.raises(RowsError, match="Line 2: Texts may name this service"):
        exchange(session, ours, text)
    done = exchange_services(session, ours.id, read_services(text), by=author.id)
    assert done == ExchangedServices(added=0, changed=1, unchanged=0, voided=0, proposed=1)
    assert (line.number_national, line.verified_on) == ("+48 22 628 01 20", TODAY)
    assert other.number_national == "+48 800 2"
    (proposal,) = session.scalars(select(Proposal))
    assert (proposal.subject_id, proposal.after["number_national"]) == (line.id, "+48 800 1")
    agree(session, proposal, SERVICE, by=a_member(session, ours).id)
    assert (line.number_national, line.verified_on) == ("+48 800 1", None)
    assert exchange_services(session, ours.id, read_services(text), by=author.id).unchanged == 2


@pytest.mark.parametrize("status", ["defunct", "Inactive", "temporarily closed"])
def test_a_line_that_is_not_active_any_more_says_its_last_day(
    session: Session, ours: Organisation, status: str
) -> None:
    """Nothing else would keep its number from people."""
    whole(session, ours)
    head, today = "id,name,status,schedules/0/valid_to", clock.now().date()
    for last_day in ("", today.isoformat()):
        with pytest.raises(RowsError, match="Line 2, status: A service of the status"):
            exchange(session, ours, f"{head}\nline,Line,{status},{last_day}\n")
    author = a_member(session, ours)
    ended = read_services(f"{head}\nline,Line,{status},{today - timedelta(days=1)}\n")
    assert exchange_services(session, ours.id, ended, by=author.id).proposed == 1
    assert exchange(session, ours, "id,name,status\nline,La Strada,active\n").unchanged == 1


def test_a_sheet_never_verifies(session: Session, ours: Organisation) -> None:
    exchange(session, ours, f"{HEAD},assured_date\nnew,Line,PL,Europe/Warsaw,116 111,PL,2026-03-01\n")
    assert session.scalars(select(Service.verified_on)).all() == [None]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (",Line,PL,Europe/Warsaw,1 1,PL", "Line 2, id: each service needs an id of at most 80 characters"),
        ("a,,PL,Europe/Warsaw,1 1,PL", "Line 2: "),
        ("a,Line,PL,Europe/Nowhere,1 1,PL", "Line 2: “Europe/Nowhere” is not a time zone."),
        ("a,Line,PL,Europe/Warsaw,call me,PL", "Line 2: “call me” cannot be dialled"),
        ("a,Line,PL,Europe/Warsaw,,PL", "Line 2: A service needs at least one number."),
        ("a,Line,PL,Europe/Warsaw,1 1,", "Line 2, service_areas: The row names no area that the service covers"),
        ("a,Line,PL,Europe/Warsaw,1 1,PL-99", "Line 2: No region has the code PL-99."),
        ("a,Line,PL,Europe/Warsaw,1 1,Poland", "Line 2, service_areas: The areas of a service are one country"),
    ],
)
def test_wrong_row_is_told_by_its_line(session: Session, ours: Organisation, row: str, sentence: str) -> None:
    with pytest.raises(RowsError) as refused:
        exchange(session, ours, f"{HEAD}\n{row}\n")
    assert str(refused.value.problems[0]).startswith(sentence)
    assert session.scalars(select(Service)).all() == []


@pytest.mark.parametrize(
    ("columns", "cells", "sentence"),
    [
        ("schedules/0/byday,schedules/0/opens_at", "MO,8", "A schedule opens and closes at a time like 08:30"),
        ("schedules/0/byday,schedules/0/freq", "1MO,MONTHLY", "A schedule is WEEKLY and names its days"),
        ("schedules/0/valid_to,schedules/1/valid_to", "2026-01-01,2026-01-02", "end on different days"),
        ("schedules/0/valid_to", "soon", "“soon” is not a date like 2026-03-31."),
        ("languages/0/code", "Polish", "“polish” is not the code of a language."),
        ("languages/0/code,languages/0/note", "ru,mornings", "“mornings” names no weekdays"),
        ("x_confidential", "maybe", "“maybe” is neither yes nor no."),
        ("organization/legal_status", "sect", "“sect” is not one of: ngo"),
    ],
)
def test_wrong_cell_is_told(columns: str, cells: str, sentence: str) -> None:
    text = f"{HEAD},{columns}\na,Line,PL,Europe/Warsaw,116 111,PL,{cells}\n"
    with pytest.raises(RowsError) as refused:
        read_services(text)
    assert sentence in refused.value.problems[0].sentence


def test_every_wrong_row_is_told() -> None:
    rows = "a,Line,PL,Europe/Warsaw,1,PL\na,Line,PL,Europe/Warsaw,116 111,PL\nb,Line,PL,x,116 111,PL\n"
    with pytest.raises(RowsError) as refused:
        read_services(f"{HEAD}\n{rows}")
    assert [problem.line for problem in refused.value.problems] == [2, 3, 4]


def test_ended_service_is_defunct(session: Session, ours: Organisation) -> None:
    a_service(session, ours, expires_on=date(2026, 3, 1))
    (line,) = read_services(sheet_of(session, ours))
    assert line.facts["expires_on"] == date(2026, 3, 1)
    assert ',"defunct",' in sheet_of(session, ours)


def test_numbers_are_no_formulas(session: Session, ours: Organisation) -> None:
    whole(session, ours)
    text = sheet_of(session, ours)
    assert "'+48 22 628 01 20" in text
    assert "'=cmd" in text


def test_sheets_are_told_apart_by_their_columns() -> None:
    assert is_hsds(HEAD)
    assert is_hsds("\ufeffsep=|\r\n" + HEAD.replace(",", "|"))
    assert not is_hsds("country,service,number,status\n")
    with pytest.raises(FileFormatError, match="missing: id"):
        read_services("name\nLine\n")
