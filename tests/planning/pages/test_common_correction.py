"""An author writes or chooses the correction of the organisation on its page; an approver reads it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.audience.figures import init_counts
from campaigns.messages.models import Message
from campaigns.planning.do_no_harm.common_correction import choose_common_correction
from campaigns.planning.models import CampaignState, CommonCorrection
from campaigns.staff.models import Role
from tests.factories import a_campaign, a_member, a_message
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

URL = "/campaigns/correction"
Clients = Callable[..., FlaskClient]


def chosen(pages: Pages) -> list[int]:
    with pages.sessions() as session:
        return list(session.scalars(select(CommonCorrection.message_id)))


@pytest.mark.both_databases
def test_it_is_written_from_the_bundled_sentences(pages: Pages, client_for: Clients) -> None:
    author = client_for(Role.AUTHOR)
    assert "There is none yet." in author.get(URL).text
    page = author.post(f"{URL}/bundled", data={"languages": ["en", "uk"]}, follow_redirects=True).text
    assert "Correction for all campaigns" in page
    with pages.sessions() as session:
        written = session.scalars(select(Message.id)).all()
    assert chosen(pages) == written
    # A double click, or a page that was opened before.
    again = author.post(f"{URL}/bundled", data={"languages": ["en"]})
    assert (again.status_code, "already: open its message" in again.text) == (422, True)
    assert chosen(pages) == written


def test_a_message_is_chosen_and_taken_away(pages: Pages, client_for: Clients) -> None:
    author = client_for(Role.AUTHOR)
    with pages.sessions.begin() as session:
        message = a_message(session, session.merge(pages.ours), title="For all")
        foreign = a_message(session, session.merge(pages.theirs), title="Theirs")
    assert "Theirs" not in author.get(URL).text
    assert author.post(URL, data={"message_id": str(foreign.id)}).status_code == 422
    author.post(URL, data={"message_id": str(message.id)})
    assert chosen(pages) == [message.id]
    author.post(URL, data={"message_id": ""})
    assert chosen(pages) == []


def test_without_a_language_nothing_is_written(pages: Pages, client_for: Clients) -> None:
    answer = client_for(Role.AUTHOR).post(f"{URL}/bundled", data={})
    assert (answer.status_code, "Choose at least one language." in answer.text) == (422, True)
    assert chosen(pages) == []


def test_an_approver_only_reads_it(pages: Pages, client_for: Clients) -> None:
    approver = client_for(Role.APPROVER)
    assert "Begin with neutral sentences" not in approver.get(URL).text
    assert approver.post(URL, data={"message_id": ""}).status_code == 403


def test_a_campaigns_page_says_that_it_follows_it(pages: Pages, client_for: Clients) -> None:
    author = client_for(Role.AUTHOR)
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        member = a_member(session, ours)
        campaign, common = a_campaign(session, ours, member), a_message(session, ours, title="For all")
        choose_common_correction(session, ours.id, message_id=common.id, by=member.id)
    # Nobody counts its people here: what corrects it is known all the same.
    init_counts(pages.app)
    assert "That of the organisation" in author.get(f"/campaigns/{campaign.id}").text
    assert "It is chosen by itself" in author.get(f"/campaigns/{campaign.id}/correction").text


def test_pages_say_whom_an_edit_holds_and_what_else_may_be_sent(pages: Pages, client_for: Clients) -> None:
    approver = client_for(Role.APPROVER)
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        member = a_member(session, ours)
        texts = {"en": "It was wrong.", "uk": "Помилка.", "pl": "To był błąd.", "ro": "A fost greșit."}
        common = a_message(session, ours, texts, title="For all", base_language="pl")
        campaign = a_campaign(session, ours, member, correction_id=common.id, state=CampaignState.APPROVED)
        choose_common_correction(session, ours.id, message_id=common.id, by=member.id)
    assert "1 approved campaign is bound to these words" in approver.get(URL).text
    page = approver.get(f"/campaigns/{campaign.id}/correction").text
    assert "What those get who read none of these languages" in page
    assert "To był błąd." in page
    assert "A fost greșit." not in page


def test_a_campaign_goes_back_to_that_of_the_organisation(pages: Pages, client_for: Clients) -> None:
    author = client_for(Role.AUTHOR)
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        member = a_member(session, ours)
        common, own = (a_message(session, ours, title=title) for title in ("For all", "Own"))
        campaign = a_campaign(session, ours, member, correction_id=own.id)
        choose_common_correction(session, ours.id, message_id=common.id, by=member.id)
    url = f"/campaigns/{campaign.id}/correction"
    assert "It is chosen by itself" not in author.get(url).text
    author.post(url, data={"message_id": "0"})
    assert "It is chosen by itself" in author.get(url).text
