"""The composer's pages: hints and costs while writing, versions, partners, glossary."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from campaigns.core import clock
from campaigns.messages.models import GlossaryTerm, Message
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.staff.models import Role
from tests.factories import a_message, a_service
from tests.web.pages import Pages

TERM = {"source_language": "en", "term": "passport", "language": "uk", "wording": "паспорт*", "note": ""}


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite only: what differs between the databases is tested below the pages."""
    return sqlite_engine


@pytest.fixture
def author(client_for: Callable[..., FlaskClient]) -> FlaskClient:
    return client_for(Role.AUTHOR)


@pytest.fixture
def message_id(pages: Pages) -> int:
    with pages.sessions.begin() as session:
        return int(a_message(session, pages.ours, {"en": "Keep your passport. ((hotline))"}).id)


def measured(author: FlaskClient, message_id: int, language: str, **fields: str) -> str:
    answer = author.post(f"/messages/{message_id}/{language}/measure", data=fields)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def test_measure_tells_cost_and_savings(author: FlaskClient, message_id: int) -> None:
    page = measured(author, message_id, "en", body="Don’t go – ask first. " * 4)
    assert "With plain signs that look the same: 1 part." in page
    assert re.search(r"As SMS, \$\d+\.\d\d to \$\d+\.\d\d for each person", page)


def test_link_to_leave_is_counted_where_it_takes_another_part(author: FlaskClient, message_id: int) -> None:
    words = "Over a sender that nobody can answer: 2 parts"
    # The word alone fits; the link that stands for it there does not.
    assert words in measured(author, message_id, "en", body="a" * 130 + " ((stop))")
    assert words not in measured(author, message_id, "en", body="a" * 60 + " ((stop))")
    assert words not in measured(author, message_id, "en", body="a" * 140)


def test_measure_hints_at_plain_language(author: FlaskClient, message_id: int) -> None:
    page = measured(author, message_id, "en", body="NEVER GIVE IT. Call 0800 123 456")
    assert "Capital letters shout: “NEVER GIVE IT”" in page
    assert "write ((hotline)) for “0800 123 456”" in page


def test_text_is_shown_with_each_signpost(pages: Pages, author: FlaskClient, message_id: int) -> None:
    with pages.sessions.begin() as session:
        for name, country in (("Polish line", "PL"), ("Romanian line", "RO")):
            today = clock.now().date()
            a_service(session, pages.ours, name=name, country=country, languages=["en"], verified_on=today)
    page = measured(author, message_id, "en", body="Call ((hotline))")
    assert "Preview with 2 helplines" in page
    assert "Poland with a foreign SIM" in page
    assert "Romanian line" in page


def test_channel_words_are_kept_and_measured(author: FlaskClient, message_id: int) -> None:
    fields = {"body": "Keep it. ((hotline))", "sms": "Passport! ((hotline))"}
    assert "SMS: 1 SMS" in measured(author, message_id, "en", **fields)
    author.post(f"/messages/{message_id}/en", data=fields)
    assert "Passport! ((hotline))</textarea>" in author.get(f"/messages/{message_id}/en").text
    wrong = author.post(f"/messages/{message_id}/en", data=fields | {"sms": "((place))"})
    assert (wrong.status_code, "the text for all has not" in wrong.text) == (422, True)


def test_draft_is_marked_and_not_reviewed(
    author: FlaskClient, message_id: int, client_for: Callable[..., FlaskClient]
) -> None:
    page = f"/messages/{message_id}/uk"
    author.post(page, data={"body": "Чернетка", "is_draft": "y", "back_translation": "A draft"})
    shown = client_for(Role.APPROVER).get(page).text
    assert "This is a draft." in shown
    assert "A draft" in shown
    assert f"{page}/review" not in shown


def test_stale_text_shows_what_changed(author: FlaskClient, message_id: int) -> None:
    author.post(f"/messages/{message_id}/uk", data={"body": "Тримайте паспорт. ((hotline))"})
    author.post(f"/messages/{message_id}/en", data={"body": "Keep your papers. ((hotline))"})
    page = author.get(f"/messages/{message_id}/uk").text
    assert re.search(r"<del>.*passport</del>\s*<ins>.*papers</ins>", page)


def test_versions_are_listed_and_compared(author: FlaskClient, message_id: int) -> None:
    author.post(f"/messages/{message_id}/en", data={"body": "Keep your papers. ((hotline))"})
    assert "papers</ins>" in author.get(f"/messages/{message_id}/versions").text
    assert "Keep your passport." in author.get(f"/messages/{message_id}/versions/1").text
    assert "passport</del>" in author.get(f"/messages/{message_id}/versions/2?since=1").text
    for address in ("versions/9", "versions/1?since=2", "versions/2?since=7"):
        assert author.get(f"/messages/{message_id}/{address}").status_code == 404


def test_partner_copies_a_shared_message(pages: Pages, author: FlaskClient) -> None:
    with pages.sessions.begin() as session:
        shared_id = a_message(session, pages.theirs, title="Theirs", is_shared=True).id
    assert "Theirs" in author.get("/messages/partners").text
    assert "Паспорт тримайте при собі." in author.get(f"/messages/partners/{shared_id}").text
    page = author.post(f"/messages/partners/{shared_id}/copy", follow_redirects=True).text
    assert f"Copied from {pages.theirs.name}, version 1." in page
    assert "Theirs has not changed since." in page


