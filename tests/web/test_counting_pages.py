"""No page counts people, or what a large run sent, while it is opened: it shows what was counted before."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.ledger import withdraw
from campaigns.audience.kept.people_questions import PEOPLE
from campaigns.audience.kept.renewing import Renewal
from campaigns.audience.models import Address, AddressState, Audience, Channel, KeptCount
from campaigns.core import clock
from campaigns.core.errors import DamagedDataError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.counts import LARGE_RUN
from campaigns.delivery.models import Delivery
from campaigns.delivery.monitoring import tally_renewal
from campaigns.delivery.monitoring.models import RunTally
from campaigns.delivery.repair import resend
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run
from campaigns.staff.models import Role
from campaigns.upkeep import COUNTS
from tests.audience.people import person
from tests.factories import a_contact, a_delivery, a_run, an_address
from tests.moments import standing_at
from tests.planning.story import START, Story, a_story
from tests.web.counting import count_runs, counting
from tests.web.pages import Pages

OF_COUNTS = re.compile(r"FROM kept_count")
#: A count of messages or of what was told of them, unless it ends after some thousands.
OF_MESSAGES = re.compile(
    r"^(?=.*\b(?:count|sum|min|max)\()(?=.*\b(?:FROM|JOIN) (?:delivery|receipt|attempt)\b)(?!.*\bLIMIT\b)",
    re.IGNORECASE | re.DOTALL,
)


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite only: pages send one set of statements, and what they ask for is counted on both databases."""
    return sqlite_engine


@pytest.fixture
def story(waiting: Pages, vault: Vault) -> Story:
    with waiting.sessions.begin() as session:
        story = a_story(session, vault, organisation=waiting.ours)
        for _ in range(25):
            person(session, waiting.ours, vault)
    return story


def count(pages: Pages) -> int:
    return Renewal(pages.sessions, COUNTS, lambda _: True).renew()


@pytest.fixture
def everything(waiting: Pages, story: Story) -> FlaskClient:
    return waiting.client(waiting.member(*Role))


