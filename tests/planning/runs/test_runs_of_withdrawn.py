"""What a partner withdraws stops where it was copied, and whoever copied it is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import ApprovalError
from campaigns.core.sentences import Sentence
from campaigns.messages.library.service import copy_message, get_shared
from campaigns.messages.models import Message, TranslationState, Withdrawal
from campaigns.messages.service import review_translation, save_translation
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.messages.translations.withdrawn_copies import find_copies, find_suspect, find_suspects
from campaigns.planning.models import Run, RunState
from campaigns.planning.runs.held_runs import NOT_BEGUN
from campaigns.planning.runs.runs_of_withdrawn import let_go_on, pause_copies, pause_other_versions
from campaigns.planning.service import ask_to_resume, fire_due, resume_run, stop_run
from campaigns.staff.models import Organisation, Role
from tests.factories import a_member, a_message, a_run, an_organisation
from tests.planning.story import DUE, START, Story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

TEXTS = {"en": "Keep your passport. Help: ((hotline))", "uk": "Паспорт тримайте при собі. ((hotline))"}


@pytest.fixture
def theirs(session: Session) -> Message:
    """A partner's message with the very texts of the story."""
    partner = an_organisation(session, name="Signal Fire (invented)")
    return a_message(session, partner, TEXTS, is_shared=True)


def withdraw(session: Session, message: Message) -> list[int]:
    """Withdraw a message's version as a correction does."""
    member = a_member(session, session.get_one(Organisation, message.organisation_id))
    withdraw_version(session, message, message.version, by=member.id, reason="A wrong number.")
    return pause_copies(session, message.id, message.version)


def copied(story: Story, theirs: Message) -> None:
    """Let the story's message be a copy of theirs."""
    message = story.campaign.message
    message.copied_from_id, message.copied_from_version = theirs.id, theirs.version
    story.session.flush()


@pytest.mark.both_databases
@pytest.mark.parametrize("state", [RunState.PLANNING, RunState.RUNNING, RunState.PAUSED])
def test_runs_under_way_of_a_copy_pause(story: Story, theirs: Message, state: RunState) -> None:
    copied(story, theirs)
    story.approved()
    (run,) = fire_due(story.session, now=DUE)
    # Whoever looks at one that is paused already would let it go on for what is said there.
    run.state, run.reason, run.resume_asked_by_id = state, Sentence(NOT_BEGUN), run.campaign.created_by_id
    assert withdraw(story.session, theirs) == [run.id]
    assert (run.state, run.paused_by_itself) == (RunState.PAUSED, True)
    assert "Signal Fire (invented) withdrew the text" in str(run.reason)
    assert "A wrong number" in str(run.reason)
    story.session.expire(run)
    assert run.resume_asked_by_id is None


def test_copy_of_a_copy_is_found(session: Session, story: Story, theirs: Message) -> None:
    between = a_message(session, an_organisation(session), TEXTS, is_shared=True)
    between.copied_from_id, between.copied_from_version = theirs.id, 1
    copied(story, between)
    story.approved()
    (run,) = fire_due(session, now=DUE)
    assert withdraw(session, theirs) == [run.id]
    assert {copy.organisation_id for copy in find_copies(session, theirs.id, 1)} == {
        between.organisation_id,
        story.organisation.id,
    }


def test_what_a_copy_says_in_other_words_goes_on(session: Session, story: Story, theirs: Message) -> None:
    copied(story, theirs)
    story.approved()
    (run,) = fire_due(session, now=DUE)
    run.frozen = {**run.frozen, "texts": {"uk": "Інші слова"}}
    session.flush()
    assert withdraw(session, theirs) == []
    assert run.state == RunState.PLANNING


@pytest.mark.parametrize("changes", [{"state": RunState.DONE}, {"state": RunState.HELD}, {"is_rehearsal": True}])
def test_runs_that_send_nothing_to_people_stay(story: Story, theirs: Message, changes: dict[str, object]) -> None:
    copied(story, theirs)
    frozen = {"message_id": story.campaign.message_id, "texts": TEXTS}
    a_run(story.session, story.campaign, **{"frozen": frozen, "state": RunState.RUNNING} | changes)
    assert withdraw(story.session, theirs) == []


@pytest.mark.both_databases
def test_other_version_is_another_text(session: Session, story: Story, theirs: Message) -> None:
    copied(story, theirs)
    story.campaign.message.copied_from_version = 2
    story.approved()
    fire_due(session, now=DUE)
    assert withdraw(session, theirs) == []


def test_next_occurrence_is_held_until_it_is_approved_again(story: Story, theirs: Message) -> None:
    copied(story, theirs)
    story.approved()
    with clock.running_on(lambda: START + timedelta(minutes=1)):
        withdraw(story.session, theirs)
    (run,) = fire_due(story.session, now=DUE)
    assert run.state == RunState.HELD
    assert "Signal Fire (invented) withdrew" in str(run.reason)


def test_copy_that_was_approved_since_fires(story: Story, theirs: Message) -> None:
    copied(story, theirs)
    withdraw(story.session, theirs)
    with clock.running_on(lambda: START + timedelta(minutes=1)):
        story.approved()
    (run,) = fire_due(story.session, now=DUE)
    assert run.state == RunState.PLANNING


