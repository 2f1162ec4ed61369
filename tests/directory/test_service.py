"""The directory holds what was imported or written, and trusts only what somebody verified."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, NoSignpostError, RefusedError
from campaigns.directory.exchange.service import import_services
from campaigns.directory.exchange.worklist import read_bundled
from campaigns.directory.models import CheckOutcome, Service, ServiceCheck
from campaigns.directory.opening_hours import read_hours
from campaigns.directory.proposed import SERVICE, change_service
from campaigns.directory.queries import facts_of, load_service_facts, select_checks, select_services, told_digest
from campaigns.directory.service import create_service, update_service, verify_service
from campaigns.directory.signposting.choice import Need, choose_signpost
from campaigns.directory.signposting.freshness import Trust, trust_of
from campaigns.proposals.models import Proposal
from campaigns.proposals.service import agree
from campaigns.staff.audit import verify_chain
from campaigns.staff.models import AuditEntry, Member, Organisation, Role
from tests.factories import NOON, a_member, a_service, an_organisation
from tests.web.pages import make_pages

pytestmark = pytest.mark.one_database

FACTS: dict[str, Any] = {
    "name": "Line",
    "kind": "trafficking",
    "country": "PL",
    "region_codes": [],
    "number_national": "800 100 100",
    "number_from_abroad": None,
    "works_from_foreign_sim": "unknown",
    "languages": ["pl"],
    "hours": {"mon": [["08:00", "16:00"]]},
    "time_zone": "Europe/Warsaw",
    "operator_type": "ngo",
    "source": "example.org",
    "source_status": "sourced",
}


@pytest.fixture
def ours(session: Session) -> Organisation:
    return an_organisation(session)


@pytest.fixture
def author(session: Session, ours: Organisation) -> Member:
    return a_member(session, ours)


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_work_list_is_imported_unverified(session: Session, ours: Organisation) -> None:
    bundled = read_bundled()
    done = import_services(session, ours.id, bundled.drafts, without_number=bundled.without_number)
    assert (done.added, done.present, done.without_number) == (50, 0, 2)
    services = session.scalars(select_services(ours.id)).all()
    assert len(services) == 50
    assert {service.verified_on for service in services} == {None}
    assert actions(session) == [*["service.create"] * 50, "service.import"]
    assert verify_chain(session) is None


def test_second_import_changes_nothing(session: Session, ours: Organisation, author: Member) -> None:
    bundled = read_bundled()
    import_services(session, ours.id, bundled.drafts)
    line = session.scalars(select(Service).where(Service.name.startswith("KCIK"))).one()
    verify_service(session, line, by=author.id, on=clock.now().date(), how="test call")
    done = import_services(session, ours.id, bundled.drafts)
    assert (done.added, done.present) == (0, 50)
    assert line.verified_on is not None


def test_organisations_keep_lists_of_their_own(session: Session, ours: Organisation) -> None:
    theirs = an_organisation(session)
    a_service(session, theirs)
    assert load_service_facts(session, ours.id) == []
    assert len(load_service_facts(session, theirs.id)) == 1


def test_services_are_filtered_by_country_and_kind(session: Session, ours: Organisation) -> None:
    import_services(session, ours.id, read_bundled().drafts)
    polish = session.scalars(select_services(ours.id, country="PL", kind="trafficking")).all()
    assert [service.name[:9] for service in polish] == ["KCIK – Na", "La Strada"]
    assert session.scalars(select_services(ours.id)).all()[-1].country == "EU"


def test_only_verified_services_become_signposts(session: Session, ours: Organisation, author: Member) -> None:
    import_services(session, ours.id, read_bundled().drafts)
    need = Need("PL-18", "PL", "en", NOON, roaming=True)
    with clock.running_on(lambda: NOON):
        with pytest.raises(NoSignpostError):
            choose_signpost(load_service_facts(session, ours.id), need, fresh_days=30)
        line = session.scalars(select(Service).where(Service.name.startswith("KCIK"))).one()
        verify_service(session, line, by=author.id, on=NOON.date(), how="test call, foreign SIM")
    signpost = choose_signpost(load_service_facts(session, ours.id), need, fresh_days=30)
    assert (signpost.service_id, signpost.number) == (line.id, "+48 22 628 01 20")


def test_verification_has_name_date_and_way(session: Session, ours: Organisation, author: Member) -> None:
    service = a_service(session, ours, verified_on=None)
    today = clock.now().date()
    verify_service(session, service, by=author.id, on=today, how="test call, local SIM")
    assert (service.verified_on, service.verified_by_id) == (today, author.id)
    assert service.verified_how == "test call, local SIM"
    assert actions(session) == ["service.verify"]


def test_unsourced_service_cannot_be_verified(session: Session, ours: Organisation, author: Member) -> None:
    service = a_service(session, ours, verified_on=None, source_status="from general knowledge")
    with pytest.raises(RefusedError, match="No source"):
        verify_service(session, service, by=author.id, on=clock.now().date(), how="test call")
    assert service.verified_on is None


def test_verification_needs_a_past_day_and_a_way(session: Session, ours: Organisation, author: Member) -> None:
    service = a_service(session, ours, verified_on=None)
    with pytest.raises(InputError, match="day to come"):
        verify_service(session, service, by=author.id, on=clock.now().date() + timedelta(days=2), how="call")
    with pytest.raises(InputError, match="How it was verified is missing"):
        verify_service(session, service, by=author.id, on=clock.now().date(), how=" ")


def test_verification_is_of_the_numbers_tried(session: Session, ours: Organisation, author: Member) -> None:
    service = a_service(session, ours, verified_on=None)
    seen = told_digest(service)
    update_service(session, service, facts={"number_national": "800 200 200"}, by=author.id)
    with pytest.raises(RefusedError, match="was changed while you tried"):
        verify_service(session, service, by=author.id, on=clock.now().date(), how="test call", seen=seen)


def test_service_can_be_added_by_hand(session: Session, ours: Organisation, author: Member) -> None:
    service = create_service(session, ours.id, facts=FACTS, by=author.id)
    assert (service.name, service.verified_on, service.other_numbers) == ("Line", None, [])
    assert actions(session) == ["service.create"]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "changes", [{"number_national": "800 200 200"}, {"country": "DE", "time_zone": "Europe/Berlin"}]
)
def test_another_number_voids_the_verification(
    session: Session, ours: Organisation, author: Member, changes: dict[str, str]
) -> None:
    service = a_service(session, ours)
    with pytest.raises(RefusedError, match="another member"):
        update_service(session, service, facts=changes, by=author.id)
    agreed(session, change_service(session, service, facts=changes, by=author.id))
    assert (service.verified_on, service.verified_by_id, service.verified_how) == (None, None, None)


@pytest.mark.both_databases
def test_other_facts_keep_the_verification(session: Session, ours: Organisation, author: Member) -> None:
    service = a_service(session, ours)
    assert not update_service(session, service, facts={"operator": "La Strada"}, by=author.id)
    agreed(session, change_service(session, service, facts={"hours": read_hours("24/7")}, by=author.id))
    verified_on = service.verified_on
    agreed(session, change_service(session, service, facts={"source_status": "hearsay"}, by=author.id))
    assert (verified_on, service.verified_on) == (NOON.date(), None)
    two = ["proposal.make", "service.change", "proposal.agree"]
    assert actions(session) == ["service.describe", *two, *two]


@pytest.mark.parametrize(("fact", "value"), [("confidential", True), ("cost", "free"), ("by_appointment", True)])
def test_what_stands_beside_a_number_is_changed_by_two(
    session: Session, ours: Organisation, author: Member, fact: str, value: object
) -> None:
    """Whoever has no papers trusts that a line keeps what they say to itself."""
    service = a_service(session, ours)
    with pytest.raises(RefusedError):
        update_service(session, service, facts={fact: value}, by=author.id)
    agreed(session, change_service(session, service, facts={fact: value}, by=author.id))
    assert getattr(service, fact) == value
    assert service.verified_on == NOON.date()


def test_change_is_kept_with_what_was_before(session: Session, ours: Organisation, author: Member) -> None:
    service = a_service(session, ours, verified_on=None)
    update_service(session, service, facts={"number_national": "800 200 200"}, by=author.id)
    detail = session.scalars(select(AuditEntry.detail)).one()
    assert (detail["before"], detail["after"]) == (
        {"number_national": "+48 22 628 01 20"},
        {"number_national": "800 200 200"},
    )


def test_nobody_verifies_what_they_stated(session: Session, ours: Organisation, author: Member) -> None:
    """Also when somebody else changed something after them."""
    first, second, today = a_member(session, ours), a_member(session, ours), clock.now().date()
    service = create_service(session, ours.id, facts=FACTS, by=author.id)
    update_service(session, service, facts={"number_national": "800 200 200"}, by=first.id)
    for member in (author, first):
        with pytest.raises(RefusedError, match="stated yourself"):
            verify_service(session, service, by=member.id, on=today, how="test call")
    verify_service(session, service, by=author.id, on=today, how="test call", outcome=CheckOutcome.SILENT)
    verify_service(session, service, by=second.id, on=today, how="test call")
    # What they stated was tried by another member, so that they may try it the next time.
    verify_service(session, service, by=author.id, on=today, how="test call")
    agreed(session, change_service(session, service, facts={"name": "New name"}, by=first.id))
    with pytest.raises(RefusedError, match="stated yourself"):
        verify_service(session, service, by=first.id, on=today, how="test call")
    verify_service(session, service, by=author.id, on=today, how="test call")


@pytest.mark.both_databases
def test_service_that_is_wrong_is_named_no_more_at_once(
    session: Session, ours: Organisation, author: Member
) -> None:
    service = a_service(session, ours)
    facts = {"number_national": "800 200 200", "cost": "free"}
    proposal = change_service(session, service, facts=facts, by=author.id, is_wrong=True)
    assert (service.verified_on, service.number_national, service.cost) == (None, "+48 22 628 01 20", "")
    assert session.scalars(select(ServiceCheck.outcome)).all() == ["wrong"]
    agreed(session, proposal)
    assert (service.number_national, service.cost, service.verified_on) == ("800 200 200", "free", None)


def test_service_that_was_ever_verified_takes_two(session: Session, ours: Organisation, author: Member) -> None:
    """Otherwise one member would mark it dead, and then change it."""
    service = a_service(session, ours, verified_on=None)
    today = clock.now().date()
    verify_service(session, service, by=author.id, on=today, how="test call")
    verify_service(session, service, by=author.id, on=today, how="test call", outcome=CheckOutcome.SILENT)
    assert change_service(session, service, facts={"number_national": "800 200 200"}, by=author.id) is not None
    assert service.number_national == "+48 22 628 01 20"


def agreed(session: Session, proposal: Proposal | None) -> None:
    assert proposal is not None
    agree(
        session,
        proposal,
        SERVICE,
        by=a_member(session, session.get_one(Organisation, proposal.organisation_id)).id,
    )


def test_impossible_facts_leave_nothing_behind(session: Session, ours: Organisation, author: Member) -> None:
    with pytest.raises(InputError, match="cannot be dialled"):
        create_service(session, ours.id, facts=FACTS | {"number_national": "call me"}, by=author.id)
    assert session.scalars(select(Service)).all() == []
    assert actions(session) == []


@pytest.mark.both_databases
def test_history_of_checks_is_kept(session: Session, ours: Organisation, author: Member) -> None:
    line, today = a_service(session, ours, verified_on=None), clock.now().date()
    for outcome in (CheckOutcome.ANSWERS, CheckOutcome.SILENT, CheckOutcome.ANSWERS):
        verify_service(session, line, by=author.id, on=today, how="test call", outcome=outcome)
    checks = session.scalars(select_checks(line)).all()
    assert [check.outcome for check in checks] == ["answers", "silent", "answers"]
    assert {check.member_id for check in checks} == {author.id}
    assert checks[0].numbers == ["+48 22 628 01 20"] * 2
    assert line.verified_on == today


def test_silent_service_is_not_used(session: Session, ours: Organisation, author: Member) -> None:
    line, today = a_service(session, ours, verified_on=clock.now().date()), clock.now().date()
    verify_service(session, line, by=author.id, on=today, how="test call", outcome=CheckOutcome.SILENT)
    assert trust_of(facts_of(line), clock.now(), 30) is Trust.DUE


def test_closed_service_has_ended(session: Session, ours: Organisation, author: Member) -> None:
    line, today = a_service(session, ours), clock.now().date()
    verify_service(session, line, by=author.id, on=today, how="test call", outcome=CheckOutcome.CLOSED)
    assert trust_of(facts_of(line), clock.now(), 30) is Trust.ENDED


def test_check_of_an_earlier_day_decides_nothing(session: Session, ours: Organisation, author: Member) -> None:
    today = clock.now().date()
    line, before = a_service(session, ours, verified_on=today), today - timedelta(days=1)
    verify_service(session, line, by=author.id, on=before, how="test call", outcome=CheckOutcome.SILENT)
    assert line.verified_on == today


def test_answer_of_an_earlier_day_brings_back_nothing(
    session: Session, ours: Organisation, author: Member
) -> None:
    """A call that is written down late is older than what somebody found since."""
    today = clock.now().date()
    line = a_service(session, ours, verified_on=today - timedelta(days=9))
    verify_service(session, line, by=author.id, on=today, how="test call", outcome=CheckOutcome.SILENT)
    verify_service(session, line, by=author.id, on=today - timedelta(days=1), how="test call")
    assert trust_of(facts_of(line), clock.now(), 30) is Trust.DUE
    verify_service(session, line, by=author.id, on=today, how="test call")
    assert trust_of(facts_of(line), clock.now(), 30) is Trust.VERIFIED


@pytest.mark.parametrize("found", ["dead", "verify"])
def test_who_notes_an_earlier_day_is_told_that_it_decides_nothing(sqlite_engine: Engine, found: str) -> None:
    """Whoever noted that nobody answers must not go away believing that nobody is sent there."""
    today = clock.now().date()
    with make_pages(sqlite_engine, public_url="https://fingerpost.example") as pages:
        with pages.sessions.begin() as session:
            line = a_service(session, session.get_one(Organisation, pages.ours.id), verified_on=today)
        given = {"on": (today - timedelta(days=1)).isoformat(), "how": "test call, local SIM"}
        given |= {f"dead-{name}": value for name, value in given.items()} | {"dead-outcome": "silent"}
        answer = pages.client(pages.member(Role.APPROVER)).post(
            f"/directory/{line.id}/{found}", data=given, follow_redirects=True
        )
        assert "what was found then counts" in answer.text
        with pages.sessions() as session:
            assert session.get_one(Service, line.id).verified_on == today


def test_region_that_does_not_exist_is_refused(session: Session, ours: Organisation, author: Member) -> None:
    with pytest.raises(InputError, match="No region has the code PL-99"):
        create_service(session, ours.id, facts=FACTS | {"region_codes": ["PL-99"]}, by=author.id)


def test_only_a_demo_simulates(session: Session, ours: Organisation, author: Member) -> None:
    line = a_service(session, ours, verified_on=None)
    how: dict[str, Any] = {"by": author.id, "on": clock.now().date(), "how": "simulated"}
    with pytest.raises(RefusedError, match="Only a demo"):
        verify_service(session, line, **how)
    assert line.verified_on is None
    verify_service(session, line, is_demo=True, **how)
    assert line.verified_how == "simulated"


@pytest.mark.parametrize(("mode", "offered"), [("demo", True), ("live", False)])
def test_only_a_demo_offers_to_simulate(sqlite_engine: Engine, mode: str, offered: bool) -> None:
    with make_pages(sqlite_engine, mode=mode, public_url="https://fingerpost.example") as pages:
        with pages.sessions.begin() as session:
            line = a_service(session, session.get_one(Organisation, pages.ours.id), verified_on=None)
        author, url = pages.client(pages.member(Role.APPROVER)), f"/directory/{line.id}"
        assert ("Simulated for the demo" in author.get(url).text) is offered
        given = {"on": clock.now().date().isoformat(), "how": "simulated"}
        author.post(f"{url}/verify", data=given)
        with pages.sessions() as session:
            assert (session.get_one(Service, line.id).verified_on is not None) is offered
