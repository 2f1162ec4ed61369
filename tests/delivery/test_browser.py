"""The pages of a run in a real browser: wide and narrow, in English and Arabic, by keyboard; axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Attempt, Delivery, Receipt
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run, RunState
from campaigns.staff.models import Role
from tests.browser.chromium import LOOKS, Visit, skip_without_browser
from tests.delivery.builders import a_running_run, an_unverified_text, frozen
from tests.factories import a_region
from tests.places.browsing import a_served_visit
from tests.web.pages import pages_on_file

pytestmark = pytest.mark.browser

#: What becomes of the messages, ten at a time; the last ones wait.
FATES: tuple[dict[str, Any], ...] = (
    {"send_state": SendState.ACCEPTED, "receipt_state": ReceiptState.DELIVERED},
    {"send_state": SendState.ACCEPTED, "receipt_state": ReceiptState.UNDELIVERED, "receipt_error": "30003"},
    {"send_state": SendState.FAILED, "error": "21614"},
    {"send_state": SendState.UNKNOWN, "error": "timeout"},
    {"send_state": SendState.UNCONFIRMED, "error": "timeout"},
    {"send_state": SendState.EXPIRED, "receipt_state": ReceiptState.DELIVERED},
    {},
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A tab of an approver, and the run and one unconfirmed message to look at."""

    visit: Visit
    run: str
    message_id: int


@pytest.fixture(scope="module", params=LOOKS, ids=str)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vault: Vault
) -> Iterator[Opened]:
    skip_without_browser()
    language, width = request.param
    with pages_on_file(tmp_path_factory.mktemp("browser")) as pages:
        with pages.sessions.begin() as session:
            run = a_running_run(
                session, vault, count=70, organisation=pages.ours, state=RunState.RUNNING, frozen=frozen()
            )
            message_id = give_fates(session, run)
        member = pages.member(Role.APPROVER, Role.STEWARD, locale=language)
        with a_served_visit(pages, member, language=language, width=width) as visit:
            yield Opened(visit, f"/delivery/runs/{run.id}", message_id)


def give_fates(session: Session, run: Run) -> int:
    """Let ten messages each meet every fate and tell the story of one that stays unconfirmed; return its id."""
    now, region = clock.now(), a_region(session)
    for number, row in enumerate(session.scalars(select(Delivery).where(Delivery.run_id == run.id))):
        fate = FATES[number // 10]
        tried = {"intent_at": now - timedelta(minutes=10, seconds=number), "attempts": 1} if fate else {}
        for name, value in (fate | tried | {"region_id": region.id}).items():
            setattr(row, name, value)
    unconfirmed = select(Delivery).where(Delivery.send_state == SendState.UNCONFIRMED).order_by(Delivery.id)
    row = session.scalars(unconfirmed.limit(1)).one()
    unverified = an_unverified_text(session, run)
    for other in session.scalars(unconfirmed.order_by(None).order_by(Delivery.id.desc()).limit(3)):
        other.text_id = unverified.id
    looks = (("throttled", "20429"), ("unknown", "timeout"), ("reconciled", "absent"))
    session.execute(
        insert(Attempt),
        [{"delivery_id": row.id, "number": 1, "at": now, "outcome": word, "error": code} for word, code in looks],
    )
    receipt = {
        "gateway": "twilio",
        "reference": row.reference,
        "provider_id": "SM1",
        "status": "queued",
        "raw": {},
    }
    session.add(Receipt(**receipt, received_at=now, applied_at=now))
    return row.id


def test_run_is_followed_down_to_one_message(opened: Opened) -> None:
    visit = opened.visit
    visit.go("/delivery")
    visit.look("runs-alarm")
    visit.go("/")
    visit.look("now-alarm")
    visit.go(opened.run)
    visit.page.wait_for_selector("#checks p")
    visit.look("run-alarms")
    visit.page.focus("#state-failed")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**/deliveries?state=failed")
    visit.look("messages-failed")
    visit.go(f"{opened.run}/deliveries/{opened.message_id}")
    visit.look("message-story")


def test_focus_stays_while_the_run_renews_itself(opened: Opened) -> None:
    visit = opened.visit
    visit.go(opened.run)
    visit.page.focus("#state-unknown")
    with visit.page.expect_response("**/progress?said=*"):
        pass
    visit.page.wait_for_timeout(300)
    assert visit.page.evaluate("() => document.activeElement.id") == "state-unknown"
    assert visit.page.inner_text("#spoken") == ""


@pytest.mark.long
def test_chosen_messages_are_sent_again_by_keyboard(opened: Opened) -> None:
    visit = opened.visit
    visit.go(f"{opened.run}/deliveries?state=unconfirmed")
    visit.page.focus(f"input[name=chosen][value='{opened.message_id}']")
    visit.page.keyboard.press("Space")
    visit.look("messages-unconfirmed")
    with visit.page.expect_navigation():
        visit.page.locator("main form button[type=submit]").last.press("Enter")
    visit.look("send-again")
    chosen = visit.page.url
    visit.go(f"{opened.run}/resend?all=1")
    visit.look("send-all-again")
    visit.page.goto(chosen)
    visit.page.fill("[name=reason]", "The carrier lost them")
    with visit.page.expect_navigation():
        visit.page.locator("main form.form button[type=submit]").press("Enter")
    assert visit.path == opened.run
    visit.look("sent-again")
