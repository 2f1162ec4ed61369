"""Whoever finds one of many choices by its name loses nothing of the form, and saves nothing by it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from campaigns.audience.by_hand.forms import ChangeForm
from campaigns.audience.forms import EntryPointForm
from campaigns.inbox.automatic.forms import AutomaticForm
from campaigns.places.forms import RouteForm
from campaigns.planning.forms import CampaignForm
from campaigns.planning.models import Campaign
from campaigns.planning.pages.do_no_harm_forms import CommonCorrectionForm, CorrectionForm
from campaigns.reach.imported.forms import ReportForm
from campaigns.staff.models import AuditEntry, Role
from campaigns.web import forms
from campaigns.web.forms import Form, LongSelect
from tests.browser.chromium import a_browser, skip_without_browser
from tests.factories import a_campaign, a_contact, a_member, a_message, a_place, a_sender, an_audience
from tests.places.browsing import a_visit, served
from tests.web.pages import Pages

#: Each form with a choice among many: its page, that choice, and what else is typed into it.
FINDERS: list[tuple[type[Form], str, str, dict[str, str]]] = [
    (CampaignForm, "/campaigns/new", "message_id", {"name": "Half a plan", "budget": "12,5 or"}),
    (CampaignForm, "/campaigns/{campaign}/edit", "audience_id", {"name": "Half a plan", "budget": "12,5 or"}),
    (CorrectionForm, "/campaigns/{campaign}/correction", "message_id", {}),
    (CommonCorrectionForm, "/campaigns/correction", "message_id", {}),
    (ReportForm, "/reach/imports", "campaign_id", {"exported_on": "2031-05-06"}),
    (ChangeForm, "/audience/contacts/{contact}/change", "place_id", {"seen_on": "2031-05-06"}),
    (RouteForm, "/places/routes/new", "addition", {"name": "Half a way"}),
    (EntryPointForm, "/audience/ways-to-join/new", "place_id", {"name": "Poster 3"}),
    (AutomaticForm, "/inbox/automatic", "welcome", {}),
]
#: Of what can be chosen, the three newest are listed at once.
LISTED = 3
THINGS = ("Ferry", "Bridge", "Market", "Tunnel", "Harbour")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three choices be all that are listed at once."""
    monkeypatch.setattr(forms, "MOST_LISTED", LISTED)


@pytest.fixture
def ids(pages: Pages) -> dict[str, int]:
    """Add five of everything that can be chosen; return the ids of what pages are about."""
    with pages.sessions.begin() as session:
        member = a_member(session, pages.ours)
        for thing in THINGS:
            message = a_message(session, pages.ours, title=thing)
            audience = an_audience(session, pages.ours, name=thing)
            a_place(session, pages.ours, name=thing)
            shared = {"message": message, "audience": audience, "sender": a_sender(session)}
            campaign = a_campaign(session, pages.ours, member, name=thing, **shared)
        return {"campaign": campaign.id, "contact": a_contact(session, pages.ours).id}


def every_form(of: type[Form] = Form) -> Iterator[type[Form]]:
    for each in of.__subclasses__():
        yield each
        yield from every_form(each)


def test_each_form_with_a_choice_among_many_is_tried_here() -> None:
    having = {
        each
        for each in every_form()
        if each.__module__.startswith("campaigns.")
        if any(getattr(value, "field_class", None) is LongSelect for value in vars(each).values())
    }
    assert having == {form for form, *_rest in FINDERS}


