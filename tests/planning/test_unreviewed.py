"""A message whose texts wait for their reviewer: one cause, one sentence, and nobody is left out for it."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from campaigns.core.errors import RefusedError
from campaigns.core.keys.crypto import Vault
from campaigns.messages.gates import Gate
from campaigns.messages.models import ReturnedText, TranslationState
from campaigns.planning.do_no_harm.queries import correction_of
from campaigns.planning.gates.assessment import assess
from campaigns.planning.service import accept_left_out
from tests.planning.story import START, Story, a_story
from tests.web.pages import Pages

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    """Fifty Ukrainian readers; no text of the message is reviewed yet."""
    story = a_story(session, vault, people=50)
    for translation in story.campaign.message.translations:
        translation.state, translation.reviewer_id = TranslationState.TRANSLATED, None
    session.flush()
    return story


def gates_of(story: Story) -> dict[str, Gate]:
    return {gate.name: gate for gate in assess(story.session, story.campaign, now=START).gates}


def test_one_sentence_names_the_cause(story: Story) -> None:
    gates = gates_of(story)
    said = gates["translations"]
    assert str(said.sentence) == "Texts in Ukrainian wait for review (50 people)."
    assert (said.passed, said.may_leave_out, said.link_endpoint) == (False, False, "messages.compose")
    assert gates["audience"].passed
    assert str(gates["audience"].sentence) == "50 people can be written to as soon as their texts are reviewed."


@pytest.mark.both_databases
def test_nobody_is_left_out_for_a_text_that_exists(story: Story) -> None:
    with pytest.raises(RefusedError, match="waits for review"):
        accept_left_out(story.session, story.campaign, by=story.author.id)


def test_nobody_is_left_out_for_a_text_that_came_back(story: Story) -> None:
    for each in story.campaign.message.translations:
        each.state, each.reviewer_id = TranslationState.REVIEWED, story.approver.id
        if each.language == "uk":
            each.state, each.reviewer_id = TranslationState.DRAFT, None
            each.returned = ReturnedText(member_id=story.approver.id, comment="Shorter.", returned_at=START)
    story.session.flush()
    said = gates_of(story)["translations"]
    assert str(said.sentence) == "Texts in Ukrainian came back from review: read the comments (50 people)."
    assert (said.passed, said.may_leave_out, said.link_endpoint) == (False, False, "messages.compose")
    with pytest.raises(RefusedError, match="came back from review"):
        accept_left_out(story.session, story.campaign, by=story.author.id)


def test_who_has_no_text_at_all_may_be_left_out(story: Story) -> None:
    (ukrainian,) = (each for each in story.campaign.message.translations if each.language == "uk")
    story.campaign.message.translations.remove(ukrainian)
    for translation in story.campaign.message.translations:
        translation.state, translation.reviewer_id = TranslationState.REVIEWED, story.approver.id
    story.session.flush()
    gates = gates_of(story)
    assert gates["translations"].may_leave_out
    assert gates["audience"].warns
    assert accept_left_out(story.session, story.campaign, by=story.author.id) == 50


def test_correction_that_is_written_is_not_missing(story: Story) -> None:
    for translation in story.campaign.message.translations:
        translation.state, translation.reviewer_id = TranslationState.REVIEWED, story.approver.id
    correction = story.campaign.correction
    assert correction is not None
    for translation in correction.translations:
        translation.state, translation.reviewer_id = TranslationState.TRANSLATED, None
    story.session.flush()
    found = correction_of(story.session, story.campaign)
    assert found is not None
    assert found.waiting == found.missing == ("en", "uk")


BETTER = "Better: have the message translated."
SOON = "as soon as another member has reviewed it."


def who_gets_it(pages: Pages, story: Story) -> str:
    """Return what the campaign's page and its form say of who gets it; they must agree."""
    client, at = pages.client(story.author), f"/campaigns/{story.campaign.id}"
    page = client.get(f"{at}?tab=people").get_data(as_text=True)
    form = client.get(f"{at}/edit").get_data(as_text=True)
    said = page[page.index("Who gets it") :]
    assert [each in said for each in (BETTER, SOON)] == [each in form for each in (BETTER, SOON)]
    return said


def test_page_does_not_ask_for_a_translation_that_exists(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours, people=50)
        for translation in story.campaign.message.translations:
            translation.state, translation.reviewer_id = TranslationState.TRANSLATED, None
    said = who_gets_it(pages, story)
    assert SOON in said
    assert BETTER not in said
    assert "50 · the text waits for review" in said


@pytest.mark.both_databases
def test_page_asks_for_one_that_does_not(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours, people=50)
        (ukrainian,) = (each for each in story.campaign.message.translations if each.language == "uk")
        story.campaign.message.translations.remove(ukrainian)
    said = who_gets_it(pages, story)
    assert BETTER in said
    assert "waits for review" not in said
