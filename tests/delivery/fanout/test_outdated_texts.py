"""A run that was stopped for a wrong number goes on with the right one; one that is being sent pauses for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import ApprovalError, GateError, RefusedError
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.fanout.outdated_texts import TextWatch, as_called, find_new_numbers, load_former, resume
from campaigns.delivery.models import Delivery, FormerText, RunText
from campaigns.delivery.states import SendState
from campaigns.directory.models import EmergencyNumber, Service
from campaigns.places.models import Region
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import USUAL, Policy
from campaigns.planning.runs.firing import pause_run, stop_run
from campaigns.planning.service import fire_due
from campaigns.staff import audit
from campaigns.staff.models import AuditEntry
from tests.factories import a_service
from tests.moments import standing_at
from tests.planning.story import DUE, START, Story, a_story

pytestmark = pytest.mark.one_database

OLD, NEW = "+48 22 628 01 20", "+48 22 111 22 33"
LATER = DUE + timedelta(minutes=30)


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    with clock.running_on(lambda: START):
        yield


@pytest.fixture
def story(sessions: sessionmaker[Session], vault: Vault) -> Iterator[Story]:
    with sessions() as session:
        story = a_story(session, vault, people=4)
        story.approved()
        fire_due(session, now=DUE)
        session.commit()
        yield story


@pytest.fixture
def run(sessions: sessionmaker[Session], story: Story) -> Run:
    """A run that was planned for four people."""
    run = story.session.scalars(select(Run)).one()
    story.session.commit()
    with clock.running_on(lambda: DUE):
        fan_out(sessions, run.id, policy=USUAL)
    story.session.refresh(run)
    assert run.state == RunState.RUNNING
    story.session.commit()
    return run


def correct_the_number(session: Session, number: str = NEW, **changes: object) -> None:
    """Write another number into the directory, as a member who verified it does."""
    values = {"number_national": number, "number_from_abroad": number, "updated_at": LATER} | changes
    session.execute(update(Service).values(values))
    session.commit()


def settle(session: Session, count: int, **values: object) -> None:
    """Let the first `count` messages end as `values` say."""
    ids = session.scalars(select(Delivery.id).order_by(Delivery.id).limit(count)).all()
    session.execute(update(Delivery).where(Delivery.id.in_(ids)).values(**values))
    session.commit()


def waiting_texts(session: Session) -> set[str | None]:
    """Return what those are told who were not written to yet."""
    joined = select(RunText.body).join(Delivery, Delivery.text_id == RunText.id)
    return set(session.scalars(joined.where(Delivery.send_state.in_((SendState.QUEUED, SendState.CANCELLED)))))


def go_on(story: Story, run: Run, *, at: datetime = LATER) -> int:
    with clock.running_on(lambda: at):
        return resume(story.session, run, by=story.approver.id, policy=USUAL)


def test_run_paused_for_a_wrong_number_goes_on_with_the_right_one(story: Story, run: Run) -> None:
    session = story.session
    settle(session, 1, send_state=SendState.ACCEPTED, intent_at=DUE)
    pause_run(session, run, by=story.author.id, reason=Sentence(N_("The hotline is wrong.")))
    correct_the_number(session)
    assert go_on(story, run) == 1
    assert run.state == RunState.RUNNING
    [text] = waiting_texts(session)
    assert text is not None
    assert NEW in text
    assert OLD not in text


def test_whoever_stated_the_new_number_cannot_let_the_run_name_it(story: Story, run: Run) -> None:
    session = story.session
    pause_run(session, run, by=story.author.id, reason=Sentence(N_("The hotline is wrong.")))
    correct_the_number(session)
    assert find_new_numbers(session, run) == [NEW]
    line = session.scalars(select(Service)).one()
    owner = {"organisation_id": run.organisation_id, "member_id": story.approver.id}
    audit.record(session, "service.update", subject=line, **owner)
    session.commit()
    with pytest.raises(ApprovalError):
        go_on(story, run)
    session.rollback()
    with clock.running_on(lambda: LATER):
        resume(session, run, by=story.reader.id, policy=USUAL)
    assert NEW in str(waiting_texts(session))
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "run.approve_numbers")).one()
    assert (entry.member_id, entry.detail["numbers"]) == (story.reader.id, [NEW])


def test_texts_are_filled_in_with_approved_numbers_alone(sessions: sessionmaker[Session], story: Story) -> None:
    run = story.session.scalars(select(Run)).one()
    correct_the_number(story.session)
    a_service(story.session, story.organisation, number_national=NEW, number_from_abroad=NEW)
    story.session.commit()
    with clock.running_on(lambda: DUE):
        fan_out(sessions, run.id, policy=USUAL)
    [text] = waiting_texts(story.session)
    assert (NEW in str(text), "112" in str(text)) == (False, True)


@pytest.mark.both_databases
def test_stopped_run_goes_on_with_the_right_number_too(story: Story, run: Run) -> None:
    stop_run(story.session, run, by=story.author.id, reason=Sentence(N_("The hotline is wrong.")))
    settle(story.session, 4, send_state=SendState.CANCELLED)
    correct_the_number(story.session)
    assert go_on(story, run) == 1
    [text] = waiting_texts(story.session)
    assert NEW in str(text)


def test_what_was_called_for_before_keeps_what_it_said(story: Story, run: Run) -> None:
    session = story.session
    settle(session, 2, send_state=SendState.UNKNOWN, intent_at=DUE)
    pause_run(session, run, by=story.author.id, reason=Sentence(N_("The hotline is wrong.")))
    correct_the_number(session)
    go_on(story, run)
    [text] = [each for each in session.scalars(select(RunText)) if each.service_ids]
    former = load_former(session, [text.id])
    assert OLD in str(as_called(text, former, at=DUE).body)
    assert NEW in str(as_called(text, former, at=LATER).body)
    assert NEW in str(as_called(text, former, at=None).body)


def test_twice_renewed_text_keeps_each_of_its_wordings(story: Story, run: Run) -> None:
    session, thrice = story.session, "+48 22 999 99 99"
    for number, moment in ((NEW, LATER), (thrice, LATER + timedelta(hours=1))):
        pause_run(session, run, by=story.author.id, reason=Sentence(N_("The hotline is wrong.")))
        correct_the_number(session, number)
        assert go_on(story, run, at=moment) == 1
    [text] = [each for each in session.scalars(select(RunText)) if each.service_ids]
    former = load_former(session, [text.id])
    said = [as_called(text, former, at=at) for at in (DUE, LATER, LATER + timedelta(hours=1))]
    assert [number in str(each.body) for each, number in zip(said, (OLD, NEW, thrice), strict=True)] == [True] * 3


def test_texts_that_hold_stay_as_they_are(story: Story, run: Run) -> None:
    pause_run(story.session, run, by=story.author.id, reason=Sentence(N_("I want to look.")))
    assert go_on(story, run) == 0
    assert story.session.scalars(select(FormerText)).all() == []


def test_run_does_not_go_on_without_a_helpline_to_name(story: Story, run: Run) -> None:
    pause_run(story.session, run, by=story.author.id, reason=Sentence(N_("Nobody answers there.")))
    correct_the_number(story.session, verified_on=None)
    # A country without one number for every emergency.
    story.session.execute(update(Region).values(country="AF"))
    story.session.commit()
    with pytest.raises(GateError, match="texts in Ukrainian"):
        go_on(story, run)
    story.session.rollback()
    assert story.session.get_one(Run, run.id).state == RunState.PAUSED


def test_run_without_a_helpline_goes_on_with_the_emergency_number(story: Story, run: Run) -> None:
    pause_run(story.session, run, by=story.author.id, reason=Sentence(N_("Nobody answers there.")))
    correct_the_number(story.session, verified_on=None)
    assert go_on(story, run) == 1
    [text] = waiting_texts(story.session)
    assert "112" in str(text)


def test_run_does_not_go_on_while_the_old_text_may_still_leave(story: Story, run: Run) -> None:
    """What was claimed before the pause is refused by the fence only while the run does not run."""
    settle(story.session, 1, send_state=SendState.SENDING, intent_at=LATER - timedelta(seconds=20))
    pause_run(story.session, run, by=story.author.id, reason=Sentence(N_("The hotline is wrong.")))
    correct_the_number(story.session)
    with pytest.raises(RefusedError, match="half a minute"):
        go_on(story, run)
    story.session.rollback()
    assert go_on(story, run, at=LATER + timedelta(seconds=20)) == 1


def test_running_run_pauses_when_its_helpline_changes(
    sessions: sessionmaker[Session], story: Story, run: Run
) -> None:
    run_id = id_of(story, run)
    watch = TextWatch(sessions, policy=USUAL)
    with clock.running_on(lambda: DUE):
        watch.look()
    assert state_of(sessions, run_id) == RunState.RUNNING
    correct_the_number(story.session)
    with clock.running_on(lambda: LATER):
        watch.look()
    story.session.refresh(run)
    assert (run.state, run.paused_by_itself) == (RunState.PAUSED, True)
    assert f"“{story.session.scalars(select(Service.name)).one()}”" in str(run.reason)


def test_change_that_is_committed_after_a_look_is_seen(
    sessions: sessionmaker[Session], story: Story, run: Run
) -> None:
    """A file of services is written before it is committed, and somebody looks in between."""
    run_id = id_of(story, run)
    watch = TextWatch(sessions, policy=USUAL)
    with clock.running_on(lambda: LATER):
        watch.look()
    correct_the_number(story.session, updated_at=LATER - timedelta(seconds=30))
    with clock.running_on(lambda: LATER + timedelta(seconds=5)):
        watch.look()
    assert state_of(sessions, run_id) == RunState.PAUSED


@pytest.mark.both_databases
def test_running_run_pauses_when_an_emergency_number_changes(
    sessions: sessionmaker[Session], story: Story, run: Run
) -> None:
    session, run_id, changed_at = story.session, run.id, LATER + timedelta(minutes=5)
    pause_run(session, run, by=story.author.id, reason=Sentence(N_("Nobody answers there.")))
    correct_the_number(session, verified_on=None)
    assert go_on(story, run) == 1
    session.commit()
    watch = TextWatch(sessions, policy=USUAL)
    with clock.running_on(lambda: LATER + timedelta(minutes=4)):
        watch.look()
    assert state_of(sessions, run_id) == RunState.RUNNING
    about = {"country": "PL", "document": "A letter of the ministry.", "document_date": LATER.date()}
    session.add(
        EmergencyNumber(
            organisation_id=story.organisation.id,
            number="999",
            member_id=story.author.id,
            created_at=changed_at,
            **about,
        )
    )
    session.commit()
    with clock.running_on(lambda: changed_at + timedelta(seconds=5)):
        watch.look()
    session.refresh(run)
    assert run.state == RunState.PAUSED
    assert "an emergency service" in str(run.reason)


def test_running_run_pauses_within_the_hour_when_a_verification_ends(
    sessions: sessionmaker[Session], story: Story, run: Run
) -> None:
    """Time passes without any change in the directory."""
    run_id = id_of(story, run)
    watch = TextWatch(sessions, policy=Policy(0))
    with clock.running_on(lambda: DUE):
        watch.look()
    assert state_of(sessions, run_id) == RunState.RUNNING
    with clock.running_on(lambda: DUE + timedelta(days=1)):
        watch.look()
    assert state_of(sessions, run_id) == RunState.PAUSED


def test_run_that_has_written_to_everybody_is_left_alone(
    sessions: sessionmaker[Session], story: Story, run: Run
) -> None:
    run_id = id_of(story, run)
    settle(story.session, 4, send_state=SendState.ACCEPTED, intent_at=DUE)
    correct_the_number(story.session)
    with clock.running_on(lambda: LATER):
        TextWatch(sessions, policy=USUAL).look()
    assert state_of(sessions, run_id) == RunState.RUNNING


def test_text_that_nobody_waits_for_is_not_sent_to_whoever_is_queued_again(
    sessions: sessionmaker[Session], story: Story, run: Run
) -> None:
    """A run goes on for hours, and a message of it may fail long after its helpline was taken back."""
    run_id = id_of(story, run)
    watch = TextWatch(sessions, policy=USUAL)
    settle(story.session, 4, send_state=SendState.ACCEPTED, intent_at=DUE)
    correct_the_number(story.session)
    with clock.running_on(lambda: LATER + timedelta(minutes=3)):
        watch.look()
    assert state_of(sessions, run_id) == RunState.RUNNING
    settle(story.session, 1, send_state=SendState.QUEUED)
    with clock.running_on(lambda: LATER + timedelta(minutes=10)):
        watch.look()
    assert state_of(sessions, run_id) == RunState.PAUSED


def test_texts_are_not_compared_again_at_each_look(
    sessions: sessionmaker[Session], story: Story, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = id_of(story, run)
    watch, compared = TextWatch(sessions, policy=USUAL), []
    monkeypatch.setattr(
        "campaigns.delivery.fanout.outdated_texts.pause_outdated",
        lambda session, run_id, **_: compared.append(run_id),
    )
    for minutes in (0, 1, 59, 60, 61):
        with standing_at(DUE + timedelta(minutes=minutes)):
            watch.look()
    assert compared == [run_id, run_id]


def state_of(sessions: sessionmaker[Session], run_id: int) -> RunState:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        return session.get_one(Run, run_id).state


def id_of(story: Story, run: Run) -> int:
    """Return the run's id and let others write."""
    run_id = run.id
    story.session.commit()
    return run_id