@pytest.mark.parametrize("by_enter", [False, True])
@pytest.mark.parametrize(
    "at", range(len(FINDERS)), ids=[f"{form.__name__}-{name}" for form, _, name, _ in FINDERS]
)
def test_form_comes_back_as_it_was_typed_and_nothing_is_saved(
    pages: Pages, ids: dict[str, int], at: int, by_enter: bool
) -> None:
    _form, path, name, typed = FINDERS[at]
    client, path = pages.client(pages.member(Role.AUTHOR, Role.APPROVER, Role.STEWARD)), path.format(**ids)
    before = written(pages)
    asks = {"save": "by-enter"} if by_enter else {"find_words": name}
    answer = client.post(path, data=typed | asks | {f"{name}_words": "ferry", f"{name}_found": ""})
    assert answer.status_code == 200
    assert "Ferry" in (choice := choice_of(answer.text, name))
    assert "Bridge" not in choice
    for field, text in typed.items():
        assert re.search(rf'<input[^>]*name="{field}"[^>]*value="{text}"', answer.text)
    assert " of 0 can be chosen here." not in answer.text
    assert 'class="error"' not in answer.text
    assert written(pages) == before


def test_page_asks_for_a_file_that_was_left_out(pages: Pages, ids: dict[str, int]) -> None:
    client = pages.client(pages.member(Role.AUTHOR))
    for name, asks in (("reach.csv", True), ("", False)):
        page = client.post("/reach/imports", data={"file": name, "find_words": "campaign_id"}).text
        assert ("Choose the file again" in page) is asks


def test_enter_saves_once_its_words_are_found(pages: Pages, ids: dict[str, int]) -> None:
    with pages.sessions() as session:
        edited = session.get_one(Campaign, ids["campaign"])
        path = f"/campaigns/{edited.id}/edit"
        whole: dict[str, Any] = {
            "name": "Renamed",
            "message_id": edited.message_id,
            "audience_id": edited.audience_id,
            "senders-0": edited.sender_ids[0],
            "fallback_policy": "do_not_send",
            "max_parts": 3,
        }
    client = pages.client(pages.member(Role.AUTHOR))
    words = {"save": "by-enter", "message_id_words": "ferry", "message_id_found": "ferry"}
    assert client.post(path, data=whole | words).status_code == 302
    with pages.sessions() as session:
        assert session.get_one(Campaign, ids["campaign"]).name == "Renamed"


def written(pages: Pages) -> int:
    with pages.sessions() as session:
        return session.scalar(select(func.count(AuditEntry.id))) or 0


def choice_of(page: str, name: str) -> str:
    found = re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.DOTALL)
    assert found, f"no choice {name}"
    return found[0]


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.parametrize("script", [False, True])
def test_one_of_many_is_found_with_and_without_script(pages: Pages, ids: dict[str, int], script: bool) -> None:
    skip_without_browser()
    member = pages.member(Role.AUTHOR)
    with (
        served(pages.app) as address,
        a_browser() as browser,
        a_visit(browser, address, pages, member, width=360, script=script) as visit,
    ):
        page = visit.page
        visit.go("/campaigns/new")
        page.fill("[name=name]", "Half a plan")
        find(page, "audience_id", "bridge")
        page.select_option("[name=audience_id]", label="Bridge")
        find(page, "message_id", "ferry")
        page.fill("[name=message_id_words]", "bridge")
        page.press("[name=message_id_words]", "Enter")
        expect(page.locator("[name=message_id] option", has_text="Bridge")).to_have_count(1)
        expect(page.locator("[name=audience_id] option:checked")).to_have_text("Bridge")
        expect(page.locator("[name=name]")).to_have_value("Half a plan")
        # A text that was refused leaves its address behind, which nobody can open.
        visit.go(f"/campaigns/{ids['campaign']}/correction")
        page.get_by_role("button", name="Save it as the correction").click()
        assert visit.path.endswith("/correction/text")
        find(page, "message_id", "ferry")
        # The browser itself tells of the refusal.
        visit.complaints.clear()
        visit.look(f"finder-correction-{script}")
    with pages.sessions() as session:
        assert "Half a plan" not in set(session.scalars(select(Campaign.name)))


def find(page: Page, name: str, words: str) -> None:
    page.fill(f"[name={name}_words]", words)
    page.locator(f"#{name}-choice button", has_text="Find").click()
    expect(page.locator(f"[name={name}] option", has_text=words.capitalize())).to_have_count(1)
