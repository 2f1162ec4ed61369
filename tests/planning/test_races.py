"""Edits, approvals and the clock at the same moment: nothing that nobody approved ever starts."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import FingerpostError
from campaigns.core.keys.crypto import Vault
from campaigns.messages.models import Message, TranslationState
from campaigns.messages.service import save_translation
from campaigns.planning import service
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.do_no_harm.service import prepare_correction
from campaigns.planning.draft import plan_of
from campaigns.planning.models import Campaign, CampaignState, Run, RunState, Schedule
from tests.factories import a_message
from tests.planning.story import DUE, EVENING, Story, a_story

pytestmark = pytest.mark.usefixtures("at_the_start")

ROUNDS = 20
#: Races in which nobody may start what was not read and approved.
RACES = [20, pytest.param(60, marks=pytest.mark.long), pytest.param(1000, marks=pytest.mark.slow)]


@pytest.fixture
def story(sessions: sessionmaker[Session], vault: Vault) -> Story:
    with sessions.begin() as session:
        return a_story(session, vault)


def together(sessions: sessionmaker[Session], *verbs: Callable[[Session], object]) -> list[bool]:
    """Run each verb in a thread and transaction of its own at one moment; say which ones succeeded."""
    barrier, done = threading.Barrier(len(verbs)), [False] * len(verbs)

    def run(number: int) -> None:
        barrier.wait()
        try:
            with sessions.begin() as session:
                verbs[number](session)
            done[number] = True
        except FingerpostError:
            return

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(verbs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def in_session(story: Story, session: Session) -> Story:
    return replace(story, session=session, campaign=session.get_one(Campaign, story.campaign.id))


def rewrite(session: Session, story: Story, text: str) -> None:
    """Give the message a Ukrainian text that counts as reviewed."""
    message = session.get_one(Message, story.campaign.message_id)
    save_translation(session, message, language="uk", text=text, by=story.author.id)
    message.translations[1].state = TranslationState.REVIEWED
    message.translations[1].reviewer_id = story.approver.id


def prepare(sessions: sessionmaker[Session], story: Story, text: str) -> str:
    """Submit the campaign with `text`, whatever the round before left, and return the digest to approve."""
    with sessions.begin() as session:
        here = in_session(story, session)
        rewrite(session, story, text)
        if here.campaign.state != CampaignState.DRAFT:
            service.take_back_campaign(session, here.campaign, by=story.author.id)
        for schedule in list(here.campaign.schedules):
            service.remove_schedule(session, schedule, by=story.author.id)
        here.scheduled()
        return here.submitted()


def approve(story: Story, digest: str) -> Callable[[Session], object]:
    return lambda session: service.approve_campaign(
        session, session.get_one(Campaign, story.campaign.id), by=story.approver.id, digest=digest
    )


def edit(story: Story, max_parts: int) -> Callable[[Session], object]:
    def verb(session: Session) -> None:
        campaign = session.get_one(Campaign, story.campaign.id)
        plan = replace(plan_of(campaign), max_parts=max_parts)
        service.update_campaign(session, campaign, plan=plan, by=story.author.id)

    return verb


def test_approval_and_edit_never_overlap(sessions: sessionmaker[Session], story: Story) -> None:
    """Whoever comes first, the edit leaves a draft, and no approval of what was before is in force."""
    for number in range(ROUNDS):
        digest = prepare(sessions, story, f"Паспорт {number}. ((hotline))")
        _, edited = together(sessions, approve(story, digest), edit(story, 4 + number % 2))
        assert edited
        with sessions.begin() as session:
            here = in_session(story, session)
            assert here.is_sound()
            assert here.campaign.state == CampaignState.DRAFT


def test_two_approvals_make_one(sessions: sessionmaker[Session], story: Story) -> None:
    for number in range(ROUNDS // 2):
        digest = prepare(sessions, story, f"Паспорт {number}. ((hotline))")
        assert sorted(together(sessions, approve(story, digest), approve(story, digest))) == [False, True]


def test_unread_text_never_starts(sessions: sessionmaker[Session], story: Story) -> None:
    """A text is rewritten while it is approved and fired by two clocks: what starts is what was read."""
    for number in range(ROUNDS):
        read, other = f"Паспорт {number}. ((hotline))", f"Змінено {number}. ((hotline))"
        digest = prepare(sessions, story, read)
        together(
            sessions,
            approve(story, digest),
            lambda session, other=other: rewrite(session, story, other),  # type: ignore[misc]
            lambda session: service.fire_due(session, now=DUE),
            lambda session: service.fire_due(session, now=DUE),
        )
        with sessions.begin() as session:
            service.fire_due(session, now=DUE)
            schedule_id = session.scalars(select(Schedule.id).order_by(Schedule.id.desc()).limit(1)).one()
            made = session.scalars(select(Run).where(Run.schedule_id == schedule_id)).all()
            assert len(made) <= 1
            started = [run for run in made if run.state == RunState.PLANNING]
            assert [FrozenRun.from_json(run.frozen).texts["uk"] for run in started] in ([], [read])


def rewritten(story: Story, text: str) -> Callable[[Session], object]:
    return lambda session: rewrite(session, story, text)


def rescheduled(story: Story) -> Callable[[Session], object]:
    return lambda session: in_session(story, session).scheduled(replace(EVENING, recurrence="FREQ=DAILY"))


def corrected(story: Story) -> Callable[[Session], object]:
    def verb(session: Session) -> None:
        message = a_message(session, story.organisation, title="Another correction")
        campaign = session.get_one(Campaign, story.campaign.id)
        prepare_correction(session, campaign, message_id=message.id, by=story.author.id)

    return verb


def fire(session: Session) -> object:
    return service.fire_due(session, now=DUE)


@pytest.mark.parametrize("races", RACES)
def test_no_unapproved_text_is_ever_sent(sessions: sessionmaker[Session], story: Story, races: int) -> None:
    """Someone edits, someone approves, two clocks start: what is sent is what an approver read and approved."""
    chance, read, approved, sent = random.Random(races), dict[str, str](), set[str](), 0
    for number in range(races):
        text = f"Паспорт {number}. ((hotline))"
        digest = prepare(sessions, story, text)
        read[digest] = text
        edits = (edit(story, 4 + number % 2), rewritten(story, f"Змінено {number}."), rescheduled(story))
        verbs = [approve(story, digest), chance.choice([*edits, corrected(story)]), fire, fire]
        if together(sessions, *verbs)[0]:
            approved.add(digest)
        with sessions.begin() as session:
            fire(session)
            started = session.scalars(select(Run).where(Run.state == RunState.PLANNING)).all()
            for run in started:
                assert run.digest in approved
                assert FrozenRun.from_json(run.frozen).texts["uk"] == read[run.digest]
                run.state = RunState.DONE
                sent += 1
    assert sent > races // 20
