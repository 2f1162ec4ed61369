"""Readers get one mail a released period, with a link and no figure; what it opens ends and can be taken back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from email.message import EmailMessage
from smtplib import SMTPRecipientsRefused

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import InputError, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.reach.releases.models import MailState, ReportMail, ReportReader
from campaigns.reach.releases.readers import mailing
from campaigns.reach.releases.readers.mailing import AGAIN_AFTER, ATTEMPTS, send_reports
from campaigns.reach.releases.readers.service import LINK_DAYS, add_reader, remove_reader
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_member
from tests.reach.releases.reached import SETTLED
from tests.reach.releases.test_pages import Clients, make_march
from tests.web.pages import Pages, page_settings


@pytest.fixture(autouse=True)
def in_april() -> Iterator[None]:
    with clock.running_on(lambda: SETTLED):
        yield


class Postbox:
    """Takes mails, or refuses them while it is closed."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.is_closed = False

    def __call__(self, message: EmailMessage) -> None:
        if self.is_closed:
            refused = SMTPRecipientsRefused({str(message["To"]): (550, b"no such user")})
            raise UnavailableError("The mail was not taken.") from refused
        self.mails.append(message)

    def link(self) -> str:
        text: str = self.mails[-1].get_content()
        return next(word for word in text.split() if "/publications/" in word).partition("/publications/")[2]


@pytest.fixture
def post(pages: Pages) -> Postbox:
    return Postbox()


def a_reader_of(pages: Pages, vault: Vault, every: str = "month", language: str = "en") -> int:
    with pages.sessions.begin() as session:
        by = a_member(session, pages.ours).id
        address = f"{every}-{language}@example.org"
        return add_reader(session, vault, pages.ours.id, address=address, language=language, every=every, by=by).id


def send(pages: Pages, engine: Engine, post: Postbox) -> int:
    return send_reports(pages.sessions, page_settings(engine), post)


def test_reader_gets_one_mail_without_figures(pages: Pages, vault: Vault, engine: Engine, post: Postbox) -> None:
    a_reader_of(pages, vault)
    a_reader_of(pages, vault, every="quarter")
    assert send(pages, engine, post) == 0
    make_march(pages, people=40)
    make_march(pages, pages.theirs, reason="theirs")
    assert (send(pages, engine, post), send(pages, engine, post)) == (1, 0)
    assert [mail["To"] for mail in post.mails] == ["month-en@example.org"]
    assert "40" not in post.mails[0].get_content().replace(post.link(), "").replace("90 days", "")


def test_log_names_no_reader(
    pages: Pages, vault: Vault, engine: Engine, post: Postbox, caplog: pytest.LogCaptureFixture
) -> None:
    a_reader_of(pages, vault)
    make_march(pages, people=40)
    post.is_closed = True
    send(pages, engine, post)
    assert "a report could not be sent: SMTPRecipientsRefused" in caplog.text
    assert "example.org" not in caplog.text


def test_link_opens_releases_and_files(pages: Pages, vault: Vault, engine: Engine, post: Postbox) -> None:
    a_reader_of(pages, vault)
    release = make_march(pages, people=40)
    send(pages, engine, post)
    client, word = pages.client(), post.link()
    listed = client.get(f"/publications/{word}")
    assert "March 2026" in listed.text
    assert "Set-Cookie" not in listed.headers
    shown = client.get(f"/publications/{word}/{release.id}").text
    assert ">40</td>" in shown
    assert "<script" not in shown
    # Fewer than ten are nowhere told from nobody, so no pattern stands for nobody.
    assert ("nobody</li>" in shown, "10 to 19</li>" in shown) == (False, True)
    assert client.get(f"/publications/{word}/{release.id}/json").data == release.body
    foreign = make_march(pages, pages.theirs, reason="theirs")
    assert client.get(f"/publications/{word}/{foreign.id}").status_code == 404


def test_reader_of_what_was_corrected_is_told_so(
    pages: Pages, vault: Vault, engine: Engine, post: Postbox
) -> None:
    a_reader_of(pages, vault)
    first = make_march(pages, people=40)
    send(pages, engine, post)
    client, word = pages.client(), post.link()
    assert "Earlier and corrected" not in client.get(f"/publications/{word}/{first.id}").text
    second = make_march(pages, reason="Late receipts")
    page = client.get(f"/publications/{word}/{first.id}").text
    assert f'href="/publications/{word}/{second.id}"' in page
    assert "Publication no. 2" in page


