"""Of whom no mail reaches the next in reserve is told, at once, and the roster says it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from campaigns.commands.operating import mail
from campaigns.core import clock
from campaigns.core.mail.bounces import bounced_addresses, returned_ids
from campaigns.inbox.duty.models import Cause, Unreachable
from campaigns.inbox.duty.service import PlannedDuty, add_duty
from campaigns.inbox.duty.unreachable import load_unreachable, note_unreachable
from campaigns.inbox.escalation.models import EscalationSwitch
from campaigns.inbox.escalation.returned_mail import mark_mail, note_bounce, note_report
from campaigns.inbox.escalation.switch import PROOF_LIVES
from campaigns.inbox.escalation.trying_again import ATTEMPTS
from campaigns.staff.models import AuditEntry, Member, Role
from tests.inbox.escalation.watch import Watch
from tests.web.pages import Pages, make_pages

pytestmark = pytest.mark.one_database

Clients = Callable[..., FlaskClient]
ONE = "1 urgent conversation"
REPORT = b"""From: MAILER-DAEMON@example.org
To: mail@example.org
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It did not arrive: someone-else@example.org
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; Duty@example.org
Action: failed
Status: 5.1.1

Original-Recipient: rfc822; <lead@example.org>
Final-Recipient: rfc822; other@example.org
Action: failed

Final-Recipient: rfc822; late@example.org
Action: delayed

