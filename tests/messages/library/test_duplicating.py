"""A copy of a message has all its texts, waits for their review, and forgets nobody who wrote them."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import RefusedError
from campaigns.messages.library.service import copy_message, duplicate_message, find_lineage, get_shared
from campaigns.messages.models import Message, TranslationState
from campaigns.messages.queries import find_translation
from campaigns.messages.service import create_message, review_translation, save_translation
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.messages.translations.withdrawn_copies import find_copies, find_suspect, find_suspects
from campaigns.staff.models import Role
from tests.factories import a_member, a_message, an_organisation
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database


def test_copy_is_reviewed_anew_by_somebody_who_wrote_none_of_it(session: Session) -> None:
    ours = an_organisation(session)
    writer, reviewer, copier = (a_member(session, ours, Role.AUTHOR, Role.APPROVER) for _ in range(3))
    values = {"title": "T" * 200, "theme": "docs_keep", "base_language": "en", "text": "Keep it."}
    message = create_message(session, ours.id, by=writer.id, **values)
    text = save_translation(
        session, message, language="uk", text="Тримайте.", by=writer.id, back_translation="Keep."
    )
    review_translation(session, text, by=reviewer.id)
    old = save_translation(session, message, language="ar", text="احتفظ.", by=writer.id)
    old.source_digest = "0" * 64
    copy = duplicate_message(session, message, by=copier.id)
    session.expire_all()
    assert (len(copy.title), copy.title[-2:], copy.version) == (200, " 2", 1)
    states = {each.language: each.state for each in copy.translations}
    assert states == {
        "en": TranslationState.TRANSLATED,
        "uk": TranslationState.TRANSLATED,
        "ar": TranslationState.DRAFT,
    }
    copied = find_translation(copy, "uk")
    assert copied is not None
    assert copied.back_translation == "Keep."
    for author in (writer, copier):
        with pytest.raises(RefusedError):
            review_translation(session, copied, by=author.id)
    assert review_translation(session, copied, by=reviewer.id).state == TranslationState.REVIEWED


def test_copy_made_before_a_withdrawal_is_told_of(session: Session) -> None:
    ours = an_organisation(session)
    writer = a_member(session, ours, Role.AUTHOR)
    message = a_message(session, ours)
    copy = duplicate_message(session, message, by=writer.id)
    withdraw_version(session, message, message.version, by=writer.id, reason="Wrong number")
    assert [each.message_id for each in find_copies(session, message.id, message.version)] == [copy.id]
    (told,) = find_suspects(session, ours.id)
    assert (told.message_id, told.partner) == (copy.id, ours.name)
    lineage = find_lineage(session, copy)
    assert lineage is not None
    assert (lineage.withdrawn_by, lineage.is_own, lineage.source_id) == (ours.name, True, message.id)


def test_withdrawn_text_is_copied_only_after_it_was_changed(session: Session) -> None:
    ours = an_organisation(session)
    writer = a_member(session, ours, Role.AUTHOR)
    message = a_message(session, ours, {"en": "Call 111."})
    withdraw_version(session, message, message.version, by=writer.id, reason="Wrong number")
    with pytest.raises(RefusedError):
        duplicate_message(session, message, by=writer.id)
    save_translation(session, message, language="en", text="Call 112.", by=writer.id)
    assert find_suspect(session, duplicate_message(session, message, by=writer.id).id) is None


def test_copy_of_a_partners_copy_keeps_its_lineage(session: Session) -> None:
    ours, partner = an_organisation(session), an_organisation(session, name="Signal Fire (invented)")
    writer = a_member(session, ours, Role.AUTHOR)
    theirs = a_message(session, partner, is_shared=True)
    between = copy_message(session, ours.id, get_shared(session, theirs.id, ours.id), by=writer.id)
    copy = duplicate_message(session, between, by=writer.id)
    withdraw_version(session, theirs, theirs.version, by=a_member(session, partner).id, reason="Wrong number")
    suspect, lineage = find_suspect(session, copy.id), find_lineage(session, copy)
    assert suspect is not None
    assert lineage is not None
    assert suspect.partner == lineage.withdrawn_by == partner.name
    with pytest.raises(RefusedError):
        duplicate_message(session, between, by=writer.id)


def test_page_says_of_what_it_is_a_copy_and_why_there_is_none(pages: Pages) -> None:
    member = pages.member(Role.AUTHOR)
    with pages.sessions.begin() as session:
        message_id = a_message(session, pages.ours, title="Documents").id
    author = pages.client(member)
    copied = author.post(f"/messages/{message_id}/duplicate").location.removesuffix("/details")
    page = author.get(copied, follow_redirects=True).text
    assert "Copied from your own message" in page
    assert f'href="/messages/{message_id}"' in page
    with pages.sessions.begin() as session:
        withdraw_version(session, session.get_one(Message, message_id), 1, by=member.id, reason="Wrong number")
    assert "withdrew the version that this was copied from" in author.get(copied, follow_redirects=True).text
    refused = author.post(f"/messages/{message_id}/duplicate", follow_redirects=True)
    assert (refused.status_code, "Change it first, then copy it." in refused.text) == (200, True)


def test_button_opens_the_copy(pages: Pages) -> None:
    author = pages.client(pages.member(Role.AUTHOR))
    form = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "body": "Keep it."}
    made = author.post("/messages/new", data=form).location
    assert f'action="{made}/duplicate"' in author.get(made, follow_redirects=True).text
    assert author.post(f"{made}/duplicate").location.endswith("/details")
    with pages.sessions() as session:
        assert session.scalars(select(Message.title).order_by(Message.id)).all() == ["Documents", "Documents 2"]