def test_message_is_shared_and_withdrawn(pages: Pages, author: FlaskClient, message_id: int) -> None:
    for fields, words in (({"shared": "1"}, "Share no longer"), ({}, "Share with partners")):
        page = author.post(f"/messages/{message_id}/share", data=fields, follow_redirects=True).text
        assert words in page
    with pages.sessions() as session:
        assert not session.get_one(Message, message_id).is_shared


def test_withdrawn_version_says_so(pages: Pages, author: FlaskClient, message_id: int) -> None:
    words = "is sent to nobody any more: Wrong hotline"
    author.post(f"/messages/{message_id}/en", data={"body": "Keep your passport."})
    with pages.sessions.begin() as session:
        message = session.get_one(Message, message_id)
        withdraw_version(session, message, message.version, by=1, reason="Wrong hotline")
    assert words in author.get(f"/messages/{message_id}/en").text
    assert words in author.get(f"/messages/{message_id}/versions/{message.version}").text
    author.post(f"/messages/{message_id}/en", data={"body": "Keep your passport with you."})
    assert words not in author.get(f"/messages/{message_id}/en").text
    assert words in author.get(f"/messages/{message_id}/versions/{message.version}").text
    assert words not in author.get(f"/messages/{message_id}/versions/{message.version + 1}").text


def test_later_version_tells_in_which_languages_it_says_what_was_withdrawn(
    pages: Pages, author: FlaskClient, message_id: int
) -> None:
    with pages.sessions.begin() as session:
        message = session.get_one(Message, message_id)
        wrong = message.translations[0].text
        withdraw_version(session, message, message.version, by=1, reason="Wrong hotline.")
    told = "Wrong hotline. What it says in"
    author.post(f"/messages/{message_id}/en", data={"body": "Keep your passport with you."})
    assert told not in author.get(f"/messages/{message_id}/en").text
    author.post(f"/messages/{message_id}/en", data={"body": wrong})
    assert told in author.get(f"/messages/{message_id}/en").text


def test_glossary_is_kept_and_compared(pages: Pages, author: FlaskClient, message_id: int) -> None:
    assert author.post("/messages/glossary", data=TERM).status_code == 302
    assert "Not as agreed" in measured(author, message_id, "uk", body="Документ")
    assert "Not as agreed" not in measured(author, message_id, "uk", body="Паспорт")
    author.post("/messages/glossary", data=TERM | {"wording": "документ*"})
    with pages.sessions() as session:
        (term,) = session.scalars(select(GlossaryTerm)).all()
    assert term.wording == "документ*"
    author.post(f"/messages/glossary/{term.id}/remove")
    assert "No term is agreed on yet." in author.get("/messages/glossary").text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("language", "en", "another language than its own"),
        ("term", "", "required"),
        ("wording", "*", "holds no word"),
    ],
)
def test_wrong_term_is_told(author: FlaskClient, field: str, value: str, words: str) -> None:
    answer = author.post("/messages/glossary", data=TERM | {field: value})
    assert (answer.status_code, words in answer.text) == (422, True)


def test_texts_go_out_and_come_back_as_a_file(author: FlaskClient, message_id: int) -> None:
    answer = author.get(f"/messages/exchange/file?language=uk&message={message_id}")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=message-{message_id}.uk.po"
    content = answer.data.rpartition(b'msgstr ""')[0] + 'msgstr "Тримайте. ((hotline))"'.encode()
    files = {"file": (BytesIO(content), "uk.po"), "language": "uk"}
    page = author.post("/messages/exchange", data=files, follow_redirects=True).text
    assert "1 translation is written." in page
    assert "Тримайте. ((hotline))" in author.get(f"/messages/{message_id}/uk").text


def test_faults_of_a_file_are_told_by_entry(author: FlaskClient, message_id: int) -> None:
    content = author.get("/messages/exchange/file?language=uk").data.rpartition(b'msgstr ""')[0] + b'msgstr "x"'
    answer = author.post("/messages/exchange", data={"file": (BytesIO(content), "uk.po"), "language": "uk"})
    assert answer.status_code == 422
    assert re.search(rf"Line \d+, message-{message_id}: The source text has \(\(hotline\)\)", answer.text)
    for wrong in ({"language": "uk"}, {"file": (BytesIO(b"%PDF"), "a.po"), "language": "uk"}):
        assert author.post("/messages/exchange", data=wrong).status_code == 422
    assert author.get("/messages/exchange/file?language=xx").status_code == 404


def test_text_that_somebody_else_saved_meanwhile_is_not_written_over(
    client_for: Callable[..., FlaskClient], author: FlaskClient, message_id: int
) -> None:
    path = f"/messages/{message_id}/uk"
    other = client_for(Role.AUTHOR)
    opened = [client.get(path).text for client in (author, other)]
    first, second = (
        {"typed_mark": page.partition('name="typed_mark" value="')[2].partition('"')[0]} for page in opened
    )
    assert author.post(path, data={"body": "Перший ((hotline))"} | first).status_code == 302
    back = other.post(path, data={"body": "Другий ((hotline))"} | second, follow_redirects=True)
    # Both texts are there to be compared: the saved one in its field, the other beside it.
    assert "Nothing was saved: somebody changed this since you opened the form." in back.text
    assert {"Перший ((hotline))", "Другий ((hotline))"} <= set(re.findall(r">\s*([^<>]*)</textarea>", back.text))
    again = {"typed_mark": back.text.partition('name="typed_mark" value="')[2].partition('"')[0]}
    assert other.post(path, data={"body": "Другий ((hotline))"} | again).status_code == 302
    assert "Другий ((hotline))" in author.get(path).text
