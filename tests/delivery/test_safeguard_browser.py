"""Checklist, correction and canary in a real browser: wide, narrow, in English and Arabic; axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from playwright.sync_api import Route, expect
from sqlalchemy import update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import CanaryState, Delivery, RunCanary
from campaigns.delivery.views import EVERY
from campaigns.planning import service
from campaigns.planning.do_no_harm.checklist import ITEMS
from campaigns.planning.draft import plan_of
from campaigns.planning.models import Campaign
from campaigns.planning.policy import USUAL
from campaigns.staff.models import Role
from tests.browser.chromium import LOOKS, Visit, skip_without_browser
from tests.places.browsing import a_served_visit
from tests.planning.story import DUE, START, Story, a_story
from tests.web.pages import pages_on_file

pytestmark = pytest.mark.browser


@dataclass(frozen=True, slots=True)
class Opened:
    """A tab of an approver, and the paths of a campaign that changed since it was sent, and of its run."""

    visit: Visit
    campaign: str
    run: str


@pytest.fixture(scope="module", params=LOOKS, ids=str)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vault: Vault
) -> Iterator[Opened]:
    skip_without_browser()
    language, width = request.param
    with pages_on_file(tmp_path_factory.mktemp("browser")) as pages:
        with clock.running_on(lambda: START):
            with pages.sessions.begin() as session:
                story = a_story(session, vault, organisation=pages.ours, people=12)
                run_id = fire(story)
            fan_out(pages.sessions, run_id, policy=USUAL)
        with pages.sessions.begin() as session:
            change(session, story, run_id)
        member = pages.member(Role.APPROVER, locale=language)
        with a_served_visit(pages, member, language=language, width=width) as visit:
            yield Opened(visit, f"/campaigns/{story.campaign.id}", f"/delivery/runs/{run_id}")


def fire(story: Story) -> int:
    story.approved()
    (run,) = service.fire_due(story.session, now=DUE)
    return run.id


def change(session: Session, story: Story, run_id: int) -> None:
    """Let ten people have the message while the rest waits for them, and let the author change the campaign."""
    ids = session.scalars(update(Delivery).values(send_state="accepted").returning(Delivery.id)).all()
    session.execute(update(Delivery).where(Delivery.id.in_(ids[10:])).values(send_state="queued"))
    canary = RunCanary(run_id=run_id, state=CanaryState.WAITING, people=10, sent_at=clock.now(), failed=1)
    session.add(canary)
    campaign = session.get_one(Campaign, story.campaign.id)
    uk = campaign.message.translations[1]
    uk.text = uk.text.replace("Паспорт", "Документи")
    service.update_campaign(session, campaign, plan=replace(plan_of(campaign), max_parts=4), by=story.author.id)


def test_checklist_is_answered_by_keyboard(opened: Opened) -> None:
    visit = opened.visit
    visit.go(f"{opened.campaign}/harm")
    for item in ITEMS:
        visit.page.focus(f"input[name={item.key}][value=yes]")
        visit.page.keyboard.press("Space")
        visit.page.fill(f"[name={item.key}_words]", "I read every language aloud.")
    visit.look("harm")
    with visit.page.expect_navigation():
        visit.page.press("#answer", "Enter")
    assert visit.path == opened.campaign
    visit.look("campaign-changed")
    visit.go(f"{opened.campaign}/harm")
    expect(visit.page.locator(".notice.is-good")).to_have_count(1)


def test_correction_stands_beside_what_it_corrects(opened: Opened) -> None:
    opened.visit.go(f"{opened.campaign}/correction")
    expect(opened.visit.page.locator(".cards .card")).to_have_count(2)
    opened.visit.look("correction")


def answer_late(route: Route) -> None:
    """Hold back what the server answers for longer than a page of a run waits before it looks again."""
    answer = route.fetch(max_redirects=0)
    route.request.frame.page.wait_for_timeout(1000 * EVERY + 1500)
    route.fulfill(response=answer)


@pytest.mark.long
def test_one_button_takes_back_what_was_said(opened: Opened) -> None:
    visit = opened.visit
    visit.go(opened.run)
    visit.page.wait_for_selector("#canary")
    visit.look("run-canary")
    visit.page.fill("[name=reason]", "The number rings out.")
    correction = visit.page.locator("form", has=visit.page.locator("#correct")).get_attribute("action")
    visit.page.route(f"**{correction}", answer_late)
    visit.page.press("#correct", "Enter")
    # It leads to the correction, although the page of the run, which stops, asks for itself anew meanwhile.
    visit.page.wait_for_selector(".notice.is-good")
    assert visit.path != opened.run
    visit.go(opened.run)
    expect(visit.page.locator("#correct")).to_have_count(0)
    visit.look("run-withdrawn")
    with visit.page.expect_navigation():
        visit.page.locator("main .notice a.target").press("Enter")
    assert visit.path != opened.run
    visit.look("run-correction")
