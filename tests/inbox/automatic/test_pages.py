"""Whoever reviews chooses what is sent by itself, from reviewed messages with fields that somebody fills in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from campaigns.inbox.automatic.chosen_texts import load_chosen
from campaigns.inbox.conversations.models import Occasion
from campaigns.messages.models import Message, Translation, TranslationState
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.staff.models import Role
from campaigns.web import forms
from tests.factories import a_message
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]
URL = "/inbox/automatic"


def choosing(**chosen: str) -> dict[str, str]:
    """What the form posts where everything else is left at "Nothing is sent"."""
    return dict.fromkeys(Occasion, "") | chosen


def test_reviewed_message_is_chosen(pages: Pages, client_for: Clients) -> None:
    client = client_for(Role.APPROVER)
    with pages.sessions.begin() as session:
        message_id = a_message(session, pages.ours, {"en": "Call ((hotline))."}, title="Help").id
    assert client.post(URL, data=choosing(help=str(message_id))).status_code == 302
    with pages.sessions() as session:
        chosen = load_chosen(session, pages.ours.id)
        assert {occasion: message.id for occasion, message in chosen.items()} == {Occasion.HELP: message_id}
    assert "Reviewed in: <bdi>English</bdi>." in client.get(URL).text
    assert client.post(URL, data=choosing()).status_code == 302
    with pages.sessions() as session:
        assert load_chosen(session, pages.ours.id) == {}


def test_withdrawn_text_is_told_where_it_was_chosen(pages: Pages, client_for: Clients) -> None:
    client = client_for(Role.APPROVER)
    with pages.sessions.begin() as session:
        message = a_message(session, pages.ours, {"en": "Call ((hotline))."}, title="Help")
        message_id = message.id
    client.post(URL, data=choosing(help=str(message_id)))
    with pages.sessions.begin() as session:
        message = session.get_one(Message, message_id)
        withdraw_version(session, message, message.version, by=1, reason="It is another's number.")
    shown = client.get(URL).text
    assert ("It is not sent any more." in shown, "Reviewed in" in shown) == (True, False)


def test_field_that_nobody_fills_in_is_refused(pages: Pages, client_for: Clients) -> None:
    client = client_for(Role.APPROVER)
    with pages.sessions.begin() as session:
        message_id = a_message(session, pages.ours, {"en": "Read ((link))."}, title="Link").id
    answer = client.post(URL, data=choosing(help=str(message_id)))
    assert answer.status_code == 422
    assert "“Link” has ((link)), which nobody fills in when somebody writes." in answer.text


def test_text_that_nobody_reviewed_is_not_offered(pages: Pages, client_for: Clients) -> None:
    client = client_for(Role.APPROVER)
    with pages.sessions.begin() as session:
        message = a_message(session, pages.ours, {"en": "Call ((hotline))."}, title="Unread")
        message.translations[0].state = TranslationState.TRANSLATED
    assert "Unread" not in client.get(URL).text


def test_author_adds_texts_that_wait_for_a_reviewer(pages: Pages, client_for: Clients) -> None:
    client = client_for(Role.AUTHOR)
    assert client.post(f"{URL}/suggested").status_code == 302
    assert client.post(f"{URL}/suggested").status_code == 302
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == len(Occasion)
        assert set(session.scalars(select(Translation.state))) == {TranslationState.TRANSLATED}
        assert session.scalar(select(func.count(Translation.language.distinct()))) == 17


def test_credit_of_the_place_names_is_shown(pages: Pages, client_for: Clients) -> None:
    assert "Places: GeoNames (CC BY 4.0)" in client_for(Role.APPROVER).get(URL).text


@pytest.mark.parametrize("occasion", Occasion)
def test_page_offers_a_text_for_every_occasion(occasion: Occasion, pages: Pages, client_for: Clients) -> None:
    assert f'name="{occasion}"' in client_for(Role.APPROVER).get(URL).text


def test_of_many_messages_the_newest_are_listed_and_others_are_found(
    pages: Pages, client_for: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As without script: the whole form is sent, comes back as it was filled in, and nothing is saved."""
    monkeypatch.setattr(forms, "MOST_LISTED", 2)
    client = client_for(Role.APPROVER)
    with pages.sessions.begin() as session:
        titles = ("Oldest", "Older", "Newer", "Newest")
        ids = [str(a_message(session, pages.ours, {"en": "Hello."}, title=title).id) for title in titles]
    assert "Oldest" not in (page := client.get(URL).text)
    assert page.count(">Newest</option>") == len(Occasion)
    finding = {"help_words": "oldest", "find_words": "help", "save": "", "info": ids[1]}
    answer = client.post(URL, data=choosing() | finding)
    assert (answer.status_code, answer.text.count(">Oldest</option>")) == (200, 1)
    assert f'<option selected value="{ids[1]}">Older</option>' in answer.text
    with pages.sessions() as session:
        assert load_chosen(session, pages.ours.id) == {}
    assert client.post(URL, data=choosing(help=ids[0], info=ids[1])).status_code == 302
    assert f'<option selected value="{ids[0]}">Oldest</option>' in client.get(URL).text


def test_who_may_not_choose_is_not_asked_for_words(
    pages: Pages, client_for: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "MOST_LISTED", 0)
    with pages.sessions.begin() as session:
        a_message(session, pages.ours, {"en": "Hello."})
    assert "help_words" in client_for(Role.APPROVER).get(URL).text
    assert "help_words" not in client_for(Role.AUTHOR).get(URL).text
