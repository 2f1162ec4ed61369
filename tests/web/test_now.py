"""The first page shows the member's own organisation: what runs, what waits, what comes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.continuity.latch import latch
from campaigns.continuity.models import LatchReason
from campaigns.core import clock
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.messages.models import TranslationState
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.now import find_texts, load_firings, load_sending
from campaigns.planning.models import CampaignState, RunState
from campaigns.planning.queries import find_held, find_submitted
from campaigns.staff.models import Organisation, Role
from tests.factories import (
    NOON,
    a_campaign,
    a_member,
    a_message,
    a_run,
    a_schedule,
    a_service,
    add,
    an_organisation,
)
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database


def a_delivery(session: Session, run_id: int, number: int, state: SendState) -> Delivery:
    values = {"address_id": number, "sender_id": 1, "text_id": 1, "region_id": 0, "channel": Channel.SMS}
    return add(
        session,
        Delivery(
            run_id=run_id,
            contact_id=number,
            send_state=state,
            reference=f"{run_id}-{number}",
            due_at=NOON,
            expires_at=NOON,
            **values,
        ),
    )


@pytest.mark.parametrize(
    ("role", "words"),
    [(Role.STEWARD, "2 of 4 "), (Role.APPROVER, "For fewer than 20 people: too few to say how far it is.")],
)
def test_progress_counts_what_is_no_longer_open(pages: Pages, role: Role, words: str) -> None:
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        run = a_run(session, a_campaign(session, ours, a_member(session, ours)), planned=4)
        states = (SendState.QUEUED, SendState.SENDING, SendState.ACCEPTED, SendState.FAILED)
        for number, state in enumerate(states):
            a_delivery(session, run.id, number, state)
    assert words in pages.client(pages.member(role)).get("/now/sending").text


@pytest.mark.parametrize(("state", "shown"), [("paused", 1), ("planning", 1), ("done", 0), ("held", 0)])
def test_only_runs_in_flight_fly(session: Session, state: str, shown: int) -> None:
    organisation = an_organisation(session)
    a_run(session, a_campaign(session, organisation, a_member(session, organisation)), state=RunState(state))
    assert len(load_sending(session, organisation.id)) == shown
    assert load_sending(session, an_organisation(session).id) == []


def test_waiting_things_are_those_of_the_organisation(session: Session) -> None:
    ours, theirs = an_organisation(session), an_organisation(session)
    for organisation in (ours, theirs):
        member = a_member(session, organisation)
        a_campaign(session, organisation, member, name=organisation.name, state=CampaignState.SUBMITTED)
        campaign = a_campaign(session, organisation, member, name=organisation.name)
        a_run(session, campaign, state=RunState.HELD, reason=Sentence(N_("Late.")))
    assert [name for _, name, _ in find_submitted(session, ours.id, most=8)] == [ours.name]
    assert [(name, str(reason)) for _, name, reason in find_held(session, ours.id, most=8)] == [
        (ours.name, "Late.")
    ]


def test_texts_wait_for_those_who_did_not_write_them(session: Session) -> None:
    ours, theirs = an_organisation(session), an_organisation(session)
    writer, reader = a_member(session, ours), a_member(session, ours)
    for organisation in (ours, theirs):
        message = a_message(session, organisation, {"en": "Keep it.", "uk": "Тримайте.", "ar": "احتفظ"})
        english, ukrainian, arabic = message.translations
        english.state = ukrainian.state = arabic.state = TranslationState.TRANSLATED
        english.translator_id, ukrainian.translator_id = writer.id, reader.id
        arabic.source_digest = "of an older text"
    session.flush()
    assert [languages for _, _, languages in find_texts(session, ours.id, reader.id)] == [["en"]]
    assert [languages for _, _, languages in find_texts(session, ours.id, writer.id)] == [["uk"]]


def test_firings_come_soonest_first(session: Session) -> None:
    organisation = an_organisation(session)
    member = a_member(session, organisation)
    wall = datetime(2026, 3, 2, 18, 0)
    for hours, state in ((5, "approved"), (2, "approved"), (1, "draft")):
        campaign = a_campaign(session, organisation, member, name=f"In {hours} h", state=CampaignState(state))
        a_schedule(session, campaign, next_fire_at=NOON + timedelta(hours=hours), next_occurrence=wall)
    assert [firing.campaign for firing in load_firings(session, organisation.id)] == ["In 2 h", "In 5 h"]


def test_empty_page_says_what_will_appear(client_for: Callable[..., FlaskClient]) -> None:
    page = client_for(*Role).get("/").text
    for sentence in ("Nothing is being sent.", "Nothing waits for you.", "No campaign is scheduled."):
        assert sentence in page


def test_page_offers_only_what_the_member_may_do(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        member = a_member(session, ours)
        a_run(session, a_campaign(session, ours, member, name="Flying"), planned=10)
        a_campaign(session, ours, member, name="Submitted", state=CampaignState.SUBMITTED)
        a_service(session, ours, verified_on=None)
    viewer, approver = (pages.client(pages.member(role)).get("/").text for role in (Role.VIEWER, Role.APPROVER))
    # Viewers read of no campaign before what came of it is released.
    assert "Flying" not in viewer
    assert "Flying" in approver
    assert "/stop" not in viewer
    assert "Submitted" not in viewer
    assert "/stop" in approver
    assert "Submitted" in approver
    # Whoever wrote a service down does not verify it.
    assert "1 service to verify" in approver
    assert "1 service to verify" not in pages.client(pages.member(Role.AUTHOR)).get("/").text


def test_what_is_sent_renews_without_the_frame(client_for: Callable[..., FlaskClient]) -> None:
    assert "<html" not in client_for(Role.VIEWER).get("/now/sending").text


def test_latched_instance_says_so_and_stays_in_service(pages: Pages) -> None:
    client = pages.client(pages.member())
    with pages.sessions.begin() as writing:
        latch(writing, LatchReason.BEHIND)
    page = client.get("/").get_data(as_text=True)
    assert "Nothing leaves this system." in page
    assert "fingerpost resume-after-restore" in page
    health = client.get("/health")
    assert (health.status_code, "latched" in health.text) == (200, True)


def test_copy_of_a_withdrawn_text_is_told(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        partner = an_organisation(session, name="Signal Fire (invented)")
        theirs = a_message(session, partner)
        ours = session.get_one(Organisation, pages.ours.id)
        copy = a_message(session, ours, title="Papers <b>")
        copy.copied_from_id, copy.copied_from_version = theirs.id, 1
        withdraw_version(session, theirs, 1, by=a_member(session, partner).id, reason="Wrong number")
        message_id = copy.id
    page = client_for(Role.AUTHOR).get("/").text
    assert f"/messages/{message_id}" in page
    assert "Signal Fire (invented) withdrew the text that this was copied from: Wrong number" in page
    assert "withdrew" not in client_for(Role.VIEWER).get("/").text


@pytest.mark.parametrize(("minutes", "is_overdue"), [(1, False), (3, True)])
def test_schedule_that_was_not_fired_is_overdue(session: Session, minutes: int, is_overdue: bool) -> None:
    organisation = an_organisation(session)
    campaign = a_campaign(session, organisation, a_member(session, organisation), state=CampaignState.APPROVED)
    schedule = a_schedule(session, campaign)
    schedule.next_fire_at, schedule.next_occurrence = NOON, NOON.replace(tzinfo=None)
    session.flush()
    with clock.running_on(lambda: NOON + timedelta(minutes=minutes)):
        (firing,) = load_firings(session, organisation.id)
    assert firing.is_overdue == is_overdue