Final-Recipient: x400; nobody
Action: failed
--b--
"""


WHOLE = "Content-Type: message/rfc822\n\nFrom: mail@example.org\nMessage-ID: <{mark}@example.org>\n\nText.\n"
HEADERS = "Content-Type: text/rfc822-headers\n\nFrom: mail@example.org\nMessage-ID:\n <{mark}@example.org>\n"


def a_report(mark: str, returned: str = WHOLE) -> bytes:
    """Return the report, with the mail that came back."""
    return REPORT.removesuffix(b"--\n") + f"\n{returned.format(mark=mark)}\n--b--\n".encode()


def bounce(watch: Watch, name: str = "duty") -> bool:
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        return note_bounce(session, f"{name}@example.org")


def answer_all(watch: Watch) -> None:
    watch.answer()
    watch.post.take()


def test_report_names_whom_a_mail_did_not_reach() -> None:
    assert bounced_addresses(REPORT) == ["Duty@example.org", "lead@example.org"]


@pytest.mark.parametrize(
    "report", [b"", b"\0" * 9, b"Action: failed\n\n", REPORT[:80], b"Content-Type: multipart/x\n\n--"]
)
def test_what_is_no_report_names_nobody(report: bytes) -> None:
    assert bounced_addresses(report) == []


@pytest.mark.parametrize("returned", [WHOLE, HEADERS], ids=["whole", "headers"])
def test_report_returns_the_mail_that_came_back(returned: str) -> None:
    assert returned_ids(a_report("mark", returned)) == ["mark"]
    assert bounced_addresses(a_report("mark", returned)) == ["Duty@example.org", "lead@example.org"]
    assert returned_ids(REPORT) == []


@pytest.mark.parametrize("returned", [WHOLE, HEADERS], ids=["whole", "headers"])
def test_only_a_report_of_our_own_mail_is_believed(watch: Watch, returned: str) -> None:
    watch.wait()
    watch.pass_on(keep=True)
    (sent,) = watch.post.mails
    mark = sent["Message-ID"].strip("<>").partition("@")[0]
    key = watch.settings.secret_key
    with watch.sessions.begin() as session:
        ids = {row.name: row.id for row in session.execute(select(Member.name, Member.id))}
        for forged in ("A.".join(mark.rsplit(".", 1)), mark_mail("another key", ids["duty"]), "", "a.b.c"):
            assert note_report(session, a_report(forged, returned), secret_key=key) == 0
        assert note_report(session, REPORT, secret_key=key) == 0
        # It is a mail to another member that came back: neither of these two.
        assert note_report(session, a_report(mark_mail(key, ids["other"]), returned), secret_key=key) == 0
        assert session.scalars(select(Unreachable)).all() == []
        # The report names the lead as well, whose mail it does not return.
        assert note_report(session, a_report(mark, returned), secret_key=key) == 1
        assert session.scalars(select(Unreachable.email)).all() == ["duty@example.org"]


def test_mail_of_long_ago_comes_back_no_more(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    key = watch.settings.secret_key
    with watch.sessions.begin() as session:
        duty = session.scalars(select(Member.id).where(Member.name == "duty")).one()
        report = a_report(mark_mail(key, duty))
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 15 * 86400)
        assert note_report(session, report, secret_key=key) == 0
        monkeypatch.setattr(time, "time", lambda: now + 13 * 86400)
        assert note_report(session, report, secret_key=key) == 1


@pytest.mark.both_databases
def test_mail_that_comes_back_goes_on_to_the_next_at_once(watch: Watch) -> None:
    watch.wait()
    assert watch.pass_on() == [("duty", ONE)]
    assert bounce(watch)
    assert watch.pass_on() == [("lead", ONE), ("other", ONE), ("reserve", ONE)]
    assert watch.steps() == ["alert", "responders"]


def test_next_in_reserve_is_told_in_the_place_of_whom_no_mail_reaches(watch: Watch) -> None:
    bounce(watch)
    watch.wait()
    assert watch.pass_on() == [("reserve", ONE)]
    assert watch.pass_on(15) == [("lead", ONE), ("other", ONE), ("reserve", ONE)]


def test_where_no_mail_reaches_anybody_all_are_tried(watch: Watch) -> None:
    for name in ("duty", "lead", "reserve", "other"):
        bounce(watch, name)
    watch.wait()
    assert watch.pass_on() == [("duty", ONE)]


@pytest.mark.both_databases
def test_new_address_is_another_matter(watch: Watch) -> None:
    bounce(watch)
    with watch.sessions.begin() as session:
        session.execute(update(Member).where(Member.name == "duty").values(email="new@example.org"))
    watch.wait()
    assert watch.pass_on() == [("new", ONE)]


def test_whom_the_server_refuses_is_left_out_until_it_takes_one(watch: Watch) -> None:
    watch.post.refused = {"duty@example.org"}
    watch.wait()
    for _turn in range(ATTEMPTS):
        watch.pass_on(1.1)
    answer_all(watch)
    watch.wait()
    assert watch.pass_on(9) == [("reserve", ONE)]
    answer_all(watch)
    # After a day it is tried again.
    watch.post.refused = set()
    watch.now += timedelta(days=1)
    watch.wait()
    assert watch.pass_on() == [("duty", ONE)]
    with watch.sessions() as session:
        assert session.scalars(select(Unreachable)).all() == []


def test_of_whom_no_mail_can_be_written_to_the_next_are_told(watch: Watch) -> None:
    with watch.sessions.begin() as session:
        # An earlier version took such an address.
        duty = update(Member).where(Member.email == "duty@example.org")
        session.execute(duty.values(email="duty@[example.org"))
    watch.wait()
    assert watch.pass_on() == []
    assert watch.pass_on(1) == [(name, ONE) for name in ("lead", "other", "reserve")]


def test_one_refusal_is_not_enough(watch: Watch) -> None:
    watch.post.refused = {"duty@example.org"}
    watch.wait()
    watch.pass_on()
    with watch.sessions() as session:
        assert session.scalars(select(Unreachable)).all() == []


def test_outage_of_the_server_makes_nobody_unreachable(watch: Watch) -> None:
    watch.post.is_down = True
    for _wait in range(2):
        watch.wait()
        for _turn in range(ATTEMPTS):
            watch.pass_on(1.1)
        answer_all(watch)
    # The server is back, and refuses one try: what failed before says nothing of them.
    watch.wait()
    for _turn in range(3):
        watch.pass_on(1.1)
    watch.post.is_down, watch.post.refused = False, {"lead@example.org"}
    watch.pass_on(1.1)
    watch.post.refused = set()
    answer_all(watch)
    with watch.sessions() as session:
        assert session.scalars(select(Unreachable)).all() == []
    watch.now += timedelta(hours=1)
    watch.wait()
    assert watch.pass_on() == [("duty", ONE)]
    assert {"lead", "reserve"} <= {name for name, _subject in watch.pass_on(15)}


def test_stranger_who_bounces_is_nobody(watch: Watch) -> None:
    assert not bounce(watch, "stranger")


def test_bounce_is_noted_once_and_in_the_audit(watch: Watch) -> None:
    assert bounce(watch)
    assert bounce(watch)
    with watch.sessions() as session:
        (row,) = session.scalars(select(Unreachable)).all()
        assert row.cause == Cause.BOUNCED
        assert session.scalars(select(AuditEntry.action).where(AuditEntry.action == "member.bounce")).all() != []
        assert load_unreachable(session, [row.member_id + 1], now=watch.now) == {}


def test_roster_says_whom_no_mail_reaches_until_it_is_tried_again(pages: Pages, client_for: Clients) -> None:
    admin, who = client_for(Role.ADMIN), pages.member(Role.RESPONDER, name="Olena")
    with pages.sessions.begin() as session:
        add_duty(session, pages.ours.id, PlannedDuty("Day", range(7), 0, 0, (), [who.id], None, []), by=who.id)
    assert "Olena came back" not in admin.get("/settings/duty").text
    for cause, said in ((Cause.REFUSED, "refuses e-mail to Olena"), (Cause.BOUNCED, "E-mail to Olena came back")):
        with pages.sessions.begin() as session:
            note_unreachable(session, session.get_one(Member, who.id), cause)
        assert said in admin.get("/settings/duty").text
        assert said in client_for(Role.VIEWER).get("/settings/duty").text
    admin.post(f"/settings/duty/reachable/{who.id}")
    assert "E-mail to Olena came back" not in admin.get("/settings/duty").text


def test_old_proof_is_none(sqlite_engine: Engine) -> None:
    with make_pages(sqlite_engine, smtp_url="smtp://localhost") as pages:
        admin = pages.client(pages.member(Role.ADMIN))
        with pages.sessions.begin() as session:
            proved = clock.now() - PROOF_LIVES + timedelta(minutes=1)
            facts = {"organisation_id": pages.ours.id, "is_on": False, "wrong_codes": 0, "proved_at": proved}
            session.add(EscalationSwitch(**facts))
        assert "more than 90 days ago" not in admin.get("/settings/escalation").text
        with pages.sessions.begin() as session:
            session.execute(update(EscalationSwitch).values(proved_at=proved - timedelta(minutes=2)))
        assert "more than 90 days ago" in admin.get("/settings/escalation").text
        admin.post("/settings/escalation/switch", data={"on": "1"})
        with pages.sessions() as session:
            assert not session.scalar(select(EscalationSwitch.is_on))


@pytest.mark.parametrize("is_report", [True, False])
def test_command_takes_a_report_or_an_address(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, is_report: bool
) -> None:
    opened = watch.settings, watch.sessions
    monkeypatch.setattr("campaigns.commands.operating._opened", lambda: nullcontext(opened))
    with watch.sessions() as session:
        duty = session.scalars(select(Member.id).where(Member.name == "duty")).one()
    report = a_report(mark_mail(watch.settings.secret_key, duty))
    told: dict[str, Any] = {"args": ["bounced"], "input": report}
    answer = CliRunner().invoke(mail, **(told if is_report else {"args": ["bounced", "Duty@example.org"]}))
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("1 ")
    with watch.sessions() as session:
        assert session.scalars(select(Unreachable.email)).all() == ["duty@example.org"]
