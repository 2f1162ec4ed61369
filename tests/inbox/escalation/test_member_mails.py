"""Mails tell members that somebody waits: few, without content, to whoever is next, whatever the server does."""

from __future__ import annotations

import threading
from email.message import EmailMessage

import pytest
from sqlalchemy import Engine, select, update

from campaigns.core import clock
from campaigns.inbox.complaints.models import Complaint, Doubt
from campaigns.inbox.complaints.passing_complaints import doubt, give_back, give_on
from campaigns.inbox.complaints.readers import Reading
from campaigns.inbox.complaints.service import ReadBy, choose_readers, complain, give
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.escalation.escalate import escalate
from campaigns.inbox.escalation.member_mails import send_mails
from campaigns.inbox.escalation.models import EscalationSwitch, PostState, StepMail
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Member, Role
from tests.factories import NOON, a_member, an_organisation
from tests.inbox.escalation.watch import MINUTE, Watch
from tests.web.pages import page_settings

pytestmark = pytest.mark.one_database

ONE, COMPLAINT = "1 urgent conversation", "1 urgent complaint waits for you"


def test_danger_goes_to_duty_then_all_then_lead_and_reserve_then_red(watch: Watch) -> None:
    watch.wait()
    assert watch.pass_on() == [("duty", ONE)]
    assert watch.pass_on(14) == []
    assert watch.pass_on(1) == [(name, ONE) for name in ("duty", "lead", "other", "reserve")]
    assert watch.pass_on(15) == [("lead", ONE), ("reserve", ONE)]
    assert not watch.is_red()
    assert watch.pass_on(30) == []
    assert watch.is_red()


def test_mail_has_no_content(watch: Watch) -> None:
    watch.wait()
    with clock.running_on(lambda: NOON):
        escalate(watch.sessions, watch.settings)
        send_mails(watch.sessions, watch.settings, watch.post)
    (mail,) = watch.post.mails
    assert mail.get_content().splitlines() == [
        "1 urgent conversation",
        "",
        f"Organisation: {watch.organisation.name}",
        "",
        f"Sign in to read and answer: {watch.settings.public_url}/inbox",
    ]


def test_who_was_answered_is_told_of_no_more(watch: Watch) -> None:
    watch.wait()
    watch.pass_on()
    watch.answer()
    assert watch.pass_on(60) == []


def test_of_a_complaint_those_are_told_who_read_it(watch: Watch) -> None:
    watch.wait()
    with watch.sessions.begin() as session, clock.running_on(lambda: NOON):
        lead = session.scalars(select(Member).where(Member.name == "lead")).one()
        ours = session.merge(watch.organisation)
        choose_readers(session, ours, members=[lead.id], receiver_id=None, by=lead.id)
        complain(session, session.scalars(select(Conversation)).one())
    assert watch.pass_on() == [("lead", COMPLAINT)]
    assert watch.pass_on(15) == [("lead", COMPLAINT)]


def test_readers_hear_of_a_complaint_of_somebody_who_waited_urgently_before(watch: Watch) -> None:
    watch.wait()
    assert watch.pass_on() == [("duty", ONE)]
    watch.pass_on(16)
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        reader = session.scalars(select(Member).where(Member.name == "reserve")).one()
        ours = session.merge(watch.organisation)
        choose_readers(session, ours, members=[reader.id], receiver_id=None, by=reader.id)
        complain(session, session.scalars(select(Conversation)).one(), by=reader.id)
    assert watch.pass_on(1) == [("reserve", COMPLAINT)]


@pytest.mark.both_databases
def test_next_reader_hears_of_a_complaint_that_is_given_on_and_the_team_of_one_that_is_given_back(
    watch: Watch,
) -> None:
    which = watch.wait()
    with watch.sessions.begin() as session, clock.running_on(lambda: NOON):
        ours, by = session.merge(watch.organisation), a_member(session, watch.organisation, Role.ADMIN).id
        one, other = (
            a_member(session, ours, Role.VIEWER, email=f"{name}@example.org").id for name in ("one", "other-one")
        )
        choose_readers(session, ours, members=[one], receiver_id=None, by=by)
        complain(session, session.get_one(Conversation, which), by=by)
    assert watch.pass_on() == [("one", COMPLAINT)]
    watch.now += MINUTE
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        complaint, where = session.scalars(select(Complaint)).one(), watch.organisation.id
        doubt(session, complaint, Doubt.REQUEST, who=Reading(one, where, answers=False))
        give_on(session, complaint, ReadBy(member_id=other), who=Reading(one, where, answers=False))
    assert watch.pass_on() == [("other-one", COMPLAINT)]
    watch.now += MINUTE
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        complaint = session.scalars(select(Complaint)).one()
        give_back(session, complaint, who=Reading(other, where, answers=False))
    assert watch.pass_on() == [("duty", ONE)]


