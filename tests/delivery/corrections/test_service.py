"""A correction reaches exactly those who got the wrong version, and stops all that still says it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.errors import ApprovalError, ForbiddenError, GateError, InputError, RefusedError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.core.written_text import digest_of_wordings
from campaigns.delivery.corrections.latecomers import fan_out_late
from campaigns.delivery.corrections.service import outlook_of, send_correction
from campaigns.delivery.fanout.correction_recipients import STOP_SETTLES
from campaigns.delivery.fanout.fanout import CHUNK, Planner, fan_out
from campaigns.delivery.models import Delivery, RunLeftOut, RunText
from campaigns.delivery.repair.resend import Chosen, resend
from campaigns.delivery.states import SendState
from campaigns.directory.models import Service
from campaigns.messages.models import Message
from campaigns.messages.service import save_translation
from campaigns.messages.translations.withdrawals import find_withdrawal, withdraw_version
from campaigns.planning.do_no_harm.service import correction_of, prepare_correction
from campaigns.planning.gates.safety import correction_gate
from campaigns.planning.models import CampaignState, Priority, Run, RunState
from campaigns.planning.policy import USUAL
from campaigns.planning.queries import find_approval, load_content
from campaigns.planning.service import fire_due, resume_run
from campaigns.staff import audit
from campaigns.staff.models import AuditEntry, Role
from tests.delivery.builders import a_planned_run
from tests.factories import a_campaign, a_member, a_message, a_run, an_organisation
from tests.planning.story import DUE, EVENING, START, Story, a_story

pytestmark = pytest.mark.one_database

WORDS = {"en": "Wrong number. Call ((hotline))", "uk": "Номер хибний. Дзвоніть ((hotline))"}


@pytest.fixture(autouse=True)
def when_it_is_due() -> Iterator[None]:
    with clock.running_on(lambda: START):
        yield


@dataclass
class Scene:
    """A campaign that was planned for ten people, and how far each message got."""

    story: Story
    run: Run
    #: By position.
    contacts: list[int]

    @property
    def session(self) -> Session:
        return self.story.session

    def settle(self, state: SendState, *positions: int, run: Run | None = None) -> None:
        """Let the messages of these people end in `state`."""
        chosen = [self.contacts[position] for position in positions]
        rows = update(Delivery).where(Delivery.contact_id.in_(chosen), Delivery.run_id == (run or self.run).id)
        self.session.execute(rows.values(send_state=state))

    def correct(self, *, by: int | None = None) -> Run:
        """Press the button and commit."""
        by = self.story.approver.id if by is None else by
        correction = send_correction(self.session, self.run, by=by, reason="The number is wrong.")
        self.session.commit()
        return correction

    def corrected(self, correction: Run) -> list[int]:
        """Return the positions of those the correction was planned for."""
        self.session.commit()
        rows = self.session.scalars(select(Delivery.contact_id).where(Delivery.run_id == correction.id))
        return sorted(self.contacts.index(contact) for contact in rows)


@pytest.fixture
def scene(sessions: sessionmaker[Session], vault: Vault) -> Iterator[Scene]:
    with sessions() as session:
        story = a_story(session, vault, people=10)
        message = a_message(session, story.organisation, WORDS, title="Correction")
        prepare_correction(session, story.campaign, message_id=message.id, by=story.author.id)
        story.approved()
        (run,) = fire_due(session, now=DUE)
        session.commit()
        plan(sessions, run)
        session.refresh(run)
        contacts = list(
            session.scalars(select(Delivery.contact_id).where(Delivery.run_id == run.id).order_by(Delivery.id))
        )
        yield Scene(story, run, contacts)


def plan(sessions: sessionmaker[Session], run: Run) -> None:
    fan_out(sessions, run.id, policy=USUAL)


def test_exactly_those_who_got_it_are_corrected(sessions: sessionmaker[Session], scene: Scene) -> None:
    scene.settle(SendState.ACCEPTED, 0, 1)
    scene.settle(SendState.UNKNOWN, 2)
    scene.settle(SendState.UNCONFIRMED, 3)
    scene.settle(SendState.FAILED, 4)
    scene.settle(SendState.EXPIRED, 5)
    correction = scene.correct()
    plan(sessions, correction)
    assert scene.corrected(correction) == [0, 1, 2, 3]


@pytest.mark.both_databases
@pytest.mark.parametrize("became", [SendState.CANCELLED, SendState.FAILED, SendState.EXPIRED])
def test_who_may_have_got_it_before_it_was_sent_again_is_corrected(
    sessions: sessionmaker[Session], scene: Scene, vault: Vault, became: SendState
) -> None:
    """Its first call was never confirmed; the second one was not made, because what it says was withdrawn."""
    scene.settle(SendState.UNCONFIRMED, 0)
    scene.session.execute(update(Delivery).values(intent_at=clock.now()))
    resend(scene.session, scene.run, Chosen(), by=scene.story.approver.id, reason="Asked.", vault=vault)
    scene.settle(became, 0, 1)
    correction = scene.correct()
    plan(sessions, correction)
    assert scene.corrected(correction) == [0]


@pytest.mark.both_databases
def test_same_address_sender_and_language_are_used(sessions: sessionmaker[Session], scene: Scene) -> None:
    scene.settle(SendState.ACCEPTED, 0)
    correction = scene.correct()
    plan(sessions, correction)
    scene.session.commit()
    of_run = select(Delivery).where(Delivery.contact_id == scene.contacts[0]).order_by(Delivery.run_id)
    wrong, right = scene.session.scalars(of_run).all()
    assert (right.address_id, right.sender_id, right.channel) == (wrong.address_id, wrong.sender_id, wrong.channel)
    text = scene.session.get_one(RunText, right.text_id)
    assert text.body == "Номер хибний. Дзвоніть +48 22 628 01 20"
    assert right.due_at <= clock.now()


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("heard_hours_ago", "languages", "reads"),
    [(25, ["en"], "en"), (None, ["en"], "en"), (1, ["en"], "uk"), (25, ["en", "uk"], "uk"), (25, ["uk"], "uk")],
)
def test_on_whatsapp_an_approved_text_in_another_language_is_better_than_none(
    sessions: sessionmaker[Session],
    scene: Scene,
    heard_hours_ago: int | None,
    languages: list[str],
    reads: str,
) -> None:
    scene.settle(SendState.ACCEPTED, *range(10))
    heard_at = heard_hours_ago and clock.now() - timedelta(hours=heard_hours_ago)
    scene.session.execute(update(Delivery).values(channel=Channel.WHATSAPP))
    scene.session.execute(update(Address).values(channel=Channel.WHATSAPP, heard_at=heard_at))
    scene.session.commit()
    correction = scene.correct()
    approved = {language: {"content_sid": "HX1", "slots": ["hotline"]} for language in languages}
    correction.frozen = {**correction.frozen, "templates": approved}
    scene.session.commit()
    plan(sessions, correction)
    assert scene.corrected(correction) == list(range(10))
    said = select(RunText.language).join(Delivery, Delivery.text_id == RunText.id)
    assert set(scene.session.scalars(said.where(Delivery.run_id == correction.id))) == {reads}


def test_who_said_stop_since_is_left_out_and_counted(sessions: sessionmaker[Session], scene: Scene) -> None:
    scene.settle(SendState.ACCEPTED, 0, 1, 2, 3)
    for position, state in ((1, AddressState.OPTED_OUT), (2, AddressState.INVALID), (3, AddressState.HELD)):
        rows = update(Address).where(Address.contact_id == scene.contacts[position])
        scene.session.execute(rows.values(state=state))
    correction = scene.correct()
    plan(sessions, correction)
    assert scene.corrected(correction) == [0]
    counted = scene.session.execute(
        select(RunLeftOut.reason, RunLeftOut.people).where(RunLeftOut.run_id == correction.id)
    )
    assert dict(counted.all()) == {"opted_out": 1, "invalid_address": 1, "held": 1}


def test_one_number_is_corrected_once(sessions: sessionmaker[Session], scene: Scene) -> None:
    """Two contacts with one number, as an earlier version wrote them, had each got the wrong version."""
    scene.settle(SendState.ACCEPTED, 0, 1, 2)
    twins = sorted((0, 2), key=scene.contacts.__getitem__)
    same = update(Address).where(Address.contact_id.in_([scene.contacts[position] for position in twins]))
    scene.session.execute(same.values(number=b"n" * 32, is_shared=True))
    correction = scene.correct()
    plan(sessions, correction)
    assert scene.corrected(correction) == sorted([1, twins[0]])
    counted = scene.session.execute(
        select(RunLeftOut.reason, RunLeftOut.people).where(RunLeftOut.run_id == correction.id)
    )
    assert dict(counted.all()) == {"same_number": 1}


def test_wrong_version_stops_everywhere_in_the_same_transaction(
    sessions: sessionmaker[Session], scene: Scene
) -> None:
    scene.settle(SendState.ACCEPTED, 0)
    send_correction(scene.session, scene.run, by=scene.story.approver.id, reason="Wrong.")
    with sessions() as other:
        other.connection(execution_options={"read_only": True})
        assert other.get_one(Run, scene.run.id).state == RunState.RUNNING
    scene.session.commit()
    with sessions() as other:
        assert other.get_one(Run, scene.run.id).state == RunState.STOPPED
        assert find_withdrawal(other, scene.story.campaign.message_id, scene.run.message_version) is not None


def test_withdrawn_version_never_goes_on(scene: Scene) -> None:
    scene.settle(SendState.ACCEPTED, 0)
    scene.correct()
    with pytest.raises(RefusedError):
        resume_run(scene.session, scene.run, by=scene.story.approver.id)
    with pytest.raises(RefusedError):
        scene.story.approved()


def test_mended_text_may_be_approved_again(scene: Scene) -> None:
    scene.correct()
    for language, text in (("en", "Keep it. ((hotline))"), ("uk", "Бережіть. ((hotline))")):
        saved = save_translation(
            scene.session, scene.story.campaign.message, language=language, text=text, by=scene.story.author.id
        )
        saved.state, saved.reviewer_id = "reviewed", scene.story.approver.id  # type: ignore[assignment]
    scene.story.approved()
    assert scene.story.campaign.state == CampaignState.APPROVED


def test_approval_over_the_wrong_version_is_void(scene: Scene) -> None:
    approved = scene.story.campaign.state
    scene.correct()
    scene.session.refresh(scene.story.campaign)
    assert (approved, scene.story.campaign.state) == (CampaignState.APPROVED, CampaignState.DRAFT)


def test_correction_is_urgent_and_leaves_one_entry(scene: Scene) -> None:
    before = len(scene.session.scalars(select(AuditEntry.id)).all())
    correction = scene.correct()
    assert (correction.priority, correction.state) == (Priority.FIRST, RunState.PLANNING)
    entries = scene.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()[before:]
    assert [(entry.action, entry.detail["stopped"]) for entry in entries] == [("run.correct", [scene.run.id])]


def test_second_press_is_refused(scene: Scene) -> None:
    correction = scene.correct()
    with pytest.raises(RefusedError):
        scene.correct()
    assert outlook_of(scene.session, scene.run).correction_id == correction.id


def test_message_on_its_way_is_corrected_once_it_arrived(sessions: sessionmaker[Session], scene: Scene) -> None:
    scene.settle(SendState.ACCEPTED, 0)
    scene.settle(SendState.SENDING, 1, 2)
    correction = scene.correct()
    plan(sessions, correction)
    assert scene.corrected(correction) == [0]
    scene.settle(SendState.ACCEPTED, 1)
    scene.session.commit()
    fan_out_late(sessions, policy=USUAL)
    assert scene.corrected(correction) == [0, 1]
    scene.settle(SendState.CANCELLED, 2)
    scene.session.commit()
    look_late(sessions)
    assert scene.corrected(correction) == [0, 1]
    scene.session.refresh(correction)
    assert (correction.planned, correction.planned_through > 0) == (2, True)


def look_late(sessions: sessionmaker[Session], *, after: timedelta = STOP_SETTLES, chunk: int = CHUNK) -> None:
    """Look once more for those whose message was on its way, so long after the wrong runs were stopped."""
    with clock.running_on(lambda: START + after):
        fan_out_late(sessions, policy=USUAL, chunk=chunk)


def test_claim_that_is_committed_after_the_stop_is_corrected(
    sessions: sessionmaker[Session], scene: Scene
) -> None:
    """Nothing is on its way when the correction is planned; the claim that began before the stop appears later."""
    scene.settle(SendState.ACCEPTED, 0)
    correction = scene.correct()
    plan(sessions, correction)
    look_late(sessions, after=STOP_SETTLES - timedelta(seconds=1))
    scene.settle(SendState.SENDING, 1)
    scene.session.commit()
    look_late(sessions)
    scene.settle(SendState.ACCEPTED, 1)
    scene.session.commit()
    look_late(sessions)
    assert scene.corrected(correction) == [0, 1]


def test_looks_while_a_message_is_on_its_way_count_nobody_again(
    sessions: sessionmaker[Session], scene: Scene
) -> None:
    scene.settle(SendState.ACCEPTED, 0, 1)
    rows = update(Address).where(Address.contact_id == scene.contacts[1])
    scene.session.execute(rows.values(state=AddressState.OPTED_OUT))
    correction = scene.correct()
    plan(sessions, correction)
    for seconds in (1, 6, 11):
        look_late(sessions, after=timedelta(seconds=seconds))
    left_out = select(RunLeftOut.reason, RunLeftOut.people).where(RunLeftOut.run_id == correction.id)
    assert scene.session.execute(left_out).all() == [("opted_out", 1)]


@pytest.mark.both_databases
def test_message_that_arrives_while_the_correction_is_planned_is_corrected(
    sessions: sessionmaker[Session], scene: Scene
) -> None:
    """Its person's chunk was planned before, and nothing is on its way when the last chunk is."""
    scene.settle(SendState.ACCEPTED, 9)
    scene.settle(SendState.SENDING, 0)
    correction = scene.correct()
    with clock.running_on(lambda: START + STOP_SETTLES):
        chunks = iter((True,))
        through = scene.contacts[4]
        fan_out(sessions, correction.id, policy=USUAL, chunk=through, may_go_on=lambda: next(chunks, False))
        scene.settle(SendState.ACCEPTED, 0)
        scene.session.commit()
        plan(sessions, correction)
    look_late(sessions)
    assert scene.corrected(correction) == [0, 9]


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_late_look_goes_by_chunks_and_counts_once(
    sessions: sessionmaker[Session], scene: Scene, chunk: int
) -> None:
    """Another worker looks between two chunks of the last look, or the first one died there."""
    scene.settle(SendState.ACCEPTED, 0, 1, 2, 8)
    scene.settle(SendState.SENDING, 9)
    for position in (1, 8):
        rows = update(Address).where(Address.contact_id == scene.contacts[position])
        scene.session.execute(rows.values(state=AddressState.OPTED_OUT))
    correction = scene.correct()
    plan(sessions, correction)
    scene.settle(SendState.ACCEPTED, 9)
    scene.session.commit()
    with clock.running_on(lambda: START + STOP_SETTLES):
        chunks = iter((True, True))
        fan_out_late(sessions, policy=USUAL, chunk=chunk, may_go_on=lambda: next(chunks, False))
    look_late(sessions, chunk=chunk)
    look_late(sessions, chunk=chunk)
    assert scene.corrected(correction) == [0, 2, 9]
    scene.session.refresh(correction)
    assert correction.planned_through > 0
    left_out = select(RunLeftOut.reason, RunLeftOut.people).where(RunLeftOut.run_id == correction.id)
    assert scene.session.execute(left_out).all() == [("opted_out", 2)]