ADDRESSES = (
    "/campaigns/{campaign}",
    "/campaigns/{campaign}/checks",
    "/campaigns/{campaign}/edit",
    "/campaigns/languages/{message}?audience={audience}",
    "/audience",
    "/audience/{audience}",
    "/audience/new",
    "/audience/preview?languages=uk",
    "/audience/contacts",
    "/audience/silent",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_page_counts_nobody(waiting: Pages, story: Story, everything: FlaskClient, address: str) -> None:
    campaign = story.campaign
    ids = {"campaign": campaign.id, "audience": campaign.audience_id, "message": campaign.message_id}
    with counting(waiting) as found:
        # What is asked for second depends on what was counted first.
        for _ in range(3):
            assert everything.get(address.format(**ids)).status_code == 200
            count(waiting)
    assert found == []


@pytest.fixture
def run(waiting: Pages, story: Story) -> Run:
    """A run that is being sent, too large to be counted while a member waits."""
    with waiting.sessions.begin() as session:
        run = a_run(session, session.merge(story.campaign), planned=LARGE_RUN + 1)
        for state in SendState:
            a_delivery(session, run, send_state=state, error="21614")
        return run


RUN_ADDRESSES = (
    "/",
    "/now/sending",
    "/delivery",
    "/delivery/runs/{run}",
    "/delivery/runs/{run}/progress",
    "/delivery/runs/{run}/checks",
    "/delivery/runs/{run}/deliveries",
    "/campaigns/{campaign}",
    "/reach",
    "/reach/runs/{run}",
    "/reach/campaigns/{campaign}",
)


@pytest.mark.parametrize("address", RUN_ADDRESSES)
def test_page_counts_no_message_of_a_large_run(
    waiting: Pages, story: Story, run: Run, everything: FlaskClient, address: str
) -> None:
    address = address.format(run=run.id, campaign=story.campaign.id)
    with counting(waiting, OF_MESSAGES) as found:
        for _ in range(2):
            assert everything.get(address).status_code == 200
            count(waiting)
            count_runs(waiting)
    assert found == []


def test_run_waits_and_then_shows_what_was_counted(waiting: Pages, run: Run, everything: FlaskClient) -> None:
    page = everything.get(f"/delivery/runs/{run.id}").text
    assert "The messages are being counted." in page
    assert "No message was made" not in page
    assert "The messages are being counted." in everything.get("/delivery").text
    (renewing,) = re.findall(r'hx-get="(/delivery/runs/\d+/progress[^"]+)"', page)
    progress = renewing.replace("&amp;", "&")
    assert "HX-Refresh" not in everything.get(progress).headers
    assert count_runs(waiting) == 1
    assert everything.get(progress).headers["HX-Refresh"] == "true"
    for address in (f"/delivery/runs/{run.id}", "/delivery", "/"):
        page = everything.get(address).text
        assert "The messages are being counted." not in page
        assert re.search(r"Counted \d seconds? ago", page)


def test_run_that_a_member_stopped_is_counted_once_more(waiting: Pages, run: Run, everything: FlaskClient) -> None:
    address = f"/delivery/runs/{run.id}"
    everything.get(address)
    count_runs(waiting)
    everything.post(f"{address}/stop")
    page = everything.get(address).text
    assert "Waiting to be counted." in page
    renewing = f'hx-get="{address}/progress'
    assert renewing in page
    assert count_runs(waiting) == 1
    page = everything.get(address).text
    assert "Waiting to be counted." not in page
    assert renewing not in page


@pytest.fixture
def counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no unconfirmed messages be so few that they are counted while a member waits."""
    for module in (resend, tally_renewal):
        monkeypatch.setattr(module, "FEW", 0)


@pytest.mark.usefixtures("counted_apart")
def test_many_unconfirmed_messages_are_chosen_by_what_a_worker_counted(
    waiting: Pages, run: Run, everything: FlaskClient
) -> None:
    address = f"/delivery/runs/{run.id}/resend?all=1"
    with counting(waiting, OF_MESSAGES) as found:
        assert "The messages are being counted." in everything.get(address).text
        assert "HX-Refresh" not in everything.get(address, headers={"HX-Request": "true"}).headers
    assert found == []
    assert count_runs(waiting) == 1
    with counting(waiting, OF_MESSAGES) as found:
        assert everything.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
        page = everything.get(address).text
    assert found == []
    assert "(1)</option>" in page
    assert re.search(r"Counted \d seconds? ago", page)


@pytest.mark.usefixtures("counted_apart")
def test_unconfirmed_messages_of_a_settled_run_are_counted_anew_for_who_looks(
    waiting: Pages, run: Run, everything: FlaskClient
) -> None:
    """Somebody says stop, which moves no delivery of the run."""
    address, begun = f"/delivery/runs/{run.id}/resend?all=1", clock.now()
    everything.get(address)
    assert count_runs(waiting) == 1
    with waiting.sessions.begin() as session:
        session.execute(update(RunTally).values(is_settled=True))
        session.execute(update(Address).values(state=AddressState.OPTED_OUT))
    assert "Waiting to be counted." not in everything.get(address).text
    with standing_at(begun + timedelta(minutes=2)):
        assert "Waiting to be counted." in everything.get(address).text
        assert count_runs(waiting) == 1
        page = everything.get(address).text
    assert "Waiting to be counted." not in page
    assert "None of them can be sent again" in page


@pytest.mark.usefixtures("counted_apart")
def test_reason_stays_while_messages_that_became_more_are_counted_anew(
    waiting: Pages, run: Run, everything: FlaskClient
) -> None:
    address, typed = f"/delivery/runs/{run.id}/resend", {"all": "1", "reason": "They were lost"}
    everything.get(address)
    assert count_runs(waiting) == 1
    with waiting.sessions.begin() as session:
        a_delivery(session, session.merge(run), send_state=SendState.UNCONFIRMED)
        session.execute(update(Delivery).values(address_id=select(Address.id).limit(1).scalar_subquery()))
    refused = everything.post(address, data=typed | {"shown": "1"})
    assert "There are more of them by now" in refused.text
    for page in (refused.text, everything.post(address, data=typed).text):
        assert "Waiting to be counted." in page
        assert "They were lost" in page
        assert "hx-get=" not in page.partition("<main")[2]
    assert count_runs(waiting) == 1
    page = everything.post(address, data=typed).text
    assert "They were lost" in page
    assert 'name="shown" value="2"' in page


@pytest.mark.usefixtures("counted_apart")
def test_page_that_waits_for_a_count_asks_no_more_where_none_can_be_made(
    waiting: Pages, run: Run, everything: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asks = f"/delivery/runs/{run.id}/resend?all=1", {"HX-Request": "true"}
    assert "The messages are being counted." in everything.get(address).text
    assert everything.get(address, headers=asks).status_code == 200
    monkeypatch.setattr(tally_renewal, "count_groups", Mock(side_effect=DamagedDataError("damaged")))
    assert count_runs(waiting) == 1
    answer = everything.get(address, headers=asks)
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")


def test_receipts_of_a_large_run_are_compared_by_a_worker(
    waiting: Pages, run: Run, everything: FlaskClient
) -> None:
    checks = f"/delivery/runs/{run.id}/checks"
    assert "are being compared" in everything.get(checks, headers={"HX-Request": "true"}).text
    assert "are being compared" in everything.get(checks).text
    count_runs(waiting)
    assert "No message was accepted twice" in everything.get(checks).text


def test_page_reads_one_count_once(waiting: Pages, story: Story, everything: FlaskClient) -> None:
    """The form offers regions by the contacts, and the preview channels."""
    with counting(waiting, OF_COUNTS) as found:
        everything.get(f"/audience/{story.campaign.audience_id}")
    assert len(found) == 1
    assert count(waiting) == 1


def test_page_waits_and_then_shows_what_was_counted(waiting: Pages, story: Story, everything: FlaskClient) -> None:
    address = f"/campaigns/{story.campaign.id}?tab=people"
    page = everything.get(address).text
    assert "The people are being counted." in page
    assert "Who gets it" not in page
    (renewing,) = re.findall(r'hx-get="(/audience/counts[^"]+)"', page)
    progress = renewing.replace("&amp;", "&")
    assert "The people are being counted." in everything.get(progress).text
    count(waiting)
    assert everything.get(progress).headers["HX-Refresh"] == "true"
    page = everything.get(address).text
    assert "Counted 1 second ago." in page
    assert "Who gets it" in page


def test_figures_beside_each_other_that_were_counted_apart_are_counted_together(
    waiting: Pages, story: Story, everything: FlaskClient, vault: Vault
) -> None:
    """An audience is shown with whom each channel would reach alone."""
    with waiting.sessions.begin() as session:
        contact = a_contact(session, waiting.ours)
        an_address(session, contact, vault, channel=Channel.WHATSAPP, number="+380509998877")
    address = f"/audience/{story.campaign.audience_id}"
    with standing_at(START):
        for _ in range(2):
            everything.get(address)
            count(waiting)
        # Nothing of it is old.
        everything.get(address)
        assert count(waiting) == 0
    of_rules = select(KeptCount).where(KeptCount.kind == PEOPLE).order_by(KeptCount.id)
    with waiting.sessions.begin() as session:
        session.scalars(of_rules).all()[0].counted_at = START - timedelta(seconds=1)
    with standing_at(START + timedelta(seconds=1)):
        # Until then none is shown: they would not go with each other.
        assert "The people are being counted." in everything.get(address).text
        assert count(waiting) > 1
        assert "The people are being counted." not in everything.get(address).text
    with waiting.sessions() as session:
        assert {each.counted_at for each in session.scalars(of_rules)} == {START + timedelta(seconds=1)}


def test_member_has_it_counted_now(waiting: Pages, story: Story, everything: FlaskClient) -> None:
    everything.get(f"/campaigns/{story.campaign.id}")
    count(waiting)
    with waiting.sessions() as session:
        digests = list(session.scalars(select(KeptCount.digest)))
    asked = {"of": digests, "back": f"/campaigns/{story.campaign.id}?"}
    answer = everything.post("/audience/counts", data=asked)
    assert answer.location == f"/campaigns/{story.campaign.id}"
    assert everything.post("/audience/counts", data=asked | {"back": "https://example.org/x"}).location == "/"
    assert count(waiting) == len(digests)


def test_others_cannot_ask_for_ours(waiting: Pages, story: Story, everything: FlaskClient) -> None:
    everything.get("/audience")
    with waiting.sessions() as session:
        digests = list(session.scalars(select(KeptCount.digest)))
    theirs = waiting.client(waiting.member(*Role, organisation=waiting.theirs))
    assert theirs.get("/audience/counts", query_string={"of": digests, "empty": 0}).text.strip() == ""


def test_changed_rule_is_another_question(waiting: Pages, story: Story, everything: FlaskClient) -> None:
    def digests() -> set[str]:
        with waiting.sessions() as session:
            return set(session.scalars(select(KeptCount.digest)))

    address = f"/audience/{story.campaign.audience_id}"
    for _ in range(2):
        everything.get(address)
        count(waiting)
    before = digests()
    with waiting.sessions.begin() as session:
        rule_of(session, story, {"languages": ["uk"]})
    everything.get(address)
    assert digests() > before


def rule_of(session: Session, story: Story, rule: dict[str, Any]) -> None:
    session.get_one(Audience, story.campaign.audience_id).rule = rule


def test_stop_is_counted_when_the_page_is_opened_later(
    waiting: Pages, story: Story, everything: FlaskClient
) -> None:
    """What was counted stands for a minute; then the next page asks for a new count, and shows the old one."""
    begun = clock.now()

    def opened(seconds: int) -> str:
        with standing_at(begun + timedelta(seconds=seconds)):
            return everything.get("/audience/contacts").text

    opened(0)
    assert count(waiting) == 1
    with waiting.sessions.begin() as session:
        theirs = select(Address).where(Address.organisation_id == waiting.ours.id).limit(1)
        withdraw(session, session.scalars(theirs).all(), Declaration("keyword", "STOP", begun))
    opened(30)
    assert count(waiting) == 0
    assert "Waiting to be counted." in opened(90)
    with standing_at(begun + timedelta(seconds=91)):
        assert count(waiting) == 1
    assert re.search(r'figure-number">1</span><span class="figure-label">Opted out', opened(92))


def test_time_is_saved_by_zones_that_are_counted_there_and_then(waiting: Pages, story: Story) -> None:
    """What is only shown goes by the last count, and says so while there is none."""
    at_an_hour_that_is_skipped = {
        "starts_at": "2026-03-29T02:30",
        "zone_policy": "fixed",
        "time_zone": "Europe/Warsaw",
        "repeats": "once",
        "grace_minutes": "60",
        "expires_after_minutes": "720",
    }
    with standing_at(START):
        author = waiting.client(story.author)

        def answer_to(button: str) -> str:
            form = at_an_hour_that_is_skipped | {button: "1"}
            return author.post(f"/campaigns/{story.campaign.id}/times/new", data=form).text

        saving = answer_to("save")
        assert "does not exist in Europe/Warsaw" in saving
        assert "are still being counted" not in saving
        assert count(waiting) == 0
        assert "are still being counted" in answer_to("preview")
        assert count(waiting) == 1