def test_mail_that_two_workers_try_again_is_sent_once(
    pages: Pages, vault: Vault, engine: Engine, post: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_reader_of(pages, vault)
    make_march(pages)
    post.is_closed = True
    send(pages, engine, post)
    both_have_looked, look = threading.Barrier(2), mailing._due

    def look_and_wait(session: Session) -> Iterator[mailing.Due]:
        found = list(look(session))
        with suppress(threading.BrokenBarrierError):
            both_have_looked.wait(0.5)
        return iter(found)

    monkeypatch.setattr(mailing, "_due", look_and_wait)
    post.is_closed = False
    with clock.running_on(lambda: SETTLED + AGAIN_AFTER + timedelta(seconds=1)):
        workers = [threading.Thread(target=send, args=(pages, engine, post)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(post.mails) == 1


def test_link_ends_and_is_taken_back(pages: Pages, vault: Vault, engine: Engine, post: Postbox) -> None:
    reader_id = a_reader_of(pages, vault)
    make_march(pages)
    send(pages, engine, post)
    client, word = pages.client(), post.link()
    assert client.get(f"/publications/{word}x").status_code == 403
    assert client.get(f"/publications/{word}").status_code == 200
    with pages.sessions.begin() as session:
        reader = session.get_one(ReportReader, reader_id)
        remove_reader(session, reader, by=a_member(session, pages.ours).id)
    assert client.get(f"/publications/{word}").status_code == 403
    assert LINK_DAYS == 90


def test_reader_who_comes_back_gets_new_links_only(
    pages: Pages, vault: Vault, engine: Engine, post: Postbox
) -> None:
    reader_id = a_reader_of(pages, vault)
    make_march(pages)
    send(pages, engine, post)
    client, word = pages.client(), post.link()
    with pages.sessions.begin() as session:
        reader = session.get_one(ReportReader, reader_id)
        address = vault.open(reader.address, table="report_reader", column="address", row_id=reader.id)
        by = a_member(session, pages.ours).id
        remove_reader(session, reader, by=by)
        # Nothing of somebody who was removed is kept.
        assert (reader.address, vault.lookup_hash("email", address) == reader.lookup) == (b"", False)
        again = add_reader(session, vault, pages.ours.id, address=address, language="en", every="month", by=by)
        assert again.id != reader_id
    assert client.get(f"/publications/{word}").status_code == 403


def test_use_of_links_is_told_to_the_audit_once_an_hour(
    pages: Pages, vault: Vault, engine: Engine, post: Postbox
) -> None:
    reader_id = a_reader_of(pages, vault)
    make_march(pages)
    send(pages, engine, post)
    for _ in range(5):
        pages.client().get(f"/publications/{post.link()}")
    with pages.sessions() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "report.read"))
    assert (entry.subject_id, entry.organisation_id) == (reader_id, pages.ours.id)
    assert post.link() not in str(entry.detail)


def test_mail_is_written_in_the_language_of_its_reader(
    pages: Pages, vault: Vault, engine: Engine, post: Postbox
) -> None:
    a_reader_of(pages, vault, language="uk")
    make_march(pages)
    send(pages, engine, post)
    assert "2026-03" in post.mails[0]["Subject"]
    assert "Новий звіт" in post.mails[0]["Subject"]


@pytest.mark.both_databases
def test_refused_mail_is_tried_again_and_given_up(
    pages: Pages, vault: Vault, engine: Engine, post: Postbox
) -> None:
    a_reader_of(pages, vault)
    make_march(pages)
    post.is_closed = True
    for attempt in range(ATTEMPTS + 2):
        with clock.running_on(lambda: SETTLED + attempt * AGAIN_AFTER):  # noqa: B023
            assert send(pages, engine, post) == 0
    with pages.sessions() as session:
        mail = session.scalars(select(ReportMail)).one()
    assert (mail.state, mail.attempts) == (MailState.FAILED, ATTEMPTS)


def test_mail_that_cannot_be_written_holds_up_no_other(
    pages: Pages, vault: Vault, engine: Engine, post: Postbox
) -> None:
    reader_id = a_reader_of(pages, vault, language="uk")
    with pages.sessions.begin() as session:
        reader = session.get_one(ReportReader, reader_id)
        # An earlier version took it, and no mail can be made of it.
        reader.address = vault.seal("a@[example.org", table="report_reader", column="address", row_id=reader.id)
    a_reader_of(pages, vault)
    make_march(pages)
    assert send(pages, engine, post) == 1
    assert [mail["To"] for mail in post.mails] == ["month-en@example.org"]
    with pages.sessions() as session:
        assert set(session.scalars(select(ReportMail.state))) == {MailState.FAILED, MailState.SENT}


def test_new_reader_hears_nothing_of_what_was_before(
    pages: Pages, vault: Vault, engine: Engine, post: Postbox
) -> None:
    make_march(pages)
    with clock.running_on(lambda: SETTLED + timedelta(hours=1)):
        a_reader_of(pages, vault)
        assert send(pages, engine, post) == 0


@pytest.mark.parametrize(
    "address",
    ["", "x", "a@b", "a b@example.org", "a@example.org\nBcc: b@example.org", "a@[example.org", "a..b@example.org"],
)
def test_what_is_no_address_is_refused(
    sessions: sessionmaker[Session], pages: Pages, vault: Vault, address: str
) -> None:
    with sessions.begin() as session, pytest.raises(InputError):
        add_reader(session, vault, pages.ours.id, address=address, language="en", every="month", by=1)


@pytest.mark.both_databases
def test_steward_adds_and_removes_readers(pages: Pages, client_for: Clients) -> None:
    steward = client_for(Role.STEWARD)
    given = {"address": "Partner@Example.org", "language": "ar", "every": "quarter"}
    page = steward.post("/reach/publications/readers", data=given, follow_redirects=True).text
    assert "partner@example.org" in page
    assert "gets reports already" in steward.post("/reach/publications/readers", data=given).text
    with pages.sessions() as session:
        reader = session.scalars(select(ReportReader)).one()
    assert b"partner" not in reader.address
    gone = steward.post(f"/reach/publications/readers/{reader.id}/remove", follow_redirects=True).text
    assert "partner@example.org" not in gone
