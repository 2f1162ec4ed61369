"""A forgotten password is replaced by a link from a mail, once and soon; for whoever is trusted it takes two."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import Engine, select

from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.members.forgotten.asking_limits import PER_ADDRESS
from campaigns.members.forgotten.models import ResetLink
from campaigns.members.forgotten.reset_links import KEPT_FOR, forget_links
from campaigns.members.forgotten.reset_mails import ASKED_WITHIN, PAUSES, send_reset_mails
from campaigns.proposals.models import Proposal
from campaigns.staff.models import AuditEntry, Member, Role
from tests.moments import standing_at
from tests.web.pages import Pages, make_pages, page_settings

pytestmark = pytest.mark.one_database

SMTP = "smtps://mail.example.org"
CHOSEN = {"password": "violet cupboards drift north"}


class Box:
    """Takes mails, or none while it is closed."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.is_closed = False

    def __call__(self, message: EmailMessage) -> None:
        if self.is_closed:
            raise UnavailableError("The mail was not taken.")
        self.mails.append(message)

    def path(self) -> str:
        found = re.search(r"https?://[^/\s]+(/forgotten/\S+)", self.mails[-1].get_content())
        assert found is not None
        return found[1]


@pytest.fixture
def mailing(engine: Engine) -> Iterator[Pages]:
    """Pages of an instance that mails."""
    with make_pages(engine, smtp_url=SMTP) as pages:
        yield pages


@pytest.fixture
def box() -> Box:
    return Box()


def deliver(pages: Pages, engine: Engine, box: Box) -> int:
    return send_reset_mails(pages.sessions, page_settings(engine, smtp_url=SMTP), box)


def ask(pages: Pages, email: str) -> str:
    answer = pages.client().post("/forgotten", data={"email": email})
    assert answer.status_code == 200
    return re.sub(r'nonce="[^"]*"', "", answer.text)


def member_as_is(pages: Pages, member: Member) -> Member:
    with pages.sessions() as session:
        return session.get_one(Member, member.id)


def test_link_changes_the_password_once_and_ends_sessions(mailing: Pages, engine: Engine, box: Box) -> None:
    member = mailing.member(Role.AUTHOR, tf_totp_secret="kept")
    old = mailing.client(member)
    ask(mailing, member.email.upper())
    assert deliver(mailing, engine, box) == 1
    assert box.mails[0]["To"] == member.email
    path = box.path()
    # Opening it changes nothing.
    assert [mailing.client().get(path).status_code for _ in range(2)] == [200, 200]
    assert mailing.client().post(path, data=CHOSEN).location == "/sign-in"
    assert mailing.client().post(path, data=CHOSEN).status_code == 403
    changed = member_as_is(mailing, member)
    assert (changed.password != member.password, changed.tf_totp_secret) == (True, "kept")
    assert old.get("/").status_code == 302
    assert deliver(mailing, engine, box) == 1
    assert "has changed" in box.mails[1]["Subject"]
    assert deliver(mailing, engine, box) == 0
    signed_in = mailing.client().post("/sign-in", data={"email": member.email, **CHOSEN})
    assert signed_in.status_code == 302


def test_answer_is_the_same_for_everybody(mailing: Pages, engine: Engine, box: Box) -> None:
    member, barred = mailing.member(Role.AUTHOR), mailing.member(Role.AUTHOR, active=False)
    assert ask(mailing, member.email) == ask(mailing, "nobody@example.org") == ask(mailing, barred.email)
    assert deliver(mailing, engine, box) == 1


def test_link_holds_for_a_quarter_of_an_hour(mailing: Pages, engine: Engine, box: Box) -> None:
    ask(mailing, mailing.member(Role.AUTHOR).email)
    deliver(mailing, engine, box)
    with standing_at(clock.now() + timedelta(minutes=16)):
        assert mailing.client().post(box.path(), data=CHOSEN).status_code == 403


def test_database_has_no_token(mailing: Pages, engine: Engine, box: Box) -> None:
    ask(mailing, mailing.member(Role.AUTHOR).email)
    deliver(mailing, engine, box)
    with mailing.sessions() as session:
        link = session.scalars(select(ResetLink)).one()
        assert link.token_hash is not None
        assert link.token_hash not in box.path()
        assert box.path().rpartition("/")[2] not in link.token_hash