def test_late_correction_does_not_name_a_number_that_changed_since(
    sessions: sessionmaker[Session], scene: Scene
) -> None:
    scene.settle(SendState.ACCEPTED, 0)
    scene.settle(SendState.SENDING, 1)
    correction = scene.correct()
    plan(sessions, correction)
    scene.session.refresh(correction)
    correction.state = RunState.DONE
    scene.settle(SendState.ACCEPTED, 1)
    number = {"number_national": "+48 22 111 22 33", "number_from_abroad": "+48 22 111 22 33"}
    scene.session.execute(update(Service).values(updated_at=clock.now(), **number))
    scene.session.commit()
    look_late(sessions)
    scene.session.refresh(correction)
    assert (correction.state, correction.paused_by_itself) == (RunState.PAUSED, True)


@pytest.mark.both_databases
def test_late_correction_does_not_say_what_a_partner_withdrew_since(
    sessions: sessionmaker[Session], scene: Scene
) -> None:
    session = scene.session
    scene.settle(SendState.ACCEPTED, 0)
    scene.settle(SendState.SENDING, 1)
    correction = scene.correct()
    plan(sessions, correction)
    session.refresh(correction)
    partner = an_organisation(session, name="Signal Fire (invented)")
    theirs = a_message(session, partner, correction.frozen["texts"], is_shared=True)
    copy = session.get_one(Message, int(correction.frozen["message_id"]))
    copy.copied_from_id, copy.copied_from_version = theirs.id, theirs.version
    correction.state, correction.finished_at = RunState.DONE, clock.now()
    scene.settle(SendState.ACCEPTED, 1)
    withdraw_version(session, theirs, theirs.version, by=a_member(session, partner).id, reason="A wrong number.")
    session.commit()
    look_late(sessions)
    session.refresh(correction)
    assert scene.corrected(correction) == [0, 1]
    assert (correction.state, correction.paused_by_itself) == (RunState.PAUSED, True)
    assert "Signal Fire (invented) withdrew the text" in str(correction.reason)