@pytest.mark.both_databases
@pytest.mark.parametrize("is_partner", [True, False])
def test_mail_to_readers_leads_to_complaints_and_tells_of_nothing_else(watch: Watch, is_partner: bool) -> None:
    which = watch.wait()
    watch.wait()
    with watch.sessions.begin() as session, clock.running_on(lambda: NOON):
        ours, by = session.merge(watch.organisation), a_member(session, watch.organisation, Role.ADMIN).id
        partner = an_organisation(session, name="Shelter", slug="shelter")
        # Within the organisation it is somebody who does not answer people.
        there, role = (partner, Role.RESPONDER) if is_partner else (ours, Role.VIEWER)
        reader = a_member(session, there, role, email="reader@example.org")
        members, receiver_id = ([], partner.id) if is_partner else ([reader.id], None)
        choose_readers(session, ours, members=members, receiver_id=receiver_id, by=by)
        complain(session, session.get_one(Conversation, which))
    watch.pass_on(keep=True)
    texts = {mail["To"]: mail.get_content().splitlines() for mail in watch.post.mails}
    assert texts == {
        "reader@example.org": [
            COMPLAINT,
            "",
            f"Organisation that it is about: {watch.organisation.name}",
            "",
            f"Sign in to read and answer: {watch.settings.public_url}/complaints",
        ],
        "duty@example.org": [
            ONE,
            "",
            f"Organisation: {watch.organisation.name}",
            "",
            f"Sign in to read and answer: {watch.settings.public_url}/inbox",
        ],
    }


def test_readers_hear_of_a_complaint_that_is_given_to_them_after_every_step(watch: Watch) -> None:
    which = watch.wait()
    with watch.sessions.begin() as session, clock.running_on(lambda: NOON):
        partner = an_organisation(session, name="Shelter", slug="shelter")
        a_member(session, partner, Role.RESPONDER, email="reader@example.org")
        complain(session, session.get_one(Conversation, which), chosen=ReadBy())
    assert watch.pass_on(40) == []
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        give(session, session.scalars(select(Complaint)).one(), session.merge(partner))
    assert watch.pass_on() == [("reader", COMPLAINT)]


@pytest.mark.both_databases
def test_mail_that_is_tried_again_does_not_tell_the_team_of_what_became_a_complaint(watch: Watch) -> None:
    which, _other = watch.wait(), watch.wait()
    watch.post.is_down = True
    watch.pass_on()
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        reader = session.scalars(select(Member).where(Member.name == "reserve")).one()
        ours = session.merge(watch.organisation)
        choose_readers(session, ours, members=[reader.id], receiver_id=None, by=reader.id)
    watch.now += MINUTE
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        complain(session, session.get_one(Conversation, which), by=reader.id)
    watch.post.is_down = False
    assert ("duty", ONE) in (mails := watch.pass_on())
    assert [to for to, subject in mails if "complaint" in subject] == ["reserve"]