@pytest.mark.parametrize("role", [Role.APPROVER, Role.STEWARD, Role.ADMIN])
def test_second_administrator_confirms_for_whoever_is_trusted(
    mailing: Pages, engine: Engine, box: Box, role: Role
) -> None:
    member, admin = mailing.member(role), mailing.member(Role.ADMIN)
    ask(mailing, member.email)
    deliver(mailing, engine, box)
    answer = mailing.client().post(box.path(), data=CHOSEN)
    assert "An administrator has to confirm" in answer.text
    assert member_as_is(mailing, member).password == member.password
    with mailing.sessions() as session:
        proposal_id = session.scalars(select(Proposal.id)).one()
    assert mailing.client(member).post(f"/proposals/{proposal_id}/agree").status_code != 200
    assert member_as_is(mailing, member).password == member.password
    client = mailing.client(admin)
    assert "New password chosen by mail" in client.get("/").text
    client.post(f"/proposals/{proposal_id}/agree")
    assert member_as_is(mailing, member).password != member.password
    with mailing.sessions() as session:
        assert session.get_one(Proposal, proposal_id).after == {}
        told = [entry for entry in session.scalars(select(AuditEntry)) if "argon2" in str(entry.detail)]
        assert told == []
    assert deliver(mailing, engine, box) == 1
    assert mailing.client().post("/sign-in", data={"email": member.email, **CHOSEN}).status_code == 302


def test_refused_password_is_forgotten(mailing: Pages, engine: Engine, box: Box) -> None:
    member, admin = mailing.member(Role.APPROVER), mailing.member(Role.ADMIN)
    ask(mailing, member.email)
    deliver(mailing, engine, box)
    mailing.client().post(box.path(), data=CHOSEN)
    with mailing.sessions() as session:
        proposal_id = session.scalars(select(Proposal.id)).one()
    mailing.client(admin).post(f"/proposals/{proposal_id}/refuse")
    with mailing.sessions() as session:
        assert session.get_one(Proposal, proposal_id).after == {}
    assert member_as_is(mailing, member).password == member.password


def test_address_gets_three_links_an_hour(mailing: Pages, engine: Engine, box: Box) -> None:
    member = mailing.member(Role.AUTHOR)
    answers = {ask(mailing, member.email) for _ in range(PER_ADDRESS + 1)}
    assert len(answers) == 1
    assert deliver(mailing, engine, box) == PER_ADDRESS