def test_correction_that_cannot_be_planned_late_holds_up_no_other(
    sessions: sessionmaker[Session], scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.settle(SendState.ACCEPTED, 0)
    correction = scene.correct()
    plan(sessions, correction)
    other = a_planned_run(scene.session, state=RunState.DONE, corrects_id=scene.run.id)
    scene.session.commit()
    first, second, looked = correction.id, other.id, list[int]()
    scene.session.commit()

    def plan_late(planner: Any, after: int, chunk: int) -> None:
        looked.append(planner._run.id)
        if looked[-1] == first:
            raise GateError(N_("The text in “%(language)s” cannot be filled in."), language="uk")

    monkeypatch.setattr(Planner, "plan_late", plan_late)
    look_late(sessions)
    assert looked == [first, second]
    scene.session.refresh(correction)
    assert (correction.state, correction.paused_by_itself) == (RunState.PAUSED, True)
    assert "cannot be filled in" in str(correction.reason)


def test_person_of_two_runs_is_corrected_once(sessions: sessionmaker[Session], scene: Scene, vault: Vault) -> None:
    second = scene.story.approved(replace(EVENING, starts_at=EVENING.starts_at + timedelta(hours=1)))
    second.next_fire_at = DUE
    (other,) = fire_due(scene.session, now=DUE, only=second.id)
    scene.session.commit()
    plan(sessions, other)
    scene.settle(SendState.ACCEPTED, 0, 1)
    scene.settle(SendState.ACCEPTED, 1, 2, run=other)
    correction = scene.correct()
    plan(sessions, correction)
    assert scene.corrected(correction) == [0, 1, 2]
    scene.session.refresh(other)
    assert other.state == RunState.STOPPED


def test_partners_that_copied_it_stop_as_well(scene: Scene) -> None:
    session, message = scene.session, scene.story.campaign.message
    partner = an_organisation(session)
    copy = a_message(session, partner, {each.language: each.text for each in message.translations})
    copy.copied_from_id, copy.copied_from_version = message.id, scene.run.message_version
    campaign = a_campaign(session, partner, a_member(session, partner), message=copy)
    texts = {"message_id": copy.id, "texts": scene.run.frozen["texts"]}
    theirs = a_run(session, campaign, frozen={**scene.run.frozen, **texts})
    scene.correct()
    session.refresh(theirs)
    assert (theirs.state, theirs.paused_by_itself) == (RunState.PAUSED, True)


def test_nothing_is_sent_without_a_prepared_correction(scene: Scene) -> None:
    scene.story.campaign.correction_id = None
    scene.session.commit()
    with pytest.raises(GateError):
        scene.correct()


@pytest.mark.parametrize(
    ("anew", "wrong", "named"),
    [
        ("", ("en", "uk"), "English and Ukrainian"),
        ("pl", ("en", "uk"), "English and Ukrainian"),
        ("uk", ("en",), "English"),
    ],
)
def test_correction_that_was_withdrawn_itself_is_not_sent(
    scene: Scene, anew: str, wrong: tuple[str, ...], named: str
) -> None:
    """It had a run of its own, which said something wrong; a version that is new in one language says the rest."""
    correction = scene.story.campaign.correction
    assert correction is not None
    withdraw_version(scene.session, correction, correction.version, by=scene.story.approver.id, reason="Wrong.")
    session, run = scene.session, scene.run
    if anew:
        saved = save_translation(session, correction, language=anew, text="((hotline))", by=scene.story.author.id)
        saved.state = "reviewed"  # type: ignore[assignment]
        correction.version += 1
    session.commit()
    assert outlook_of(session, run).withdrawn_in == wrong
    found = correction_of(session, run.campaign)
    assert found is not None
    assert found.withdrawn == wrong
    assert not correction_gate(run.campaign, found).passed
    with pytest.raises(GateError, match=rf"withdrawn in {named}\."):
        scene.correct()


def test_unapproved_correction_needs_somebody_who_did_not_write_it(scene: Scene) -> None:
    correction = scene.story.campaign.correction
    assert correction is not None
    saved = save_translation(
        scene.session, correction, language="en", text="Not ((hotline))", by=scene.story.approver.id
    )
    saved.state = "reviewed"  # type: ignore[assignment]
    with pytest.raises(ApprovalError):
        scene.correct()


def test_correction_names_what_was_agreed_to_since_by_leave_of_who_did_not_state_it(scene: Scene) -> None:
    """A new number is what a correction is there for; but whoever stated it does not send it alone."""
    session, correction = scene.session, scene.story.campaign.correction
    approval = find_approval(session, scene.story.campaign)
    assert correction is not None
    assert approval is not None
    for each in correction.translations:
        each.text = "Not that one. Call ((hotline))"
        each.source_digest = digest_of_wordings(each.text, {})
    session.flush()
    approval.content = json.loads(json.dumps(load_content(session, scene.story.campaign).to_json()))
    line = session.scalars(select(Service)).one()
    line.number_national = line.number_from_abroad = "+48 22 111 22 33"
    owner = {"organisation_id": line.organisation_id, "member_id": scene.story.approver.id}
    audit.record(session, "service.update", subject=line, **owner)
    with pytest.raises(ApprovalError):
        scene.correct()
    assert "+48 22 111 22 33" in str(scene.correct(by=scene.story.reader.id).frozen["numbers"])


@pytest.mark.parametrize("reason", ["", "x" * 301])
def test_correction_needs_its_reason(scene: Scene, reason: str) -> None:
    with pytest.raises(InputError):
        send_correction(scene.session, scene.run, by=scene.story.approver.id, reason=reason)


def test_author_cannot_send_it(scene: Scene) -> None:
    with pytest.raises(ForbiddenError):
        scene.correct(by=a_member(scene.session, scene.story.organisation, Role.AUTHOR).id)


@pytest.mark.both_databases
def test_rehearsals_and_corrections_are_not_corrected(scene: Scene) -> None:
    correction = scene.correct()
    with pytest.raises(RefusedError):
        send_correction(scene.session, correction, by=scene.story.approver.id, reason="Wrong.")
    scene.run.is_rehearsal = True
    with pytest.raises(RefusedError):
        scene.correct()


def test_the_wrong_text_itself_corrects_nothing(scene: Scene) -> None:
    scene.settle(SendState.ACCEPTED, 0)
    scene.story.campaign.correction_id = scene.run.frozen["message_id"]
    scene.session.commit()
    with pytest.raises(RefusedError, match="cannot correct itself"):
        scene.correct()
