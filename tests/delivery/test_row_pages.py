"""Pages of single messages find them, tell their story, show no address, and send again only what was chosen."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery import row_views
from campaigns.delivery.models import Attempt, Delivery, Receipt, RunText
from campaigns.delivery.monitoring import rows as browse
from campaigns.delivery.repair import resend as resending
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run, RunState
from campaigns.staff.models import AuditEntry, Role
from campaigns.staff.notes import open_reasons
from tests.delivery.builders import a_running_run, an_unverified_text
from tests.factories import NOON, a_campaign, a_delivery, a_member, a_region, a_run, add
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

Clients = Callable[..., FlaskClient]
REASON = {"reason": "The carrier says it lost them"}
CONFIRMED = REASON | {"shown": "20"}


def make_run(pages: Pages, vault: Vault, *, count: int = 3, state: RunState = RunState.DONE) -> Run:
    """A run of ours whose messages are all unconfirmed."""
    unconfirmed = {"send_state": SendState.UNCONFIRMED, "intent_at": NOON, "error": "timeout"}
    with pages.sessions.begin() as session:
        return a_running_run(
            session, vault, count=count, organisation=pages.ours, state=state, deliveries=unconfirmed
        )


def ids_of(pages: Pages, run: Run, state: SendState = SendState.UNCONFIRMED) -> list[int]:
    with pages.sessions() as session:
        found = select(Delivery.id).where(Delivery.run_id == run.id, Delivery.send_state == state)
        return list(session.scalars(found.order_by(Delivery.id)))


def page_of(run: Run, **query: str) -> str:
    return f"/delivery/runs/{run.id}/deliveries" + "".join(
        f"{'&' if number else '?'}{name}={value}" for number, (name, value) in enumerate(query.items())
    )


def test_list_tells_each_message(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault, count=1)
    page = client_for(Role.STEWARD).get(page_of(run)).text
    for words in ("Unconfirmed", "answer was lost", "Ukraine", "English", "SMS", "NGOINFO"):
        assert words in page


def test_messages_of_one_moment_have_names_of_their_own(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault, count=1)
    with pages.sessions.begin() as session:
        for ending in ("aa111111", "bb222222"):
            reference = f"0661562c8e{'0' * 14}{ending}"
            a_delivery(session, run, send_state=SendState.UNCONFIRMED, reference=reference)
    page = client_for(Role.STEWARD).get(page_of(run)).text
    assert ">aa111111<" in page
    assert ">bb222222<" in page


def test_pages_show_no_address(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault, count=1)
    client = client_for(*Role)
    for path in (page_of(run), f"{page_of(run)}/{ids_of(pages, run)[0]}", f"/delivery/runs/{run.id}/resend?all=1"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "0670000001" not in answer.text.replace(" ", "")


@pytest.mark.both_databases
def test_single_messages_are_for_data_managers(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault, count=1)
    [delivery_id] = ids_of(pages, run)
    with pages.sessions.begin() as session:
        session.get_one(Delivery, delivery_id).region_id = a_region(session).id
    assert "Podkarpackie" in client_for(Role.STEWARD).get(page_of(run)).text
    for role in set(Role) - {Role.STEWARD}:
        for path in (page_of(run), f"{page_of(run)}/{delivery_id}"):
            assert client_for(role).get(path).status_code == 403
        assert page_of(run) not in client_for(role).get(f"/delivery/runs/{run.id}").text


def test_run_links_to_its_states_and_causes(pages: Pages, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        run = a_run(session, a_campaign(session, pages.ours, a_member(session, pages.ours)))
        a_delivery(session, run, send_state=SendState.FAILED, error="21614")
        a_delivery(session, run, send_state=SendState.EXPIRED)
    page = client_for(Role.STEWARD).get(f"/delivery/runs/{run.id}").text
    for link in (page_of(run, state="failed"), page_of(run, state="expired"), page_of(run, cause="21614")):
        assert f'href="{link}"' in page
        assert client_for(Role.STEWARD).get(link).text.count('<th scope="row">') == 1
    assert page_of(run, state="failed") not in client_for(Role.APPROVER).get(f"/delivery/runs/{run.id}").text


@pytest.mark.parametrize(
    ("state", "leads"), [(RunState.DONE, True), (RunState.RUNNING, True), (RunState.STOPPED, False)]
)
def test_run_leads_to_sending_again_while_it_may_send(
    pages: Pages, client_for: Clients, vault: Vault, state: RunState, leads: bool
) -> None:
    client = client_for(Role.APPROVER, Role.STEWARD)
    page = client.get(f"/delivery/runs/{make_run(pages, vault, state=state).id}").text
    ways = re.findall(r'id="resend-unconfirmed" href="([^"]+)"', page)
    assert [client.get(unescape(way)).status_code for way in ways] == [200] * leads


def test_pages_follow_one_another(
    pages: Pages, client_for: Clients, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse, "PER_PAGE", 2)
    run = make_run(pages, vault, count=3)
    client, ids = client_for(Role.STEWARD), ids_of(pages, run)
    first = client.get(page_of(run, state="unconfirmed")).text
    assert f"after={ids[1]}" in first
    second = client.get(page_of(run, state="unconfirmed", after=str(ids[1]))).text
    assert f"deliveries/{ids[2]}" in second
    assert 'rel="next"' not in second


def test_state_without_messages_says_so(pages: Pages, client_for: Clients, vault: Vault) -> None:
    page = client_for(Role.STEWARD).get(page_of(make_run(pages, vault), state="failed"))
    assert "No message of this run is like that." in page.text


def test_unknown_state_is_one_clear_error(pages: Pages, client_for: Clients, vault: Vault) -> None:
    answer = client_for(Role.STEWARD).get(page_of(make_run(pages, vault), state="sent"))
    assert (answer.status_code, "There is no such status of a message." in answer.text) == (422, True)


@pytest.mark.parametrize(("after", "status"), [("-1", 200), ("x", 200), ("9" * 30, 422)])
def test_nonsense_in_an_address_breaks_nothing(
    pages: Pages, client_for: Clients, vault: Vault, after: str, status: int
) -> None:
    run = make_run(pages, vault)
    for state in ("", "unconfirmed", "accepted", "queued"):
        assert client_for(Role.STEWARD).get(page_of(run, state=state, after=after)).status_code == status


def test_story_is_told_in_its_order(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault, count=1)
    with pages.sessions.begin() as session:
        row = session.get_one(Delivery, ids_of(pages, run)[0])
        add(session, Attempt(delivery_id=row.id, number=1, at=NOON, outcome="unknown", error="timeout"))
        later = NOON + timedelta(hours=1)
        add(session, Attempt(delivery_id=row.id, number=1, at=later, outcome="reconciled", error="absent"))
        receipt = {"gateway": "twilio", "reference": row.reference, "provider_id": "SM1", "raw": {}}
        add(session, Receipt(**receipt, status="sent", received_at=NOON + timedelta(minutes=5)))
    page = client_for(Role.STEWARD).get(f"{page_of(run)}/{row.id}").text
    told = ("No clear answer came", "Sent by the provider", "list does not have it")
    places = [page.index(words) for words in told]
    assert places == sorted(places)


@pytest.mark.parametrize("path", ["deliveries", "deliveries/{id}", "resend?all=1", "checks"])
def test_foreign_run_is_missing(pages: Pages, client_for: Clients, vault: Vault, path: str) -> None:
    run = make_run(pages, vault)
    stranger = pages.client(pages.member(*Role, organisation=pages.theirs))
    answer = stranger.get(f"/delivery/runs/{run.id}/{path.format(id=ids_of(pages, run)[0])}")
    assert answer.status_code == 404


# --- Sending again --------------------------------------------------------------------------------------


def test_risk_is_said_before_anything_is_sent(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault)
    page = client_for(Role.APPROVER, Role.STEWARD).get(f"/delivery/runs/{run.id}/resend?all=1").text
    for words in ("These people may get the message twice.", "Send 3 messages again", "within 12 hours expires"):
        assert words in page
    assert len(ids_of(pages, run)) == 3


def test_chosen_ones_are_sent_again_for_a_reason(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault)
    chosen = ids_of(pages, run)[:2]
    client = client_for(Role.APPROVER, Role.STEWARD)
    answer = client.post(
        f"/delivery/runs/{run.id}/resend", data={"chosen": chosen} | REASON, follow_redirects=True
    )
    assert "2 messages are sent again." in answer.text
    assert ids_of(pages, run, SendState.QUEUED) == chosen
    with pages.sessions() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "delivery.resend"))
        assert open_reasons(session, [entry.id], vault=vault) == {entry.id: REASON["reason"]}
    assert entry.detail == {"deliveries": 2}


def test_all_of_a_cause_are_sent_again(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault)
    with pages.sessions.begin() as session:
        session.get_one(Delivery, ids_of(pages, run)[0]).error = None
    client_for(Role.APPROVER, Role.STEWARD).post(
        f"/delivery/runs/{run.id}/resend", data={"all": "1", "cause": "timeout"} | CONFIRMED
    )
    assert len(ids_of(pages, run, SendState.QUEUED)) == 2


def test_no_more_are_sent_than_were_shown(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault)
    path, client = f"/delivery/runs/{run.id}/resend", client_for(Role.APPROVER, Role.STEWARD)
    for shown in ({"shown": "2"}, {}):
        answer = client.post(path, data={"all": "1"} | REASON | shown)
        assert ("There are more of them by now" in answer.text) is bool(shown)
        assert REASON["reason"] in answer.text
        assert 'name="shown" value="3"' in answer.text
        assert len(ids_of(pages, run)) == 3
    client.post(path, data={"all": "1"} | REASON | {"shown": "3"})
    assert ids_of(pages, run) == []


def test_of_very_many_the_oldest_are_sent_again_first(
    pages: Pages, client_for: Clients, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_views, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(resending, "MANY", 1)
    run = make_run(pages, vault)
    path, client = f"/delivery/runs/{run.id}/resend", client_for(Role.APPROVER, Role.STEWARD)
    page = client.get(path, query_string={"all": "1"}).text
    assert "These are the oldest of 3" in page
    assert 'name="shown" value="2"' in page
    *oldest, last = ids_of(pages, run)
    client.post(path, data={"all": "1"} | REASON | {"shown": "3"})
    assert (ids_of(pages, run, SendState.QUEUED), ids_of(pages, run)) == (oldest, [last])
    assert "These are the oldest" not in client.get(path, query_string={"all": "1"}).text


def test_no_reason_sends_nothing(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault)
    answer = client_for(Role.APPROVER, Role.STEWARD).post(
        f"/delivery/runs/{run.id}/resend", data={"all": "1", "shown": "3"}
    )
    assert answer.status_code == 422
    assert answer.text.count('<p class="error"') == 1
    assert len(ids_of(pages, run)) == 3


@pytest.mark.parametrize("chosen", [{}, {"chosen": "x"}, {"chosen": ["1", "-1"]}, {"chosen": "9" * 30}])
def test_no_choice_is_one_clear_error(
    pages: Pages, client_for: Clients, vault: Vault, chosen: dict[str, str]
) -> None:
    run = make_run(pages, vault)
    answer = client_for(Role.APPROVER, Role.STEWARD).post(
        f"/delivery/runs/{run.id}/resend", data=chosen | REASON, follow_redirects=True
    )
    assert answer.text.count("Choose the messages first") == 1
    assert len(ids_of(pages, run)) == 3


def test_who_said_stop_is_left_out_and_counted(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault)
    with pages.sessions.begin() as session:
        row = session.get_one(Delivery, ids_of(pages, run)[0])
        session.get_one(Address, row.address_id).state = AddressState.OPTED_OUT
    client = client_for(Role.APPROVER, Role.STEWARD)
    page = client.get(f"/delivery/runs/{run.id}/resend?all=1").text
    assert "1 person who opted out since" in page
    client.post(f"/delivery/runs/{run.id}/resend", data={"all": "1"} | CONFIRMED)
    assert ids_of(pages, run) == [row.id]


@pytest.mark.parametrize("others", [0, 2])
def test_number_that_is_not_verified_is_left_out_and_told(
    pages: Pages, client_for: Clients, vault: Vault, others: int
) -> None:
    run = make_run(pages, vault, count=1 + others)
    first = ids_of(pages, run)[0]
    with pages.sessions.begin() as session:
        session.get_one(Delivery, first).text_id = an_unverified_text(session, run).id
    page = client_for(Role.APPROVER, Role.STEWARD).get(f"/delivery/runs/{run.id}/resend?all=1").text
    assert "1 message whose text names a number that is not verified now" in page
    assert 'href="/directory">See the services' in page
    assert ("Send 2 messages again" in page) is bool(others)


@pytest.mark.parametrize("state", [RunState.STOPPED, RunState.PAUSED])
def test_stopped_run_asks_to_be_resumed_first(
    pages: Pages, client_for: Clients, vault: Vault, state: RunState
) -> None:
    run = make_run(pages, vault, state=state)
    client = client_for(Role.APPROVER, Role.STEWARD)
    assert "Resume it first" in client.get(page_of(run, state="unconfirmed")).text
    answer = client.post(f"/delivery/runs/{run.id}/resend", data={"all": "1"} | CONFIRMED)
    assert (answer.status_code, "Resume it first" in answer.text) == (422, True)
    assert len(ids_of(pages, run)) == 3


@pytest.mark.both_databases
def test_settled_ones_cannot_be_sent_again(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault, count=1)
    chosen = ids_of(pages, run)
    with pages.sessions.begin() as session:
        session.get_one(Delivery, chosen[0]).send_state = SendState.ACCEPTED
    answer = client_for(Role.APPROVER, Role.STEWARD).post(
        f"/delivery/runs/{run.id}/resend", data={"chosen": chosen} | REASON
    )
    assert "None of them can be sent again" in answer.text
    assert ids_of(pages, run, SendState.QUEUED) == []


def test_only_approvers_see_the_choice(pages: Pages, client_for: Clients, vault: Vault) -> None:
    page = page_of(make_run(pages, vault), state="unconfirmed")
    assert 'name="chosen"' in client_for(Role.APPROVER, Role.STEWARD).get(page).text
    assert 'name="chosen"' not in client_for(Role.STEWARD).get(page).text


# --- By group, for who sees no single messages ------------------------------------------------------------


@pytest.mark.both_databases
def test_approvers_send_again_by_group(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault, count=25)
    with pages.sessions.begin() as session:
        rows = [session.get_one(Delivery, each) for each in ids_of(pages, run)]
        ukrainian = add(session, RunText(run_id=run.id, language="uk", body="Паспорт", parts=1))
        for row in rows[:3]:
            row.text_id = ukrainian.id
        session.get_one(Address, rows[3].address_id).country = "PL"
        rows[4].channel = Channel.WHATSAPP
    client, path = client_for(Role.APPROVER), f"/delivery/runs/{run.id}/resend"
    page = client.get(path).text
    for option in ("English (20)", "SMS (20)"):
        assert f"{option}</option>" in page
    for few in ("Poland", "WhatsApp"):
        assert few not in page
    assert "Send 30 messages again" in page
    assert "Send fewer than 20 messages again" in client.get(f"{path}?all=1&language=uk").text
    for name, value, count in (("language", "uk", 3), ("country", "PL", 1), ("channel", "whatsapp", 1)):
        before = len(ids_of(pages, run))
        answer = client.post(path, data={"all": "1", name: value} | CONFIRMED, follow_redirects=True)
        assert "What is in this group is sent again." in answer.text
        assert before - len(ids_of(pages, run)) == count


def test_group_of_few_is_told_apart_from_nobody_by_data_managers_alone(
    pages: Pages, client_for: Clients, vault: Vault
) -> None:
    run = make_run(pages, vault, count=25)
    with pages.sessions.begin() as session:
        session.get_one(Address, session.get_one(Delivery, ids_of(pages, run)[0]).address_id).country = "PL"
    path = f"/delivery/runs/{run.id}/resend"
    approver, exact = client_for(Role.APPROVER), client_for(Role.APPROVER, Role.STEWARD)
    assert "Poland" not in approver.get(path).text
    for country, name, count in (("PL", "Poland", 1), ("MD", "Moldova", 0)):
        page = approver.get(f"{path}?all=1&country={country}").text
        assert "Send fewer than 20 messages again" in page
        assert f'<option value="{country}" selected>{name} (fewer than 20)</option>' in page
        assert ("Poland (1)" in exact.get(path, query_string={"all": "1"}).text) is (count == 1)
        before = len(ids_of(pages, run))
        answer = approver.post(path, data={"all": "1", "country": country} | CONFIRMED, follow_redirects=True)
        assert "What is in this group is sent again." in answer.text
        assert before - len(ids_of(pages, run)) == count
    told = exact.post(path, data={"all": "1", "country": "MD"} | CONFIRMED).text
    assert "None of them can be sent again" in told


def test_approvers_choose_no_single_messages(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault, count=21)
    chosen = {"chosen": ids_of(pages, run)[0]}
    path = f"/delivery/runs/{run.id}/resend"
    page = client_for(Role.APPROVER).get(path, query_string=chosen).text
    assert 'name="chosen"' not in page
    assert "Send 20 messages again" in page


# --- What happens next, and alarms ----------------------------------------------------------------------


@pytest.mark.parametrize("resends", [True, False])
def test_run_says_what_comes_next_for_the_unknown(
    pages: Pages, client_for: Clients, vault: Vault, resends: bool
) -> None:
    run = make_run(pages, vault, count=1)
    with pages.sessions.begin() as session:
        row = session.get_one(Delivery, ids_of(pages, run)[0])
        row.send_state, row.intent_at = SendState.UNKNOWN, clock.now() - timedelta(minutes=5)
        stored = session.get_one(Run, run.id)
        stored.frozen = stored.frozen | {"resend_unknown": resends}
    page = client_for(Role.STEWARD).get(f"/delivery/runs/{run.id}").text
    assert "The provider is asked for its list, where it keeps one, from" in page
    assert ("is sent again automatically, at" in page) is resends
    assert ("Nothing is sent again by itself." in page) is not resends


def test_alarms_ring_on_run_and_lists(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault, count=1, state=RunState.RUNNING)
    with pages.sessions.begin() as session:
        row = session.get_one(Delivery, ids_of(pages, run)[0])
        row.send_state, row.receipt_state = SendState.EXPIRED, ReceiptState.DELIVERED
    client = client_for(Role.STEWARD)
    own = f"/delivery/runs/{run.id}"
    for path in (own, f"{own}/progress", page_of(run), "/delivery", "/", "/now/sending"):
        assert "The provider has 1 message that we hold for not sent." in client.get(path).text


@pytest.mark.parametrize(
    ("provider_id", "sentence"),
    [
        ("SM1", "No message was accepted twice."),
        ("SM2", "1 message was accepted by the provider more than once."),
    ],
)
def test_compared_receipts_are_told(
    pages: Pages, client_for: Clients, vault: Vault, provider_id: str, sentence: str
) -> None:
    run = make_run(pages, vault, count=1, state=RunState.RUNNING)
    [delivery_id] = ids_of(pages, run)
    with pages.sessions.begin() as session:
        row = session.get_one(Delivery, delivery_id)
        row.send_state, row.provider_id = SendState.ACCEPTED, "SM1"
        receipt = {"gateway": "twilio", "reference": row.reference, "provider_id": provider_id, "raw": {}}
        add(session, Receipt(**receipt, status="sent", received_at=clock.now()))
    client, address = client_for(Role.STEWARD), f"/delivery/runs/{run.id}/checks"
    part = client.get(address, headers={"HX-Request": "true"}).text
    assert (sentence in part, "<html" in part) == (True, False)
    assert sentence in client.get(address).text


def test_screen_readers_hear_only_of_changes(pages: Pages, client_for: Clients, vault: Vault) -> None:
    run = make_run(pages, vault, state=RunState.RUNNING)
    client = client_for(Role.STEWARD)
    first = client.get(f"/delivery/runs/{run.id}").text
    address = first.split('id="progress" hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert "hx-swap-oob" not in client.get(address).text
    with pages.sessions.begin() as session:
        session.get_one(Delivery, ids_of(pages, run)[0]).send_state = SendState.UNKNOWN
    assert "hx-swap-oob" in client.get(address).text
