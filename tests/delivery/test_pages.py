"""The pages of delivery say how a run stands in words, and let the right people act on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.sentences import Count, Sentence
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.delivery.models import (
    Attempt,
    CanaryState,
    Delivery,
    RunCanary,
    RunLeftOut,
    RunQuiet,
    RunText,
    RunZone,
)
from campaigns.delivery.monitoring.causes import cause_in_words
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Health, Run, RunState
from campaigns.restoring.listening import REASON as SILENT
from campaigns.staff.models import Organisation, Role
from tests.delivery.builders import frozen
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_region, a_run, a_sender, a_service, add
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

Clients = Callable[..., FlaskClient]


def make_run(pages: Pages, state: RunState = RunState.RUNNING) -> Run:
    """A run of ours with one delivery of each kind, and three people left out."""
    with pages.sessions.begin() as session:
        campaign = a_campaign(session, pages.ours, a_member(session, pages.ours), name="Keep <b>your</b> papers")
        run = a_run(session, campaign, state=state, planned=len(SendState))
        for send_state in SendState:
            a_delivery(session, run, send_state=send_state, error="21614")
        undelivered = {"send_state": SendState.ACCEPTED, "receipt_state": ReceiptState.UNDELIVERED}
        a_delivery(session, run, **undelivered, receipt_error="30003")
        add(session, RunLeftOut(run_id=run.id, reason="no_address", region_id=0, language="uk", people=3))
        return run


def states_of(pages: Pages, run: Run) -> tuple[RunState, list[str]]:
    with pages.sessions() as session:
        deliveries = select(Delivery.send_state).where(Delivery.run_id == run.id).order_by(Delivery.id)
        return session.get_one(Run, run.id).state, list(session.scalars(deliveries))


def test_empty_list_says_what_comes(client_for: Clients) -> None:
    assert "No campaign has fired yet." in client_for(Role.STEWARD).get("/delivery").text


def test_list_shows_progress_and_state(pages: Pages, client_for: Clients) -> None:
    make_run(pages)
    page = client_for(Role.STEWARD).get("/delivery").text
    assert "Keep &lt;b&gt;your&lt;/b&gt; papers" in page
    assert "6 of 9" in page


def test_run_is_told_in_words(pages: Pages, client_for: Clients) -> None:
    page = client_for(Role.STEWARD).get(f"/delivery/runs/{make_run(pages).id}").text
    for sentence in (
        "A landline, or a number that takes no messages",
        "The phone was off or out of reach",
        "1 message has an unknown outcome.",
        "1 message stays unconfirmed.",
        "No number or account that could be used",
    ):
        assert sentence in page


def test_cause_and_receipt_of_few_are_told_to_data_managers_alone(pages: Pages, client_for: Clients) -> None:
    """That one message of a run was refused after a stop tells that somebody of it said so."""
    with pages.sessions.begin() as session:
        campaign = a_campaign(session, pages.ours, a_member(session, pages.ours))
        run = a_run(session, campaign, state=RunState.DONE, planned=2 * SMALLEST_SHOWN + 2)
        accepted = {"send_state": SendState.ACCEPTED, "receipt_state": ReceiptState.DELIVERED}
        for number in range(SMALLEST_SHOWN + 1):
            few = number == SMALLEST_SHOWN
            a_delivery(session, run, send_state=SendState.FAILED, error="21610" if few else "21614")
            a_delivery(session, run, **accepted | ({"receipt_state": ReceiptState.READ} if few else {}))
    path = f"/delivery/runs/{run.id}"
    exact, page = (client_for(role).get(path).text for role in (Role.STEWARD, Role.AUTHOR))
    assert [word in exact for word in ("21614", "21610", ">Delivered<", ">Read<")] == [True] * 4
    assert [word in page for word in ("21614", "21610", ">Delivered<", ">Read<")] == [True, False, True, False]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("fared", "state", "words", "not_words"),
    [
        (CanaryState.PASSED, RunState.RUNNING, "went well. The rest is being sent.", "badly"),
        (CanaryState.PASSED, RunState.DONE, "went well.", "The rest is"),
        (CanaryState.FAILED, RunState.PAUSED, "went badly. Two members must agree", "well"),
        (CanaryState.FAILED, RunState.STOPPED, "went badly.", "must agree before"),
    ],
)
def test_trial_batch_tells_no_more_than_is_to_come(
    pages: Pages, client_for: Clients, fared: CanaryState, state: RunState, words: str, not_words: str
) -> None:
    run = make_run(pages, state)
    with pages.sessions.begin() as session:
        add(session, RunCanary(run_id=run.id, state=fared, people=30, sent_at=clock.now(), decided_at=clock.now()))
    told = client_for(Role.STEWARD).get(f"/delivery/runs/{run.id}").text.split('id="canary"')[1].split("</div>")[0]
    assert (words in told, not_words in told) == (True, False)


@pytest.mark.parametrize(("state", "stands"), [(RunState.RUNNING, False), (RunState.DONE, True)])
def test_run_that_is_over_is_not_offered_to_be_stopped(
    pages: Pages, client_for: Clients, state: RunState, stands: bool
) -> None:
    page = client_for(Role.STEWARD).get(f"/delivery/runs/{make_run(pages, state).id}").text
    assert "No reviewed correction is prepared" in page
    assert ("You can still stop it." not in page) is stands


def test_run_is_told_of_each_sender(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        paused = a_sender(session, name="Line A", health=Health.PAUSED, health_code="21606", health_at=NOON)
        held = a_sender(session, name="Line B", health=Health.TROUBLED, health_code="20429", health_at=NOON)
        full = a_sender(session, name="Line C", channel=Channel.WHATSAPP, daily_limit=1)
        senders = [paused, held, full, a_sender(session, name="Line D", channel=Channel.TELEGRAM)]
        run = a_run(session, a_campaign(session, pages.ours, a_member(session, pages.ours), senders=senders))
        for sender in senders:
            over = {"sender_id": sender.id, "channel": sender.channel}
            a_delivery(session, run, **over)
            sent = {"send_state": SendState.ACCEPTED, "intent_at": clock.now()}
            delivery = a_delivery(session, run, **over, **sent)
        add(session, Attempt(delivery_id=delivery.id, number=1, at=NOON, outcome="fell_back"))
    page = client_for(Role.STEWARD).get(f"/delivery/runs/{run.id}").text
    for sentence in (
        "Line A",
        "once a member uses this sender again",
        "as soon as the provider answers again",
        "It may write to 1 person in 24 hours",
        "1 person could not be reached over the first sender",
        "Telegram",
    ):
        assert sentence in page


@pytest.mark.parametrize(
    ("hours", "words"),
    [(24, "put off to the end of quiet hours"), (8, "their time is over before quiet hours end")],
)
def test_run_says_who_waits_for_quiet_hours(pages: Pages, client_for: Clients, hours: int, words: str) -> None:
    with pages.sessions.begin() as session:
        run = a_run(session, a_campaign(session, pages.ours, a_member(session, pages.ours)))
        expires_at, ends_at = NOON + timedelta(hours=hours), NOON + timedelta(hours=20)
        there = {"run_id": run.id, "time_zone": "Europe/Warsaw", "country": "PL"}
        add(session, RunZone(**there, due_at=NOON, expires_at=expires_at))
        add(session, RunQuiet(**there, begins_at=NOON + timedelta(hours=7), ends_at=ends_at))
        a_delivery(session, run, due_at=min(ends_at, expires_at), expires_at=expires_at)
    assert words in client_for(Role.STEWARD).get(f"/delivery/runs/{run.id}").text


def test_rehearsal_says_so_and_has_no_reach(pages: Pages, client_for: Clients) -> None:
    run = make_run(pages)
    with pages.sessions.begin() as session:
        session.get_one(Run, run.id).is_rehearsal = True
    client = client_for(Role.STEWARD)
    page = client.get(f"/delivery/runs/{run.id}").text
    assert "This is a rehearsal: no person gets it." in page
    assert f"/reach/runs/{run.id}" not in page
    assert "Rehearsal" in client.get("/delivery").text


@pytest.mark.parametrize(("state", "moves"), [(RunState.RUNNING, True), (RunState.DONE, False)])
def test_page_renews_itself_while_the_run_moves(
    pages: Pages, client_for: Clients, state: RunState, moves: bool
) -> None:
    run = make_run(pages, state)
    answer = client_for(Role.STEWARD).get(f"/delivery/runs/{run.id}/progress")
    assert ("hx-trigger" in answer.text) is moves
    assert ("HX-Refresh" in answer.headers) is not moves


@pytest.mark.both_databases
def test_stop_takes_one_click(pages: Pages, client_for: Clients) -> None:
    run = make_run(pages)
    answer = client_for(Role.RESPONDER).post(f"/delivery/runs/{run.id}/stop", follow_redirects=True)
    state, deliveries = states_of(pages, run)
    assert state == RunState.STOPPED
    assert SendState.QUEUED not in deliveries
    assert "The run is stopped." in answer.text


def test_resume_queues_what_the_stop_cancelled(pages: Pages, client_for: Clients) -> None:
    run = make_run(pages)
    client_for(Role.APPROVER).post(f"/delivery/runs/{run.id}/stop")
    client_for(Role.APPROVER).post(f"/delivery/runs/{run.id}/resume")
    state, deliveries = states_of(pages, run)
    assert state == RunState.RUNNING
    assert SendState.CANCELLED not in deliveries


def test_resume_writes_texts_anew_whose_number_changed(pages: Pages, client_for: Clients) -> None:
    run = make_run(pages)
    with pages.sessions.begin() as session:
        ours = session.get_one(Organisation, pages.ours.id)
        today = clock.now().date()
        service = a_service(session, ours, number_national="116 111", verified_on=today)
        text = RunText(run_id=run.id, language="en", region_id=a_region(session).id, body="Call 112", parts=1)
        text.service_ids = [service.id]
        session.get_one(Run, run.id).frozen = frozen({"en": "Call ((hotline))"})
        session.add(text)
    client_for(Role.APPROVER).post(f"/delivery/runs/{run.id}/stop")
    answer = client_for(Role.APPROVER).post(f"/delivery/runs/{run.id}/resume", follow_redirects=True)
    assert "written anew" in answer.text
    with pages.sessions() as session:
        assert session.scalars(select(RunText.body)).one() == "Call 116 111"


@pytest.mark.parametrize("act", ["stop", "let-start"])
def test_impossible_act_says_why(pages: Pages, client_for: Clients, act: str) -> None:
    run = make_run(pages, RunState.DONE)
    answer = client_for(Role.APPROVER).post(f"/delivery/runs/{run.id}/{act}", follow_redirects=True)
    assert "This run is done" in answer.text
    assert states_of(pages, run)[0] == RunState.DONE


def test_buttons_are_only_for_who_may(pages: Pages, client_for: Clients) -> None:
    page = f"/delivery/runs/{make_run(pages, RunState.HELD).id}"
    assert "Let start</button>" in client_for(Role.APPROVER).get(page).text
    assert "Let start</button>" not in client_for(Role.AUTHOR).get(page).text
    assert client_for(Role.VIEWER).get(page).status_code == 403


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("", "Nobody gave a reason"),
        ("timeout", "The provider's answer was lost"),
        ("63013", "Our settings or text were refused"),
        ("99999", "A reason we have no words for yet"),
    ],
)
def test_every_code_gives_a_sentence(pages: Pages, code: str, sentence: str) -> None:
    with pages.app.test_request_context():
        assert str(cause_in_words(code)) == sentence


@pytest.mark.parametrize(
    ("role", "soon", "later"), [(Role.APPROVER, "20 of 40", "30 of 40"), (Role.STEWARD, "25 of 40", "25 of 40")]
)
def test_a_number_that_changes_tells_of_a_minute(
    pages: Pages, client_for: Clients, role: Role, soon: str, later: str
) -> None:
    """The 25th message ends between two looks: whoever sees no exact numbers sees it with the next minute."""
    moment = NOON
    with pages.sessions.begin() as session:
        run = a_run(session, a_campaign(session, pages.ours, a_member(session, pages.ours)), planned=40)
        for number in range(40):
            a_delivery(session, run, send_state=SendState.ACCEPTED if number < 24 else SendState.SENDING)
    client, addresses = client_for(role), (f"/delivery/runs/{run.id}/progress", "/now/sending", "/delivery")
    with clock.running_on(lambda: moment):
        for address in addresses:
            assert ("20 of 40" if role is Role.APPROVER else "24 of 40") in client.get(address).text
        with pages.sessions.begin() as session:
            sending = select(Delivery).where(Delivery.run_id == run.id, Delivery.send_state == SendState.SENDING)
            session.scalars(sending.limit(1)).one().send_state = SendState.ACCEPTED
        moment += timedelta(seconds=59)
        for address in addresses:
            assert soon in client.get(address).text
        moment += timedelta(seconds=1)
        for address in addresses:
            assert later in client.get(address).text


@pytest.mark.parametrize(
    ("language", "words"), [("uk", "Модуль надсилання не працював"), ("ar", "لم يعمل محرك الإرسال")]
)
@pytest.mark.parametrize("path", ["/", "/delivery", "/delivery/runs/{run}", "/campaigns/{campaign}?tab=history"])
def test_reason_of_a_run_is_told_in_the_language_of_the_reader(
    pages: Pages, client_for: Clients, path: str, language: str, words: str
) -> None:
    run = make_run(pages, RunState.PAUSED)
    with pages.sessions.begin() as session:
        session.get_one(Run, run.id).reason = Sentence(SILENT, {"minutes": Count(12)})
    client = client_for(Role.STEWARD)
    client.post("/language", data={"language": language})
    page = client.get(path.format(run=run.id, campaign=run.campaign_id)).text
    assert words in page
    assert "No sending engine was alive" not in page