@pytest.mark.both_databases
def test_two_workers_and_a_restart_tell_once(watch: Watch) -> None:
    watch.wait()
    with clock.running_on(lambda: NOON):
        escalate(watch.sessions, watch.settings)
        everything = watch.sessions, watch.settings, watch.post
        workers = [threading.Thread(target=send_mails, args=everything) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert watch.post.take() == [("duty", ONE)]
    assert watch.pass_on() == []


def test_flood_is_told_in_few_mails(watch: Watch) -> None:
    told = []
    for _turn in range(12):
        watch.wait()
        told += watch.pass_on(5)
    for name in ("duty", "lead", "reserve", "other"):
        assert len([to for to, _subject in told if to == name]) <= 6
    assert told[0] == ("duty", ONE)


def test_others_wait_for_a_digest(watch: Watch) -> None:
    watch.wait(Urgency.DAY)
    assert watch.pass_on() == [("duty", "1 conversation waits")]
    watch.wait(Urgency.DAY)
    watch.wait(Urgency.DAY)
    assert watch.pass_on(9) == []
    assert watch.pass_on(1) == [("duty", "2 conversations wait")]
    watch.wait(Urgency.QUESTION)
    assert watch.pass_on(1) == [("duty", "1 conversation waits")]
    watch.wait(Urgency.QUESTION)
    assert watch.pass_on(5 * 60) != [("duty", "1 conversation waits")]


def test_digests_leave_mails_for_danger(watch: Watch) -> None:
    for _round in range(5):
        watch.wait(Urgency.DAY)
        watch.pass_on(11)
    watch.wait()
    assert ("duty", ONE) in watch.pass_on()


def test_digest_is_no_mail_beyond_the_most_of_an_hour(watch: Watch) -> None:
    told = []
    for _round in range(6):
        watch.wait()
        told += watch.pass_on(1)
        watch.answer()
    watch.wait(Urgency.DAY)
    told += watch.pass_on(1)
    assert [to for to, _subject in told] == ["duty"] * 6
    assert watch.pass_on(60) == [("duty", "1 conversation waits")]


@pytest.mark.both_databases
def test_refused_mail_goes_on_to_the_next_at_once_and_is_tried_again(watch: Watch) -> None:
    watch.post.refused = {"duty@example.org"}
    watch.wait()
    assert watch.pass_on() == []
    assert watch.pass_on() == [("lead", ONE), ("other", ONE), ("reserve", ONE)]
    watch.post.refused = set()
    assert ("duty", ONE) in watch.pass_on(2)
    assert watch.steps() == ["alert", "responders"]


def test_dead_mail_server_turns_the_first_page_red_within_minutes(watch: Watch) -> None:
    watch.post.is_down = True
    watch.wait()
    for _look in range(6):
        watch.pass_on(0.5)
    assert watch.steps() == ["alert", "responders", "lead", "red"]
    assert watch.is_red()


def test_without_a_server_nothing_counts_as_sent(watch: Watch, engine: Engine) -> None:
    watch.settings = page_settings(engine)
    watch.wait()
    assert watch.pass_on() == []
    with watch.sessions() as session:
        assert session.scalars(select(StepMail.state)).all() == [PostState.FAILED]


def test_mail_that_a_process_left_behind_is_sent(watch: Watch) -> None:
    watch.wait()

    def die(message: EmailMessage) -> None:
        raise KeyboardInterrupt

    with clock.running_on(lambda: NOON):
        escalate(watch.sessions, watch.settings)
        with pytest.raises(KeyboardInterrupt):
            send_mails(watch.sessions, watch.settings, die)
    assert watch.pass_on(1) == []
    assert watch.pass_on(1) == [("duty", ONE)]


def test_one_address_that_hangs_holds_up_no_other(watch: Watch) -> None:
    freed = threading.Event()

    def hang(message: EmailMessage) -> None:
        if message["To"].startswith("duty"):
            freed.wait(20)
        watch.post(message)

    watch.wait()
    watch.pass_on(15)
    watch.wait()
    with clock.running_on(lambda: watch.now + 15 * MINUTE):
        escalate(watch.sessions, watch.settings)
        sending = threading.Thread(target=send_mails, args=(watch.sessions, watch.settings, hang))
        sending.start()
        while len(watch.post.mails) < 3 and sending.is_alive():
            freed.wait(0.01)
        assert {mail["To"].split("@")[0] for mail in watch.post.mails} == {"lead", "reserve", "other"}
        freed.set()
        sending.join()


def test_members_who_left_are_told_nothing(watch: Watch) -> None:
    watch.wait()
    with watch.sessions.begin() as session:
        session.execute(update(Member).where(Member.name == "duty").values(active=False))
    # Nobody is left on duty: that is a gap.
    assert watch.pass_on() == [("lead", ONE), ("reserve", ONE)]


@pytest.mark.both_databases
def test_switched_off_nobody_is_mailed_and_the_steps_are_taken(watch: Watch) -> None:
    with watch.sessions.begin() as session:
        session.execute(update(EscalationSwitch).values(is_on=False))
    watch.wait()
    assert watch.pass_on(61) == []
    assert watch.steps() == ["alert", "responders", "lead", "red"]


@pytest.mark.both_databases
def test_mail_is_in_the_language_of_its_member(watch: Watch) -> None:
    with watch.sessions.begin() as session:
        session.execute(update(Member).where(Member.name == "duty").values(locale="uk"))
    watch.wait()
    assert watch.pass_on() == [("duty", "1 термінова розмова")]
