"""The pages of the checklist and of the correction, as members of each role meet them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from campaigns.core import clock
from campaigns.core.crypto import Vault
from campaigns.core.database import make_engine
from campaigns.planning.harm import ITEMS
from campaigns.planning.models import Campaign
from campaigns.planning.queries import load_content
from campaigns.planning.safeguards import harm_answers_of
from campaigns.schema import metadata
from tests.factories import a_message
from tests.planning.story import START, Story, a_story
from tests.web.pages import Pages


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """SQLite only: what differs between the databases is tested below the pages."""
    engine = make_engine(f"sqlite:///{tmp_path / 'pages.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(autouse=True)
def at_the_start() -> Iterator[None]:
    with clock.running_on(lambda: START):
        yield


@pytest.fixture
def story(pages: Pages, vault: Vault) -> Story:
    with pages.sessions.begin() as session:
        return a_story(session, vault, organisation=pages.ours)


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
    assert "1 question is answered with no" in text


def test_author_is_shown_no_form(pages: Pages, story: Story) -> None:
    text = pages.client(story.author).get(f"/campaigns/{story.campaign.id}/harm").text
    assert 'id="answer"' not in text
    assert "another member has to answer" in text


def test_unanswered_question_keeps_what_was_entered(pages: Pages, story: Story) -> None:
    form = harm_form(pages, story, no_blame_words="A sentence of mine.", no_fear_words="")
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
