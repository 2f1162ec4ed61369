"""Escalation is switched on by whoever has read a test mail, and shows before what it would do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.core.settings import Settings
from campaigns.inbox.duty.service import PlannedDuty, add_duty
from campaigns.inbox.escalation.member_mails import send_mails
from campaigns.inbox.escalation.models import EscalationSwitch, PostState, StepMail
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import AuditEntry, Role
from tests.web.pages import Pages, make_pages, page_settings

Clients = Callable[..., FlaskClient]
PAGE = "/settings/escalation"
SERVER = "smtp://localhost"


@pytest.fixture
def pages(sqlite_engine: Engine) -> object:
    with make_pages(sqlite_engine, smtp_url=SERVER) as pages:
        yield pages


@pytest.fixture
def settings(sqlite_engine: Engine) -> Settings:
    return page_settings(sqlite_engine, smtp_url=SERVER)


def send_test(client: FlaskClient, pages: Pages, settings: Settings) -> str:
    """Ask for a test mail, let the worker send it, and return its code."""
    mails: list[EmailMessage] = []
    client.post(f"{PAGE}/test")
    assert send_mails(pages.sessions, settings, mails.append) == 1
    assert send_mails(pages.sessions, settings, mails.append) == 0
    code: str = mails[0].get_content().split()[-1]
    return code


def is_on(pages: Pages) -> bool:
    with pages.sessions() as session:
        return bool(session.scalar(select(EscalationSwitch.is_on)))


def test_code_of_a_test_mail_switches_it_on(pages: Pages, client_for: Clients, settings: Settings) -> None:
    client = client_for(Role.ADMIN)
    assert "No test mail was read yet." in client.get(PAGE).text
    client.post(f"{PAGE}/switch", data={"on": "1"})
    assert not is_on(pages)
    code = send_test(client, pages, settings)
    client.post(f"{PAGE}/prove", data={"code": f" {code[:4]} {code[4:]} "})
    assert "A test mail was read" in client.get(PAGE).text
    client.post(f"{PAGE}/switch", data={"on": "1"})
    assert is_on(pages)
    client.post(f"{PAGE}/switch", data={"on": "0"})
    assert not is_on(pages)
    with pages.sessions() as session:
        about_switch = select(AuditEntry.action).where(AuditEntry.subject_type == "escalation_switch")
        acts = session.scalars(about_switch.order_by(AuditEntry.id))
        assert [each.partition(".")[2] for each in acts] == ["test", "prove", "switch_on", "switch_off"]


def test_wrong_codes_end_it(pages: Pages, client_for: Clients, settings: Settings) -> None:
    client = client_for(Role.ADMIN)
    code = send_test(client, pages, settings)
    wrong = f"{(int(code) + 1) % 10**8:08}"
    for _each in range(5):
        answer = client.post(f"{PAGE}/prove", data={"code": wrong}, follow_redirects=True)
        assert "This is not the code of the last test mail." in answer.text
    answer = client.post(f"{PAGE}/prove", data={"code": code}, follow_redirects=True)
    assert "No test mail waits for its code any more." in answer.text


def test_old_code_is_no_proof(pages: Pages, client_for: Clients, settings: Settings) -> None:
    client = client_for(Role.ADMIN)
    code = send_test(client, pages, settings)
    with pages.sessions.begin() as session:
        session.execute(update(EscalationSwitch).values(code_made_at=clock.now() - timedelta(hours=2)))
    answer = client.post(f"{PAGE}/prove", data={"code": code}, follow_redirects=True)
    assert "No test mail waits for its code any more." in answer.text


def test_refused_test_mail_is_told(pages: Pages, client_for: Clients, settings: Settings) -> None:
    def refuse(message: EmailMessage) -> None:
        raise UnavailableError("no")

    client = client_for(Role.ADMIN)
    client.post(f"{PAGE}/test")
    assert send_mails(pages.sessions, settings, refuse) == 0
    assert "The mail server did not take the test mail." in client.get(PAGE).text


def test_without_a_server_nothing_is_switched_on(sqlite_engine: Engine) -> None:
    with make_pages(sqlite_engine) as pages:
        client = pages.client(pages.member(Role.ADMIN))
        assert "No mail server is configured" in client.get(PAGE).text
        answer = client.post(f"{PAGE}/test", follow_redirects=True)
        assert "No mail server is configured" in answer.text
        client.post(f"{PAGE}/switch", data={"on": "1"})
        assert not is_on(pages)


def test_rehearsal_names_who_would_be_told_when(pages: Pages, client_for: Clients) -> None:
    admin = client_for(Role.ADMIN)
    who = [
        pages.member(Role.RESPONDER, name=name, languages=[code]) for name, code in (("Ira", "uk"), ("Omar", "ar"))
    ]
    with pages.sessions.begin() as session:
        planned = PlannedDuty("Day", range(7), 0, 0, (), [each.id for each in who], who[1].id, [])
        add_duty(session, pages.ours.id, planned, by=who[0].id)
    first = admin.get(f"{PAGE}?language=uk").text.partition("Everybody who answers")[0]
    assert "Ira" in first
    assert "Omar" not in first
    assert "Omar" in admin.get(f"{PAGE}?language=ar").text.partition("Everybody who answers")[0]


def test_member_whose_mail_is_not_taken_is_named(pages: Pages, client_for: Clients) -> None:
    who, now = pages.member(Role.RESPONDER, name="Olena"), clock.now()
    with pages.sessions.begin() as session:
        for state in (PostState.SENT, PostState.FAILED):
            facts = {"urgency": Urgency.DANGER, "conversations": 1, "attempts": 1, "created_at": now}
            mail = StepMail(organisation_id=pages.ours.id, member_id=who.id, state=state, changed_at=now, **facts)
            session.add(mail)
            session.flush()
    told = client_for(Role.ADMIN).get(PAGE).text.partition("The last e-mail was not taken for:")[2]
    assert "Olena" in told.partition("</p>")[0]
