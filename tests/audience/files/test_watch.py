"""A contact file that is only checked tells of nobody's stop; checks have a quota, and many are told of."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.files import watch
from campaigns.audience.files.watch import Kind, Watched, find_watched, note_look, spend_check
from campaigns.audience.models import Address, Channel, ContactImport, ImportState, SmallLook
from campaigns.audience.rules import AudienceRule
from campaigns.core import clock
from campaigns.core.errors import QuotaError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings, load_settings
from campaigns.staff.models import AuditEntry, Member, Organisation, Role
from tests.audience.test_service import check_file, confirm
from tests.factories import (
    NOON,
    a_campaign,
    a_contact,
    a_member,
    a_place,
    an_address,
    an_audience,
    an_organisation,
)
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

HEADER = "number,channel,language,consent_date,consent_how"
STOPPED, OTHER = "+380501234567", "+380671234567"
Clients = Callable[..., FlaskClient]


@pytest.fixture
def settings() -> Settings:
    return load_settings({})


@pytest.fixture
def organisation(session: Session) -> Organisation:
    return an_organisation(session)


@pytest.fixture
def steward(session: Session, organisation: Organisation) -> Member:
    return a_member(session, organisation, Role.STEWARD)


def a_file(*numbers: str, channel: str = "sms") -> bytes:
    return "\n".join([HEADER, *(f"{number},{channel},uk,2026-02-01,form" for number in numbers)]).encode()


def say_stop(session: Session, vault: Vault, number: str) -> None:
    lookup, key = vault.lookup_hash(Channel.SMS, number), vault.number_hash(number)
    withdraw_everywhere(session, HashedHandle(lookup, Channel.SMS, key), Declaration("keyword", "STOP", NOON))


def a_check(session: Session, organisation: Organisation, by: Member, *, rows: int = 1) -> ContactImport:
    checked = ContactImport(
        organisation_id=organisation.id,
        member_id=by.id,
        file_name="people.csv",
        state=ImportState.CANCELLED,
        report={"rows": rows},
        created_at=clock.now(),
    )
    session.add(checked)
    session.flush()
    return checked


def test_a_dry_run_answers_alike_whoever_said_stop(
    session: Session, organisation: Organisation, steward: Member, vault: Vault, settings: Settings
) -> None:
    """Was this phone in touch with any of you? One number that said stop elsewhere, and one that nobody knows."""
    partner = an_organisation(session)
    an_address(session, a_contact(session, partner), vault, number=STOPPED)
    say_stop(session, vault, STOPPED)
    reports = [
        check_file(
            session, organisation.id, "f.csv", a_file(number), by=steward.id, vault=vault, settings=settings
        ).report
        for number in (STOPPED, OTHER)
    ]
    assert reports[0] == reports[1]
    assert reports[0]["added"] == 1
    told = [entry.detail for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert told == [{"rows": 1, "numbers": 1, "bad_rows": 0}] * 2


@pytest.mark.parametrize("channels", [("sms",), ("sms", "whatsapp")])
def test_an_import_answers_alike_and_brings_nobody_back(
    session: Session,
    organisation: Organisation,
    steward: Member,
    vault: Vault,
    settings: Settings,
    channels: tuple[str, ...],
) -> None:
    say_stop(session, vault, STOPPED)
    reports = []
    for number in (STOPPED, OTHER):
        lines = [a_file(number, channel=channel).decode().splitlines()[1] for channel in channels]
        data = "\n".join([HEADER, *lines]).encode()
        waiting = check_file(
            session, organisation.id, "f.csv", data, by=steward.id, vault=vault, settings=settings
        )
        before = dict(waiting.report)
        after = asdict(confirm(session, waiting, by=steward.id, vault=vault, settings=settings))
        assert {name: after[name] for name in ("rows", "added", "updated")} == {
            name: before[name] for name in ("rows", "added", "updated")
        }
        reports.append(after)
    assert reports[0] == reports[1]
    known = session.scalars(select(Address.number)).all()
    assert set(known) == {vault.number_hash(OTHER)}


@pytest.mark.both_databases
def test_a_member_has_so_many_files_checked_in_a_day(
    session: Session, organisation: Organisation, steward: Member
) -> None:
    for _ in range(watch.CHECKS_OF_MEMBER):
        spend_check(session, organisation.id, member_id=steward.id)
        a_check(session, organisation, steward)
    with pytest.raises(QuotaError):
        spend_check(session, organisation.id, member_id=steward.id)
    colleague = a_member(session, organisation, Role.STEWARD)
    spend_check(session, organisation.id, member_id=colleague.id)
    spend_check(session, organisation.id, member_id=None)
    session.execute(update(ContactImport).values(created_at=clock.now() - timedelta(hours=25)))
    spend_check(session, organisation.id, member_id=steward.id)


def test_an_organisation_has_so_many_files_checked_in_a_day(session: Session, organisation: Organisation) -> None:
    members = [a_member(session, organisation, Role.STEWARD) for _ in range(4)]
    for number in range(watch.CHECKS_OF_ORGANISATION):
        a_check(session, organisation, members[number % 3])
    with pytest.raises(QuotaError):
        spend_check(session, organisation.id, member_id=members[3].id)
    elsewhere = an_organisation(session)
    spend_check(session, elsewhere.id, member_id=a_member(session, elsewhere, Role.STEWARD).id)


def test_small_files_and_audiences_are_told_of_when_they_are_many(
    session: Session, organisation: Organisation, steward: Member
) -> None:
    author = a_member(session, organisation, Role.AUTHOR)
    for number in range(watch.MANY_LOOKS):
        assert Watched(author.name, Kind.AUDIENCES, number) not in find_watched(
            session, organisation.id, now=clock.now()
        )
        for _again in range(2):
            note_look(session, organisation.id, AudienceRule(place_ids=(number,)), member_id=author.id)
    for _ in range(watch.MANY_FILES):
        a_check(session, organisation, steward, rows=19)
        a_check(session, organisation, author, rows=20)
    found = find_watched(session, organisation.id, now=clock.now())
    assert found == [
        Watched(author.name, Kind.AUDIENCES, watch.MANY_LOOKS),
        Watched(steward.name, Kind.FILES, watch.MANY_FILES),
    ]
    assert find_watched(session, organisation.id, now=clock.now() + timedelta(hours=25)) == []
    assert find_watched(session, an_organisation(session).id, now=clock.now()) == []


@pytest.mark.both_databases
def test_looks_of_a_day_are_not_written_down_without_end(
    session: Session, organisation: Organisation, steward: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "MOST_LOOKS", 3)
    for number in range(5):
        note_look(session, organisation.id, AudienceRule(place_ids=(number,)), member_id=steward.id)
    assert session.scalar(select(func.count(SmallLook.id))) == 3


def test_walking_the_map_by_small_hotspots_tells_nothing_and_is_told_of(
    pages: Pages, client_for: Clients, vault: Vault
) -> None:
    """Each hotspot is one cell; at one of them is a person."""
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        places = [a_place(session, ours, name="Spot").id for _ in range(watch.MANY_LOOKS)]
        an_address(session, a_contact(session, ours), vault)
    walker = client_for(Role.AUTHOR)
    answers = {walker.get(f"/audience/preview?place_ids={place}").text for place in places}
    assert len(answers) == 1
    assert "fewer than 20" in answers.pop()
    for role in (Role.STEWARD, Role.ADMIN):
        assert "audiences of fewer than 20 people" in client_for(role).get("/").text
    assert "audiences of fewer than 20 people" not in client_for(Role.AUTHOR).get("/").text


@pytest.mark.parametrize(
    "page",
    [
        "/campaigns/{campaign}",
        "/campaigns/{campaign}/checks",
        "/campaigns/{campaign}/edit",
        "/campaigns/languages/{message}?audience={audience}",
    ],
)
def test_whatever_page_tells_of_a_small_audience_is_noted(pages: Pages, client_for: Clients, page: str) -> None:
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        audience = an_audience(session, ours, rule={"place_ids": [a_place(session, ours).id]})
        campaign = a_campaign(session, ours, a_member(session, ours), audience=audience)
        ids = {"campaign": campaign.id, "message": campaign.message_id, "audience": audience.id}
    author = client_for(Role.AUTHOR)
    for _ in range(2):
        assert author.get(page.format(**ids)).status_code == 200
    with pages.sessions() as session:
        assert session.scalar(select(func.count(SmallLook.id))) == 1


def test_too_many_checks_are_refused_on_the_page(pages: Pages, client_for: Clients) -> None:
    steward = pages.member(Role.STEWARD)
    with pages.sessions.begin() as session:
        for _ in range(watch.CHECKS_OF_MEMBER):
            a_check(session, session.merge(pages.ours), steward)
    given = {"file": (io.BytesIO(a_file(OTHER)), "people.csv")}
    answer = pages.client(steward).post("/audience/contacts/files", data=given)
    assert answer.status_code == 422
    assert "Within a day" in answer.text
    with pages.sessions() as session:
        assert session.scalar(select(func.count(ContactImport.id))) == watch.CHECKS_OF_MEMBER
