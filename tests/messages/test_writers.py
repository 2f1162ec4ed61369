"""Nobody reviews or approves own words: not those of a file, nor those that somebody else saved again."""

from __future__ import annotations

import io
import re

import pytest
from sqlalchemy.orm import Session

from campaigns.core.errors import RefusedError
from campaigns.messages.models import Message, TranslationState
from campaigns.messages.queries import find_unreviewed, get_translation
from campaigns.messages.service import create_message, review_translation, save_translation
from campaigns.planning.models import Campaign
from campaigns.planning.queries import find_editors
from campaigns.staff.models import Member, Role
from tests.factories import a_campaign, a_member, an_organisation
from tests.web.pages import Pages

BASE, UK = "Keep your passport.", "Тримайте паспорт."


def a_written_message(session: Session, organisation_id: int, author: Member) -> Message:
    values = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "text": BASE}
    return create_message(session, organisation_id, by=author.id, **values)


@pytest.mark.both_databases
def test_words_of_a_file_are_neither_reviewed_nor_approved_by_who_sent_it(pages: Pages) -> None:
    attacker, helper = pages.member(Role.AUTHOR, Role.APPROVER), pages.member(Role.AUTHOR)
    with pages.sessions.begin() as session:
        message_id = a_written_message(session, pages.ours.id, helper).id
        message = session.get_one(Message, message_id)
        campaign_id = a_campaign(session, pages.ours, helper, message=message).id
    client, address = pages.client(attacker), f"/messages/{message_id}/uk"
    given = client.get(f"/messages/exchange/file?language=uk&message={message_id}").text
    head, _, tail = given.rpartition('msgstr ""')
    fuzzy = f'{head}msgstr "{UK}"{tail}'.replace("#, max-length", "#, fuzzy, max-length")
    sent = {"language": "uk", "file": (io.BytesIO(fuzzy.encode()), "uk.po")}
    assert client.post("/messages/exchange", data=sent).status_code == 302
    # Somebody else saves the words as they are, and is the last who wrote.
    assert pages.client(helper).post(address, data={"body": UK}).status_code == 302
    read = pages.client(pages.member(Role.APPROVER)).get(address).text
    seen = re.search(r'name="seen" value="(\w+)"', read)
    assert seen is not None
    assert "You wrote this text: another member must review it." in client.get(address).text
    client.post(f"{address}/review", data={"seen": seen[1]})
    with pages.sessions() as session:
        text = get_translation(session.get_one(Message, message_id), "uk")
        assert (text.translator_id, text.state) == (helper.id, TranslationState.TRANSLATED)
        assert attacker.id in find_editors(session, session.get_one(Campaign, campaign_id))
        assert find_unreviewed(session, pages.ours.id, attacker.id)[0][1] == ["en"]


def test_words_of_long_ago_are_own_words_still(session: Session) -> None:
    ours = an_organisation(session)
    first, second, third = (a_member(session, ours) for _ in range(3))
    message = a_written_message(session, ours.id, first)
    uk = save_translation(session, message, language="uk", text=UK, by=first.id)
    for text in (UK + " Завжди.", UK):
        save_translation(session, message, language="uk", text=text, by=second.id)
    for writer in (first, second):
        with pytest.raises(RefusedError, match="Whoever wrote a text cannot review it"):
            review_translation(session, uk, by=writer.id)
    assert review_translation(session, uk, by=third.id).reviewer_id == third.id
