"""A text in one more language raises the version of a message: what was wrong before is wrong still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from campaigns.core import clock
from campaigns.core.errors import RefusedError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.corrections.service import send_correction
from campaigns.delivery.fanout.correction_recipients import find_wrong_runs, was_corrected_with
from campaigns.messages.service import save_translation
from campaigns.messages.translations.withdrawals import find_withdrawal
from campaigns.planning.do_no_harm.service import prepare_correction
from campaigns.planning.models import CampaignState, Run, RunState
from campaigns.planning.service import fire_due
from tests.factories import a_message, a_run
from tests.planning.story import DUE, START, Story, a_story

pytestmark = pytest.mark.one_database


@pytest.fixture
def story(session: Session, vault: Vault) -> Iterator[Story]:
    with clock.running_on(lambda: START):
        story = a_story(session, vault)
        words = {"en": "Wrong number.", "uk": "Хибний номер."}
        message = a_message(session, story.organisation, words, title="Correction")
        prepare_correction(session, story.campaign, message_id=message.id, by=story.author.id)
        story.approved()
        yield story


def write(story: Story, language: str, text: str) -> None:
    save_translation(
        story.session, story.campaign.message, language=language, text=text, by=story.author.id, is_draft=True
    )


def correct(story: Story, run: Run) -> Run:
    return send_correction(story.session, run, by=story.approver.id, reason="The number is wrong.")


@pytest.mark.both_databases
def test_other_version_with_the_same_words_is_withdrawn_too(story: Story) -> None:
    session, message = story.session, story.campaign.message
    (run,) = fire_due(session, now=DUE)
    write(story, "ro", "Păstrați pașaportul.")
    assert story.is_sound()  # What is sent is what was approved: the draft is not sent.
    later = a_run(session, story.campaign, frozen=run.frozen, message_version=message.version)
    write(story, "pl", "Zachowaj paszport.")
    correct(story, run)
    session.refresh(later)
    assert later.state == RunState.STOPPED
    assert find_wrong_runs(session, run) == [run.id, later.id]
    wrong, first = aliased(Run), aliased(Run)
    of_it = select(wrong.id).join(first, was_corrected_with(wrong, first)).where(first.id == later.id)
    assert set(session.scalars(of_it)) == {run.id, later.id}
    assert find_withdrawal(session, message.id, message.version) is not None
    session.refresh(story.campaign)
    assert story.campaign.state == CampaignState.DRAFT


def test_one_more_language_does_not_bring_back_what_was_withdrawn(story: Story) -> None:
    (run,) = fire_due(story.session, now=DUE)
    correct(story, run)
    write(story, "ro", "Păstrați pașaportul.")
    write(story, "ro", "Păstrați pașaportul dvs.")
    assert find_withdrawal(story.session, story.campaign.message_id, story.campaign.message.version) is not None
    with pytest.raises(RefusedError, match="withdrawn"):
        story.approved()


def test_run_of_other_words_is_not_corrected(story: Story) -> None:
    session, message = story.session, story.campaign.message
    (run,) = fire_due(session, now=DUE)
    write(story, "uk", "Бережіть паспорт. ((hotline))")
    texts = {**run.frozen["texts"], "uk": "Бережіть паспорт. ((hotline))"}
    other = a_run(session, story.campaign, frozen={**run.frozen, "texts": texts}, message_version=message.version)
    correct(story, run)
    assert find_wrong_runs(session, run) == [run.id]
    session.refresh(other)
    assert other.state == RunState.RUNNING
    assert find_withdrawal(session, message.id, message.version) is None
