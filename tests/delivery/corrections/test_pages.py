"""A run's page takes back what it said, and asks two members where a run paused by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.planning.do_no_harm.service import prepare_correction
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import USUAL
from campaigns.planning.service import fire_due, pause_run
from campaigns.staff.models import Role
from tests.factories import a_message
from tests.planning.story import DUE, START, Story, a_story
from tests.web.pages import Pages


@pytest.fixture(autouse=True)
def when_it_is_due() -> Iterator[None]:
    with clock.running_on(lambda: START):
        yield


@pytest.fixture
def story(pages: Pages, vault: Vault) -> Story:
    """A campaign whose run was accepted for three people; its correction is prepared."""
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        message = a_message(
            session, pages.ours, {"en": "Wrong number.", "uk": "Хибний номер."}, title="Correction"
        )
        prepare_correction(session, story.campaign, message_id=message.id, by=story.author.id)
        story.approved()
        (run,) = fire_due(session, now=DUE)
        run_id = run.id
    fan_out(pages.sessions, run_id, policy=USUAL)
    with pages.sessions.begin() as session:
        session.execute(update(Delivery).values(send_state="accepted"))
    return story


def first_run(session: Session) -> Run:
    return session.scalars(select(Run).order_by(Run.id).limit(1)).one()


def url_of(pages: Pages, act: str = "") -> str:
    with pages.sessions() as session:
        return f"/delivery/runs/{first_run(session).id}{act}"


@pytest.mark.both_databases
def test_one_button_withdraws_and_corrects(pages: Pages, story: Story) -> None:
    client = pages.client(story.approver)
    assert "Wrong number." in client.get(url_of(pages)).text
    page = client.post(url_of(pages, "/correct"), data={"reason": "It rang out."}, follow_redirects=True).text
    assert "This is a correction" in page
    page = client.get(url_of(pages)).text
    assert "What it says is withdrawn." in page
    assert "It rang out." in page
    assert 'id="correct"' not in page


def test_reason_is_asked_for_beside_the_field(pages: Pages, story: Story) -> None:
    answer = pages.client(story.approver).post(url_of(pages, "/correct"), data={"reason": ""})
    assert answer.status_code == 422
    with pages.sessions() as session:
        assert first_run(session).state == RunState.RUNNING


def test_author_reads_of_the_correction_but_cannot_send_it(pages: Pages, story: Story) -> None:
    client = pages.client(story.author)
    page = client.get(url_of(pages)).text
    assert "A member who may approve sends it." in page
    assert client.post(url_of(pages, "/correct"), data={"reason": "Wrong."}).status_code == 403


def test_page_says_how_to_prepare_what_is_missing(pages: Pages, story: Story) -> None:
    with pages.sessions.begin() as session:
        first_run(session).campaign.correction_id = None
    page = pages.client(story.approver).get(url_of(pages)).text
    assert "No reviewed correction is prepared" in page
    assert f"/campaigns/{story.campaign.id}/correction" in page


def test_pages_say_that_the_correction_was_withdrawn_itself(pages: Pages, story: Story) -> None:
    with pages.sessions.begin() as session:
        correction = first_run(session).campaign.correction
        assert correction is not None
        withdraw_version(session, correction, correction.version, by=story.approver.id, reason="Wrong.")
    approver = pages.client(story.approver)
    page = approver.get(url_of(pages)).text
    assert "What the correction says was withdrawn in <bdi>English</bdi>" in page
    assert "Withdraw it and send the correction" not in page
    prepared = approver.get(f"/campaigns/{story.campaign.id}/correction").text
    assert "Was withdrawn" in prepared
    assert "Write it anew" in pages.client(story.author).get(f"/campaigns/{story.campaign.id}/correction").text


def test_two_members_resume_what_paused_by_itself(pages: Pages, story: Story) -> None:
    with pages.sessions.begin() as session:
        pause_run(session, first_run(session), reason=Sentence(N_("Too many failed.")))
    author, approver = pages.client(story.author), pages.client(story.approver)
    assert "Two members must agree" in approver.get(url_of(pages)).text
    assert "asked to resume it" in author.post(url_of(pages, "/ask-to-resume"), follow_redirects=True).text
    assert "/resume" not in author.get(url_of(pages)).text
    approver.post(url_of(pages, "/resume"))
    with pages.sessions() as session:
        assert first_run(session).state == RunState.RUNNING


def test_who_asked_is_told_to_wait_for_another(pages: Pages, story: Story) -> None:
    with pages.sessions.begin() as session:
        pause_run(session, first_run(session), reason=Sentence(N_("Too many failed.")))
    client = pages.client(pages.member(Role.APPROVER))
    page = client.post(url_of(pages, "/ask-to-resume"), follow_redirects=True).text
    assert "Somebody else has to confirm." in page
    page = client.post(url_of(pages, "/resume"), follow_redirects=True).text
    assert "one member asks to resume it, and another one confirms" in page
