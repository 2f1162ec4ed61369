"""A copy of a message has all its texts, waits for their review, and forgets nobody who wrote them."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import RefusedError
from campaigns.messages.library.service import duplicate_message
from campaigns.messages.models import Message, TranslationState
from campaigns.messages.queries import find_translation
from campaigns.messages.service import create_message, review_translation, save_translation
from campaigns.staff.models import Role
from tests.factories import a_member, an_organisation
from tests.web.pages import Pages


@pytest.mark.both_databases
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


def test_button_opens_the_copy(pages: Pages) -> None:
    author = pages.client(pages.member(Role.AUTHOR))
    form = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "body": "Keep it."}
    made = author.post("/messages/new", data=form).location
    assert f'action="{made}/duplicate"' in author.get(made, follow_redirects=True).text
    assert author.post(f"{made}/duplicate").location.endswith("/details")
    with pages.sessions() as session:
        assert session.scalars(select(Message.title).order_by(Message.id)).all() == ["Documents", "Documents 2"]
