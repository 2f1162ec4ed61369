"""A reviewer reads every waiting text on one page, approves it or returns it, and its authors are told why."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.messages.models import Message, ReturnedText, Translation, TranslationState
from campaigns.messages.service import create_message, save_translation
from campaigns.staff.models import AuditEntry, Member, Role
from tests.web.pages import Pages

ENGLISH, UKRAINIAN, ARABIC = "Keep your passport.", "Паспорт тримайте при собі.", "احتفظ بجواز سفرك."


@pytest.fixture
def author(pages: Pages) -> Member:
    return pages.member(Role.AUTHOR)


@pytest.fixture
def message(pages: Pages, author: Member) -> Message:
    """Texts in three languages, none of which is reviewed."""
    with pages.sessions.begin() as session:
        values = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "text": ENGLISH}
        message = create_message(session, pages.ours.id, by=author.id, **values)
        for language, text in (("uk", UKRAINIAN), ("ar", ARABIC)):
            save_translation(session, message, language=language, text=text, by=author.id)
        return message


@pytest.fixture
def reviewer(pages: Pages, message: Message) -> FlaskClient:
    return pages.client(pages.member(Role.APPROVER, name="Roksana"))


def seen_in(page: str, language: str) -> str:
    found = re.search(rf'/{language}/approve[^>]*>.*?name="seen" value="(\w+)"', page, re.DOTALL)
    assert found is not None
    return found[1]


def state(pages: Pages, language: str) -> tuple[str, ReturnedText | None]:
    with pages.sessions() as session:
        text = session.scalars(select(Translation).where(Translation.language == language)).one()
        return text.state, text.returned


def test_reviewer_reads_all_texts_and_chooses_languages(reviewer: FlaskClient) -> None:
    page = reviewer.get("/messages/reviews").text
    assert all(text in page for text in (ENGLISH, UKRAINIAN, ARABIC))
    some = reviewer.get("/messages/reviews?only=uk").text
    assert UKRAINIAN in some
    assert ARABIC not in some
    assert "/messages/reviews?message=" in reviewer.get("/").text


def test_writer_finds_none_of_their_own(pages: Pages, message: Message, author: Member) -> None:
    both = pages.member(Role.APPROVER, Role.AUTHOR)
    client = pages.client(both)
    assert UKRAINIAN in client.get("/messages/reviews").text
    with pages.sessions.begin() as session:
        there = session.get_one(Message, message.id)
        save_translation(session, there, language="uk", text=UKRAINIAN + " Завжди.", by=both.id)
    assert UKRAINIAN not in client.get("/messages/reviews").text


def test_reviewer_is_told_what_was_typed_by_hand(
    pages: Pages, message: Message, author: Member, reviewer: FlaskClient
) -> None:
    assert "typed by hand" not in reviewer.get("/messages/reviews").text
    with pages.sessions.begin() as session:
        there = session.get_one(Message, message.id)
        save_translation(session, there, language="uk", text=UKRAINIAN + " +48 22 628 01 20", by=author.id)
    page = reviewer.get("/messages/reviews?only=uk").text
    assert "Nobody verified what was typed by hand" in page
    assert page.count("+48 22 628 01 20") > page.count(UKRAINIAN)


@pytest.mark.both_databases
def test_comment_stands_on_the_text_until_there_is_another(
    pages: Pages, message: Message, author: Member, reviewer: FlaskClient
) -> None:
    seen = seen_in(reviewer.get("/messages/reviews").text, "uk")
    form = {"seen": seen, "comment": "Say <where> they can call."}
    answer = reviewer.post(f"/messages/{message.id}/uk/return?only=uk", data=form)
    assert answer.location == "/messages/reviews?only=uk"
    assert state(pages, "uk")[0] == TranslationState.DRAFT
    writer = pages.client(author)
    for address in (f"/messages/{message.id}/uk", "/"):
        page = writer.get(address).text
        assert "Say &lt;where&gt; they can call." in page
        assert "Roksana" in page
    assert UKRAINIAN not in reviewer.get("/messages/reviews").text
    writer.post(f"/messages/{message.id}/uk", data={"body": UKRAINIAN})
    # Unchanged it waits again, and whoever reviews it knows what was said of it.
    assert state(pages, "uk")[0] == TranslationState.TRANSLATED
    assert "they can call" in reviewer.get("/messages/reviews").text
    assert "they can call" not in writer.get("/").text
    again = form | {"comment": "As I said."}
    reviewer.post(f"/messages/{message.id}/uk/return", data=again)
    assert "As I said." in writer.get("/").text
    writer.post(f"/messages/{message.id}/uk", data={"body": UKRAINIAN + " Завжди."})
    assert state(pages, "uk") == (TranslationState.TRANSLATED, None)
    with pages.sessions() as session:
        assert "message.return" in session.scalars(select(AuditEntry.action)).all()


def test_review_ends_the_comment_on_an_unchanged_text(
    pages: Pages, message: Message, author: Member, reviewer: FlaskClient
) -> None:
    form = {"seen": seen_in(reviewer.get("/messages/reviews").text, "uk"), "comment": "Shorter."}
    reviewer.post(f"/messages/{message.id}/uk/return", data=form)
    pages.client(author).post(f"/messages/{message.id}/uk", data={"body": UKRAINIAN})
    reviewer.post(f"/messages/{message.id}/uk/approve", data=form)
    assert state(pages, "uk") == (TranslationState.REVIEWED, None)


@pytest.mark.parametrize(("is_returned", "then"), [(True, "translated"), (False, "draft")])
def test_returned_text_that_is_changed_waits_again(
    pages: Pages, message: Message, author: Member, reviewer: FlaskClient, is_returned: bool, then: str
) -> None:
    writer, address = pages.client(author), f"/messages/{message.id}/uk"
    if is_returned:
        seen = seen_in(reviewer.get("/messages/reviews").text, "uk")
        reviewer.post(f"{address}/return", data={"seen": seen, "comment": "Shorter."})
    else:
        writer.post(address, data={"body": UKRAINIAN, "is_draft": "y"})
    box = re.search(r'<input[^>]*name="is_draft"[^>]*>', writer.get(address).text)
    assert box is not None
    ticked = {"is_draft": "y"} if "checked" in box[0] else {}
    writer.post(address, data={"body": "Паспорт тримайте.", **ticked})
    assert state(pages, "uk")[0] == then


def test_text_is_decided_only_as_it_was_read(pages: Pages, message: Message, reviewer: FlaskClient) -> None:
    seen = seen_in(reviewer.get("/messages/reviews").text, "uk")
    with pages.sessions.begin() as session:
        session.scalars(select(Translation).where(Translation.language == "uk")).one().text += " Ні."
    for act in ("approve", "return"):
        form = {"seen": seen, "comment": "Shorter."}
        answer = reviewer.post(f"/messages/{message.id}/uk/{act}", data=form, follow_redirects=True)
        assert "changed while you read it" in answer.text
        reviewer.post(f"/messages/{message.id}/uk/{act}", data={"comment": "Shorter."})
    assert state(pages, "uk") == (TranslationState.TRANSLATED, None)


def test_refused_comment_stands_in_its_field_beside_the_new_text(
    pages: Pages, message: Message, reviewer: FlaskClient
) -> None:
    form = {"seen": seen_in(reviewer.get("/messages/reviews").text, "uk"), "comment": "Say <where>."}
    with pages.sessions.begin() as session:
        session.scalars(select(Translation).where(Translation.language == "uk")).one().text += " Ні."
    answer = reviewer.post(f"/messages/{message.id}/uk/return?only=uk", data=form)
    assert answer.status_code == 422
    assert "<title>Problem: " in answer.text
    assert re.search(
        r"<details open>.*changed while you read it.*>Say &lt;where&gt;\.</textarea>", answer.text, re.S
    )
    assert f"{UKRAINIAN} Ні." in answer.text
    assert ARABIC not in answer.text
    again = form | {"seen": seen_in(answer.text, "uk")}
    assert reviewer.post(f"/messages/{message.id}/uk/return?only=uk", data=again).status_code == 302
    late = reviewer.post(f"/messages/{message.id}/uk/return", data=again)
    assert (late.status_code, "<details open>" in late.text) == (422, False)
    assert "does not wait for review any more" in late.text
    assert "Say &lt;where&gt;." in late.text


def test_nothing_is_returned_without_a_word(pages: Pages, message: Message, reviewer: FlaskClient) -> None:
    page = reviewer.get("/messages/reviews").text
    form = {"seen": seen_in(page, "uk"), "comment": "  "}
    assert (
        "what has to change"
        in reviewer.post(f"/messages/{message.id}/uk/return", data=form, follow_redirects=True).text
    )
    reviewer.post(f"/messages/{message.id}/ar/approve", data={"seen": seen_in(page, "ar")})
    assert [state(pages, language)[0] for language in ("uk", "ar")] == ["translated", "reviewed"]


def test_reviewed_text_is_returned_no_more(pages: Pages, message: Message, reviewer: FlaskClient) -> None:
    seen = seen_in(reviewer.get("/messages/reviews").text, "ar")
    reviewer.post(f"/messages/{message.id}/ar/approve", data={"seen": seen})
    answer = reviewer.post(
        f"/messages/{message.id}/ar/return", data={"seen": seen, "comment": "No."}, follow_redirects=True
    )
    assert "does not wait for review any more" in answer.text
    assert state(pages, "ar") == (TranslationState.REVIEWED, None)
