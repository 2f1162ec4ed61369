"""The checklist, the correction and what an approver is told, as members of each role meet them on their pages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaigns.core.keys.crypto import Vault
from campaigns.planning import service
from campaigns.planning.do_no_harm.checklist import ITEMS
from campaigns.planning.do_no_harm.service import correction_of, harm_answers_of
from campaigns.planning.draft import plan_of
from campaigns.planning.models import Campaign
from campaigns.planning.queries import load_content
from tests.factories import a_campaign, a_message
from tests.planning.story import Story, a_story
from tests.web.pages import Pages

pytestmark = pytest.mark.usefixtures("at_the_start")


@pytest.fixture
def story(pages: Pages, vault: Vault) -> Story:
    with pages.sessions.begin() as session:
        return a_story(session, vault, organisation=pages.ours, is_safeguarded=False)


def harm_form(pages: Pages, story: Story, **changes: str) -> dict[str, str]:
    with pages.sessions() as session:
        digest = load_content(session, session.get_one(Campaign, story.campaign.id)).said_digest
    form = {"digest": digest}
    for item in ITEMS:
        form |= {item.key: "yes", f"{item.key}_words": "I looked."}
    return form | changes


def test_approver_answers_and_everybody_reads_it(pages: Pages, story: Story) -> None:
    url = f"/campaigns/{story.campaign.id}/harm"
    client = pages.client(story.approver)
    assert 'name="no_fear"' in client.get(url).text
    assert client.post(url, data=harm_form(pages, story, no_fear="no")).status_code == 302
    text = pages.client(story.author).get(url).text
    assert "I looked." in text
    assert "1 point is not true, or not sure" in text


def test_author_is_shown_no_form(pages: Pages, story: Story) -> None:
    text = pages.client(story.author).get(f"/campaigns/{story.campaign.id}/harm").text
    assert 'id="answer"' not in text
    assert "another member has to answer" in text


def test_what_is_true_needs_no_sentence(pages: Pages, story: Story) -> None:
    form = {name: "" if name.endswith("_words") else value for name, value in harm_form(pages, story).items()}
    url, client = f"/campaigns/{story.campaign.id}/harm", pages.client(story.approver)
    refused = client.post(url, data=form | {"no_fear": "no"})
    assert (refused.status_code, refused.text.count("Say in a sentence why.")) == (422, 1)
    assert client.post(url, data=form).status_code == 302


def test_unanswered_question_keeps_what_was_entered(pages: Pages, story: Story) -> None:
    form = harm_form(pages, story, no_blame_words="A sentence of mine.", no_fear="no", no_fear_words="")
    answer = pages.client(story.approver).post(f"/campaigns/{story.campaign.id}/harm", data=form)
    assert answer.status_code == 422
    assert "A sentence of mine." in answer.text
    with pages.sessions() as session:
        assert harm_answers_of(session, session.get_one(Campaign, story.campaign.id)) is None


def test_author_prepares_the_correction(pages: Pages, story: Story) -> None:
    with pages.sessions.begin() as session:
        message_id = a_message(session, pages.ours, {"en": "That number was wrong."}, title="Correction").id
    url, client = f"/campaigns/{story.campaign.id}/correction", pages.client(story.author)
    assert "No correction is prepared yet." in client.get(url).text
    text = client.post(url, data={"message_id": message_id}, follow_redirects=True).text
    assert "That number was wrong." in text
    assert "1 language of the campaign has no reviewed correction" in text


def test_author_writes_the_correction_where_it_is_missed(pages: Pages, story: Story) -> None:
    url, client = f"/campaigns/{story.campaign.id}/correction", pages.client(story.author)
    page = client.get(url).text
    assert f'action="{url}/text"' in page
    refused = client.post(f"{url}/text", data={"body": "Call ((hotlin)) instead."})
    assert (refused.status_code, "Call ((hotlin)) instead." in refused.text) == (422, True)
    assert client.post(f"{url}/text", data={"body": "That number was wrong."}).status_code == 302
    page = client.get(url).text
    assert "Correction: " in page
    assert f'action="{url}/text"' not in page
    with pages.sessions() as session:
        campaign = session.get_one(Campaign, story.campaign.id)
        correction = correction_of(session, campaign)
        assert correction is not None
        assert correction.message.theme == campaign.message.theme
        assert correction.waiting == (campaign.message.base_language,)


@pytest.mark.parametrize(("languages", "fits"), [(("en", "uk"), True), (("en",), False)])
def test_correction_that_fits_many_is_chosen_already(
    pages: Pages, story: Story, vault: Vault, languages: tuple[str, ...], fits: bool
) -> None:
    texts = {language: f"That number was wrong ({language})." for language in languages}
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        correction = a_message(session, ours, texts, title="Wrong number")
        a_campaign(session, ours, story.author, correction_id=correction.id)
    page = pages.client(story.author).get(f"/campaigns/{story.campaign.id}/correction").text
    assert (f'<option selected value="{correction.id}">' in page) is fits
    assert ("corrects other campaigns" in page) is fits


def test_page_shows_words_and_facts_that_changed(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        story.approved()
        text = story.campaign.message.translations[1]
        text.text = text.text.replace("Паспорт", "Документи")
        campaign = session.get_one(Campaign, story.campaign.id)
        service.update_campaign(
            session, campaign, plan=replace(plan_of(campaign), max_parts=4), by=story.author.id
        )
    page = pages.client(story.approver).get(f"/campaigns/{story.campaign.id}").text
    assert "Changed since it was last approved" in page
    assert "Паспорт</del>" in page
    assert "Документи</ins>" in page
    assert "<del><bdi>3</bdi></del>" in page


def test_page_tells_the_authors_why_it_came_back(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        story.scheduled()
        story.submitted()
        service.return_campaign(session, story.campaign, by=story.approver.id, reason="Too long for a phone.")
    page = pages.client(story.author).get(f"/campaigns/{story.campaign.id}").text
    assert "It came back from an approver:" in page
    assert "Too long for a phone." in page