def mended_in_ukrainian(story: Story) -> int:
    """Let the story's message have another text in one of its languages; return the version that it was before."""
    message, before = story.campaign.message, story.campaign.message.version
    text = "Паспорт тримайте при собі. Допомога: ((hotline))"
    save_translation(story.session, message, language="uk", text=text, by=story.author.id)
    mended = next(each for each in message.translations if each.language == "uk")
    mended.state, mended.reviewer_id = TranslationState.REVIEWED, story.approver.id
    story.session.flush()
    return before


@pytest.mark.both_databases
def test_what_another_version_says_in_one_language_waits_once_it_was_withdrawn(
    session: Session, story: Story
) -> None:
    """The text in one language was mended, and that in another one is wrong in both versions."""
    message, by, wrong = story.campaign.message, story.author.id, mended_in_ukrainian(story)
    story.approved()
    (run,) = fire_due(session, now=DUE)
    run.frozen = run.frozen | {"message_id": message.id}
    session.flush()
    with clock.running_on(lambda: DUE + timedelta(minutes=1)):
        withdraw_version(session, message, wrong, by=by, reason="A wrong number.")
        withdrawal = session.get_one(Withdrawal, (message.id, wrong))
        assert pause_other_versions(session, message.id, withdrawal) == [run.id]
    assert (run.state, run.paused_by_itself) == (RunState.PAUSED, True)
    assert "Another version of this message was withdrawn" in str(run.reason)
    run.frozen = run.frozen | {"texts": {"en": "Other words"}}
    run.state = RunState.RUNNING
    session.flush()
    assert pause_other_versions(session, message.id, withdrawal) == []


def test_next_occurrence_that_says_what_another_version_said_is_held(session: Session, story: Story) -> None:
    message, by, wrong = story.campaign.message, story.author.id, mended_in_ukrainian(story)
    story.approved()
    with clock.running_on(lambda: START + timedelta(minutes=1)):
        withdraw_version(session, message, wrong, by=by, reason="A wrong number.")
    (run,) = fire_due(session, now=DUE)
    assert (run.state, "this one says the same in English" in str(run.reason)) == (RunState.HELD, True)


@pytest.mark.both_databases
def test_copy_is_told_of_until_it_says_something_else(session: Session, theirs: Message) -> None:
    ours = an_organisation(session)
    author, reviewer = a_member(session, ours), a_member(session, ours, Role.APPROVER)
    copy = copy_message(session, ours.id, get_shared(session, theirs.id, ours.id), by=author.id)
    assert find_suspects(session, ours.id) == []
    withdraw(session, theirs)
    (told,) = find_suspects(session, ours.id)
    assert (told.message_id, told.partner, told.withdrawal.reason) == (
        copy.id,
        "Signal Fire (invented)",
        "A wrong number.",
    )
    assert find_suspects(session, theirs.organisation_id) == []
    for language in TEXTS:
        save_translation(session, copy, language=language, text=f"Right {language} ((hotline))", by=author.id)
    for translation in copy.translations:
        review_translation(session, translation, by=reviewer.id)
    assert find_suspect(session, copy.id) is None
    assert session.scalars(select(Run)).all() == []


@pytest.mark.both_databases
def test_stopped_copy_is_resumed_by_two_who_read_of_it(session: Session, story: Story, theirs: Message) -> None:
    copied(story, theirs)
    story.approved()
    (run,) = fire_due(session, now=DUE)
    run.started_at = DUE
    stop_run(session, run, by=story.author.id, reason=Sentence(NOT_BEGUN))
    assert withdraw(session, theirs) == []
    assert run.state == RunState.STOPPED
    assert "Signal Fire (invented) withdrew the text" in str(run.reason)
    with pytest.raises(ApprovalError):
        resume_run(session, run, by=story.approver.id)
    ask_to_resume(session, run, by=story.author.id)
    resume_run(session, run, by=story.approver.id)
    assert session.get_one(Run, run.id).state == RunState.RUNNING


def test_held_copy_tells_of_it_beside_why_it_is_held(session: Session, story: Story, theirs: Message) -> None:
    copied(story, theirs)
    story.approved()
    (run,) = fire_due(session, now=DUE)
    run.state, run.reason = RunState.HELD, Sentence(NOT_BEGUN)
    assert withdraw(session, theirs) == []
    assert run.state == RunState.HELD
    assert str(run.reason).startswith(NOT_BEGUN)
    assert "Signal Fire (invented) withdrew the text" in str(run.reason)


@pytest.mark.parametrize("is_before", [False, True])
def test_done_copy_does_not_go_on_by_itself(
    session: Session, story: Story, theirs: Message, is_before: bool
) -> None:
    """What was withdrawn before it ended was decided on by those who let it go on."""
    copied(story, theirs)
    story.approved()
    (run,) = fire_due(session, now=DUE)
    withdraw(session, theirs)
    run.state, run.reason = RunState.DONE, None
    run.finished_at = clock.now() + timedelta(minutes=1 if is_before else -1)
    let_go_on(session, run)
    assert run.state == (RunState.RUNNING if is_before else RunState.PAUSED)
    assert ("Signal Fire (invented)" in str(run.reason)) != is_before
