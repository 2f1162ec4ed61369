"""A file of reported reach comes in whole or not at all, once, and goes out again."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import InputError, NotFoundError, RowsError, TransitionError
from campaigns.planning.models import Campaign
from campaigns.reach.counting.ladder import Step
from campaigns.reach.imported import service
from campaigns.reach.imported.models import FileState, ImportedReach, Method, ReachFile, Source
from campaigns.reach.imported.queries import told_of
from campaigns.reach.imported.reading import Reading, Report, Reported, read_report
from campaigns.reach.imported.service import (
    cancel_file,
    check_file,
    confirm_file,
    content_of,
    import_reach,
    name_columns,
    reading_of,
    undo_file,
    with_own_names,
)
from campaigns.staff.models import AuditEntry
from tests.factories import a_campaign, a_member, a_region, an_organisation
from tests.proposals.test_at_once import at_once

pytestmark = pytest.mark.one_database

READING = Reading(Source.META_ADS, exported_on=date(2022, 4, 2), day_first=True)
HEAD = "campaign,region,start,end,reach,code\n"
SOUND = HEAD + "A,PL-18,2022-03-01,2022-03-31,400,\nB,PL-18,2022-03-01,2022-03-31,150,K7\n"


@pytest.fixture
def campaign(session: Session) -> Campaign:
    a_region(session)
    organisation = an_organisation(session)
    return a_campaign(session, organisation, a_member(session, organisation), code="K7")


def read(
    session: Session, owner: int, content: bytes, reading: Reading, names: dict[str, str] | None = None
) -> Report:
    return read_report(content, with_own_names(session, owner, reading, names))


def confirm(session: Session, file: ReachFile, *, by: int) -> int:
    """Import a kept file as the page does, but for the child that reads it."""
    report = read(session, file.organisation_id, content_of(file), reading_of(file))
    return confirm_file(session, file, report=report, by=by)


def name(session: Session, file: ReachFile, names: dict[str, str], *, by: int) -> None:
    report = read(session, file.organisation_id, content_of(file), reading_of(file), names)
    name_columns(session, file, names, report=report, by=by)


def check(session: Session, campaign: Campaign, text: str = SOUND, reading: Reading = READING) -> ReachFile:
    by = campaign.created_by_id
    owner = campaign.organisation_id
    report = read(session, owner, text.encode(), reading)
    return check_file(
        session, owner, "a.csv", text.encode(), reading=reading, report=report, campaign_id=campaign.id, by=by
    )


def rows(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(ImportedReach)) or 0


def test_dry_run_imports_nothing(session: Session, campaign: Campaign) -> None:
    file = check(session, campaign)
    assert (file.report["rows"], file.report["largest"], file.report["contacts"]) == (2, 400, 550)
    assert (file.state, rows(session)) == (FileState.CHECKED, 0)
    assert reading_of(file) == READING


def test_import_tells_a_range_with_its_source(session: Session, campaign: Campaign) -> None:
    file = check(session, campaign)
    assert confirm(session, file, by=campaign.created_by_id) == 2
    [told] = told_of(session, campaign.organisation_id, campaign.id)
    assert (told.source, told.method, told.step) == (
        Source.META_ADS,
        Method.PLATFORM_UNIQUE,
        Step.PLATFORM_REPORTED,
    )
    assert (told.largest, told.contacts, told.rows, told.exported_on) == (400, 550, 2, date(2022, 4, 2))
    assert file.content is None


def test_one_wrong_row_keeps_all_out(session: Session, campaign: Campaign) -> None:
    file = check(
        session, campaign, SOUND + "C,Atlantis,2022-03-01,2022-03-31,1,\nD,PL-18,2022-03-01,2022-03-31,1,X9\n"
    )
    with pytest.raises(RowsError) as error:
        confirm(session, file, by=campaign.created_by_id)
    assert [problem.line for problem in error.value.problems] == [4, 5]
    assert rows(session) == 0


@pytest.mark.both_databases
def test_spending_that_has_no_room_is_told(session: Session, campaign: Campaign) -> None:
    """Such as the number of an account, in a column that was taken for money."""
    head = HEAD.replace("code", "amount spent (EUR)")
    file = check(session, campaign, f"{head}A,PL-18,2022-03-01,2022-03-31,400,1000000000000\n")
    with pytest.raises(RowsError) as error:
        confirm(session, file, by=campaign.created_by_id)
    assert [problem.line for problem in error.value.problems] == [2]


def test_same_file_counts_once_until_it_is_undone(session: Session, campaign: Campaign) -> None:
    by = campaign.created_by_id
    file = check(session, campaign)
    confirm(session, file, by=by)
    with pytest.raises(InputError, match="was imported on"):
        check(session, campaign)
    undo_file(session, file, by=by)
    assert (file.state, rows(session)) == (FileState.UNDONE, 0)
    confirm(session, check(session, campaign), by=by)
    assert rows(session) == 2


def test_decisions_are_made_once(session: Session, campaign: Campaign) -> None:
    by = campaign.created_by_id
    file = check(session, campaign)
    cancel_file(session, file, by=by)
    for act in (cancel_file, confirm, partial(confirm_file, report=Report((), {})), undo_file):
        with pytest.raises(TransitionError):
            act(session, file, by=by)


def test_named_column_is_remembered(session: Session, campaign: Campaign) -> None:
    text = "campaign,region,start,end,Herzen\nA,PL-18,2022-03-01,2022-03-31,7\n"
    file = check(session, campaign, text)
    assert file.report["rows"] == 0
    name(session, file, {"Herzen": "people"}, by=campaign.created_by_id)
    assert file.report["rows"] == 1
    assert check(session, campaign, text.replace(",7", ",8")).report["rows"] == 1
    with pytest.raises(InputError):
        name(session, file, {"Herzen": "love"}, by=campaign.created_by_id)


@pytest.mark.both_databases
def test_every_act_leaves_one_entry(session: Session, campaign: Campaign) -> None:
    file = check(session, campaign)
    confirm(session, file, by=campaign.created_by_id)
    undo_file(session, file, by=campaign.created_by_id)
    about_files = select(AuditEntry.action).where(AuditEntry.subject_type == "reach_file")
    actions = session.scalars(about_files.order_by(AuditEntry.id)).all()
    assert actions == ["reach.check_file", "reach.import", "reach.undo_import"]


def test_foreign_campaign_is_not_there(session: Session, campaign: Campaign) -> None:
    other = an_organisation(session)
    with pytest.raises(NotFoundError):
        check_file(
            session,
            other.id,
            "a.csv",
            SOUND.encode(),
            reading=READING,
            report=Report((), {}),
            campaign_id=campaign.id,
            by=None,
        )


def a_row(**changes: object) -> Reported:
    day = date(2022, 3, 1)
    row = Reported(1, "Poll", "PL-18", "PL", False, day, day, 12, Method.POLL_ANSWERS, Step.PLATFORM_REPORTED)
    return replace(row, **changes)  # type: ignore[arg-type]


def test_program_reports_all_or_nothing(session: Session, campaign: Campaign) -> None:
    given: dict[str, Any] = {
        "source": Source.U_REPORT,
        "exported_on": date(2022, 4, 2),
        "campaign_id": campaign.id,
    }
    owner = campaign.organisation_id
    with pytest.raises(RowsError):
        import_reach(session, owner, [a_row(), a_row(line=2, campaign_code="X9")], digest="1" * 64, **given)
    assert rows(session) == 0
    import_reach(session, owner, [a_row()], digest="1" * 64, **given)
    with pytest.raises(InputError):
        import_reach(session, owner, [a_row()], digest="1" * 64, **given)
    assert rows(session) == 1


@pytest.mark.both_databases
def test_report_that_comes_twice_at_one_moment_counts_once(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.begin() as session:
        a_region(session)
        owner = an_organisation(session).id
    both_have_looked, look = threading.Barrier(2), service._refuse_repeated

    def look_and_wait(session: Session, organisation_id: int, digest: str) -> None:
        look(session, organisation_id, digest)
        with suppress(threading.BrokenBarrierError):
            both_have_looked.wait(0.5)

    def report(session: Session) -> None:
        day = date(2022, 4, 2)
        import_reach(session, owner, [a_row()], source=Source.U_REPORT, exported_on=day, digest="1" * 64)

    monkeypatch.setattr(service, "_refuse_repeated", look_and_wait)
    assert at_once(sessions, report, report) == ["refused"]
    with sessions() as session:
        assert rows(session) == 1


def test_partners_own_recurrent_people_are_told_apart(session: Session, campaign: Campaign) -> None:
    file = check(session, campaign, reading=replace(READING, source=Source.PARTNER, recurrent=True))
    confirm(session, file, by=campaign.created_by_id)
    [told] = told_of(session, campaign.organisation_id, campaign.id)
    assert told.recurrent == told.contacts == 550
