"""A campaign's page has parts; above each stands one act, and whoever decides reads all of them at once."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.core.keys.crypto import Vault
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.messages.models import Message, Translation, TranslationState, TranslationWriter
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.planning.runs.firing import fire_due
from campaigns.staff.models import Role
from tests.factories import a_delivery
from tests.planning.story import DUE, START, Story, a_story
from tests.web.pages import Pages

pytestmark = pytest.mark.usefixtures("at_the_start")

PARTS = ("overview", "texts", "people", "cost", "history")


@pytest.fixture
def story(pages: Pages, vault: Vault) -> Story:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours, people=50)
        story.scheduled()
        return story


def page_of(client: FlaskClient, story: Story, part: str = "") -> str:
    return client.get(f"/campaigns/{story.campaign.id}{part and f'?tab={part}'}").get_data(as_text=True)


def primary(page: str) -> list[str]:
    """Return the labels of the primary buttons of a page, in their order."""
    return [label.strip() for label in re.findall(r'class="button is-primary"[^>]*>([^<]*)<', page)]


def submit(pages: Pages, story: Story) -> None:
    pages.client(story.author).post(f"/campaigns/{story.campaign.id}/submit")


def test_texts_that_wait_lead_whoever_may_review_them_to_their_page(pages: Pages, story: Story) -> None:
    both = pages.member(Role.AUTHOR, Role.APPROVER)
    with pages.sessions.begin() as session:
        message = session.get_one(Message, story.campaign.message_id)
        for text in message.translations:
            text.state, text.reviewer_id = TranslationState.TRANSLATED, None
        address = f'href="/messages/reviews?message={message.id}"'
    for member in (both, story.approver):
        page = page_of(pages.client(member), story)
        assert primary(page) == ["Review the texts"]
        assert page.count(address) == 2
    assert address not in page_of(pages.client(story.author), story)
    with pages.sessions.begin() as session:
        of_message = select(Translation).where(Translation.message_id == story.campaign.message_id)
        uk = session.scalars(of_message.where(Translation.language == "uk")).one()
        uk.writers.append(TranslationWriter(member_id=both.id))
    page = page_of(pages.client(both), story)
    assert address not in page
    assert f'href="/messages/{story.campaign.message_id}/uk"' in page


def test_draft_is_rehearsed_and_then_submitted(pages: Pages, story: Story) -> None:
    author = pages.client(story.author)
    assert primary(page_of(author, story)) == ["Rehearse now"]
    rehearsed = author.post(f"/campaigns/{story.campaign.id}/rehearse")
    assert rehearsed.location.endswith("?tab=overview")
    assert f'<a href="{rehearsed.location}#rehearsals">Show the rehearsal</a>' in page_of(author, story)
    assert primary(page_of(author, story)) == ["Submit for approval"]
    with pages.sessions.begin() as session:
        text = session.get_one(Campaign, story.campaign.id).message.translations[1]
        text.text += " Нове."
    assert primary(page_of(author, story)) == ["Rehearse now"]


def test_reach_of_a_rehearsal_reads_as_practice(pages: Pages, story: Story) -> None:
    author = pages.client(story.author)
    author.post(f"/campaigns/{story.campaign.id}/rehearse")
    assert "No person was reached." not in page_of(author, story)
    with pages.sessions.begin() as session:
        run = session.scalars(select(Run)).one()
        for receipt in (ReceiptState.DELIVERED, ReceiptState.READ, ReceiptState.UNDELIVERED):
            a_delivery(session, run, send_state=SendState.ACCEPTED, receipt_state=receipt, intent_at=START)
        a_delivery(session, run)
    told = "Practice: sent to 3 practice phones, arrived on 2. No person was reached."
    assert told in page_of(author, story)


def test_first_problem_is_the_one_act_of_its_author(pages: Pages, story: Story) -> None:
    with pages.sessions.begin() as session:
        session.get_one(Campaign, story.campaign.id).correction_id = None
    assert primary(page_of(pages.client(story.author), story)) == ["Fix: Correction"]
    others = page_of(pages.client(story.approver), story)
    assert primary(others) == []
    assert "An author has to act" in others


def test_what_passed_is_folded(pages: Pages, story: Story) -> None:
    page = page_of(pages.client(story.author), story)
    folded = re.search(r"<details>\s*<summary[^>]*>.*?(\d+) checks passed.*?</details>", page, re.DOTALL)
    assert folded is not None
    assert folded[0].count('class="badge is-good"') == int(folded[1]) + 1


def test_whoever_decides_reads_all_of_it_above_the_decision(pages: Pages, story: Story) -> None:
    submit(pages, story)
    approver = pages.client(story.approver)
    page = page_of(approver, story)
    decision = page.index('name="digest"')
    for shown in (
        "Паспорт тримайте при собі.",
        "What corrects it",
        "Who, how and for how much",
        "Who gets it",
        "Where people are pointed to",
        "The plan",
    ):
        assert page.index(shown) < decision
    for part in PARTS:
        assert 'name="digest"' not in page_of(approver, story, part)
        assert primary(page_of(approver, story, part)) == ["Read and decide"]
    assert 'name="digest"' not in page_of(pages.client(story.author), story, "decide")


def test_words_of_one_channel_are_shown_to_whoever_approves_them(pages: Pages, story: Story) -> None:
    with pages.sessions.begin() as session:
        ukrainian = session.get_one(Campaign, story.campaign.id).message.translations[1]
        ukrainian.wordings = {"sms": "Коротко: ((hotline))"}
    submit(pages, story)
    page = page_of(pages.client(story.approver), story)
    assert page.index("Коротко: ((hotline))") < page.index("decide-title")


def test_run_that_waits_is_the_next_act(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        story.approved()
        (run,) = fire_due(session, now=DUE)
        run.state = RunState.HELD
    approver, author = pages.client(pages.member(Role.APPROVER)), pages.client(story.author)
    assert primary(page_of(approver, story)) == ["Open the run"]
    assert "An approver has to let it start" in page_of(author, story)


def test_member_without_counts_sees_plan_and_history(pages: Pages, story: Story) -> None:
    responder = pages.client(pages.member(Role.RESPONDER))
    assert "The plan" in page_of(responder, story)
    assert "Nobody has decided yet." in page_of(responder, story, "history")
    for part in ("texts", "people", "cost"):
        assert "Nothing to see here yet." in page_of(responder, story, part)