def test_mail_that_is_not_taken_is_tried_again_with_another_link(
    mailing: Pages, engine: Engine, box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    member = mailing.member(Role.AUTHOR)
    ask(mailing, member.email)
    box.is_closed = True
    assert deliver(mailing, engine, box) == 0
    assert member.email not in caplog.text
    box.is_closed = False
    asked = clock.now()
    assert deliver(mailing, engine, box) == 0
    with standing_at(asked + PAUSES[0] + timedelta(seconds=1)):
        assert deliver(mailing, engine, box) == 1
        assert mailing.client().get(box.path()).status_code == 200
    ask(mailing, member.email)
    with standing_at(clock.now() + ASKED_WITHIN):
        assert deliver(mailing, engine, box) == 0


def test_second_worker_ends_no_link_that_is_on_its_way(mailing: Pages, engine: Engine, box: Box) -> None:
    ask(mailing, mailing.member(Role.AUTHOR).email)
    others: list[int] = []

    def slow_server(message: EmailMessage) -> None:
        box(message)
        others.append(deliver(mailing, engine, box))

    assert send_reset_mails(mailing.sessions, page_settings(engine, smtp_url=SMTP), slow_server) == 1
    assert (others, len(box.mails)) == ([0], 1)
    assert mailing.client().get(box.path()).status_code == 200


@pytest.mark.both_databases
def test_member_is_told_of_the_change_once_the_server_takes_it(mailing: Pages, engine: Engine, box: Box) -> None:
    ask(mailing, mailing.member(Role.AUTHOR).email)
    deliver(mailing, engine, box)
    mailing.client().post(box.path(), data=CHOSEN)
    box.is_closed = True
    assert deliver(mailing, engine, box) == 0
    box.is_closed = False
    with standing_at(clock.now() + PAUSES[0]):
        assert deliver(mailing, engine, box) == 1
        assert "has changed" in box.mails[-1]["Subject"]
        assert deliver(mailing, engine, box) == 0


def test_nothing_is_chosen_that_nobody_can_confirm(mailing: Pages, engine: Engine, box: Box) -> None:
    member = mailing.member(Role.ADMIN)
    ask(mailing, member.email)
    deliver(mailing, engine, box)
    page = mailing.client().get(box.path()).text
    assert ("and there is none" in page, 'name="password"' in page) == (True, False)
    mailing.client().post(box.path(), data=CHOSEN)
    mailing.member(Role.ADMIN)
    assert "An administrator has to confirm" in mailing.client().post(box.path(), data=CHOSEN).text


@pytest.mark.both_databases
def test_password_that_was_chosen_again_is_forgotten(mailing: Pages, engine: Engine, box: Box) -> None:
    member, _ = mailing.member(Role.APPROVER), mailing.member(Role.ADMIN)
    for _ in range(2):
        ask(mailing, member.email)
        deliver(mailing, engine, box)
        mailing.client().post(box.path(), data=CHOSEN)
    with mailing.sessions() as session:
        first, second = session.scalars(select(Proposal).order_by(Proposal.id))
        assert (first.after, set(second.after)) == ({}, {"password", "link"})
    with standing_at(clock.now() + KEPT_FOR):
        forget_links(mailing.sessions)
    with mailing.sessions() as session:
        assert [each.after for each in session.scalars(select(Proposal))] == [{}, {}]
        assert session.scalars(select(ResetLink)).all() == []


@pytest.mark.both_databases
def test_choice_is_kept_while_its_link_is(mailing: Pages, engine: Engine, box: Box) -> None:
    mailing.member(Role.ADMIN)
    earlier = clock.now() - timedelta(minutes=30)
    for at in (earlier, clock.now()):
        with standing_at(at):
            ask(mailing, mailing.member(Role.APPROVER).email)
            deliver(mailing, engine, box)
            mailing.client().post(box.path(), data=CHOSEN)
    with standing_at(earlier + KEPT_FOR):
        forget_links(mailing.sessions)
    with mailing.sessions() as session:
        gone, stands = session.scalars(select(Proposal).order_by(Proposal.id))
        assert (gone.after, stands.after["link"]) == ({}, session.scalars(select(ResetLink.id)).one())


def test_without_mail_an_administrator_is_named(pages: Pages) -> None:
    page = pages.client().get("/forgotten").text
    assert ("sends no e-mail" in page, "<input" in page.split("<main")[1]) == (True, False)


def test_new_member_is_invited_by_mail(mailing: Pages, engine: Engine, box: Box) -> None:
    admin = mailing.client(mailing.member(Role.ADMIN))
    added = admin.post(
        "/settings/members/add", data={"name": "Marek", "email": "marek@example.org", "roles": ["author"]}
    )
    assert "An invitation goes to marek@example.org" in added.text
    deliver(mailing, engine, box)
    assert ("invited" in box.mails[0]["Subject"], "/sign-in" in box.mails[0].get_content()) == (True, True)
    assert "Welcome, Marek" in mailing.client().get(box.path()).text
    assert mailing.client().post(box.path(), data=CHOSEN).location == "/sign-in"
    # Whoever comes too late asks for another link.
    ask(mailing, "marek@example.org")
    assert deliver(mailing, engine, box) == 2


def test_invitation_by_mail_is_over_once_a_password_was_chosen(mailing: Pages, engine: Engine, box: Box) -> None:
    """Else whoever reads the mail sets a trusted member's password, and nobody confirms it."""
    admin = mailing.client(mailing.member(Role.ADMIN))
    form = {"name": "Marek", "email": "marek@example.org", "roles": ["admin", "approver"]}
    shown = re.search(
        r'id="invitation" href="https?://[^/]+([^"]+)"', admin.post("/settings/members/add", data=form).text
    )
    assert shown is not None
    deliver(mailing, engine, box)
    assert mailing.client().post(shown[1], data=CHOSEN).location == "/"
    other = {"password": "three patient herons wading"}
    assert [
        mailing.client().get(box.path()).status_code,
        mailing.client().post(box.path(), data=other).status_code,
    ] == [
        403,
        403,
    ]
    signed_in = mailing.client().post("/sign-in", data={"email": "marek@example.org", **CHOSEN})
    assert signed_in.status_code == 302


@pytest.mark.parametrize("is_late", [False, True])
def test_new_one_time_password_ends_an_invitation_by_mail(
    mailing: Pages, engine: Engine, box: Box, is_late: bool
) -> None:
    """It is how an administrator takes back an invitation that went to a wrong address."""
    admin = mailing.client(mailing.member(Role.ADMIN))
    admin.post("/settings/members/add", data={"name": "Marek", "email": "marek@example.org", "roles": ["author"]})
    with mailing.sessions() as session:
        marek = session.scalars(select(Member).where(Member.email == "marek@example.org")).one()
    box.is_closed = is_late
    assert deliver(mailing, engine, box) == (0 if is_late else 1)
    assert admin.post(f"/settings/members/{marek.id}/password").status_code == 200
    box.is_closed = False
    with standing_at(clock.now() + PAUSES[0]):
        assert deliver(mailing, engine, box) == 0
    if not is_late:
        assert mailing.client().get(box.path()).status_code == 403
        assert mailing.client().post(box.path(), data=CHOSEN).status_code == 403
