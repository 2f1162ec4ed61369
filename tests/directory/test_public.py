"""Who can help in a country can be seen at once, however many there are, and in the reader's order."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import expect

from campaigns.core import clock
from campaigns.core.alphabets import place_in_alphabet
from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import Role
from tests.browser.chromium import a_browser, skip_without_browser
from tests.factories import a_service
from tests.web.pages import Pages


def open_with(pages: Pages, *kinds: str, **facts: Any) -> str:
    """Open the pages with a helpline of each kind, and return that of Poland."""
    admin = pages.member(Role.ADMIN)
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, Profile(is_open=True, contact="a@example.org"), by=admin.id)
        for kind in kinds:
            a_service(session, pages.ours, kind=kind, verified_on=clock.now().date(), **facts)
    pages.app.extensions["people"].kept.forget()
    return pages.client().get("/uk/pl").text


def test_many_helplines_are_folded_by_need_but_for_the_first(pages: Pages) -> None:
    page = open_with(pages, "violence", "trafficking", "shelter", "trafficking")
    fold = r'<details class="need"><summary><h2>(.+?)</h2></summary></details>\s*(<ul>.+?</ul>)'
    folded = re.findall(fold, page, re.DOTALL)
    assert [(name, part.count('class="card"')) for name, part in folded] == [
        ("Насильство", 1),
        ("Де зупинитися", 1),
    ]
    # Those of the first need are two, and come before any that is folded.
    assert page.partition('<details class="need">')[0].count('class="card"') == 2


def test_numbers_are_in_no_fold_that_paper_would_keep_shut(pages: Pages) -> None:
    page = open_with(pages, "violence", "trafficking", "shelter", "trafficking")
    unfolded = re.sub(r"<details.+?</details>", "", page, flags=re.DOTALL)
    assert page.count('class="card"') == unfolded.count('class="card"') == 4


@pytest.mark.browser
@pytest.mark.long
def test_fold_opens_on_a_screen_and_is_open_on_paper(pages: Pages) -> None:
    text = open_with(pages, "violence", "trafficking", "shelter", "trafficking")
    skip_without_browser()
    with a_browser() as browser, closing(browser.new_page()) as page:
        page.set_content(text)
        cards = page.locator(".card:visible")
        expect(cards).to_have_count(2)
        page.locator(".need summary").first.click()
        expect(cards).to_have_count(3)
        page.emulate_media(media="print")
        expect(cards).to_have_count(4)


def test_few_helplines_are_all_shown(pages: Pages) -> None:
    page = open_with(pages, "violence", "trafficking", "shelter")
    assert (page.count('class="card"'), 'class="need"' in page) == (3, False)


def test_regions_follow_the_names_that_readers_see(pages: Pages) -> None:
    page = open_with(pages, "shelter", region_codes=["PL-18"])
    names = re.findall(r'<a href="/uk/pl-\w+">(.+?)</a>', page)
    assert len(names) == 16
    assert names == sorted(names, key=lambda name: place_in_alphabet(name, "uk"))


@pytest.mark.parametrize(
    ("cost", "numbers", "is_free"),
    [
        ("free", {}, True),
        ("free in PL", {"number_national": "800 012 948", "number_from_abroad": None}, True),
        ("free from PL networks", {"number_national": "800 012 948", "number_from_abroad": None}, False),
        ("free in Transnistria", {}, False),
    ],
)
def test_call_is_called_free_where_it_is_free_for_whoever_reads_so(
    pages: Pages, cost: str, numbers: dict[str, Any], is_free: bool
) -> None:
    open_with(pages, "trafficking", cost=cost, **numbers)
    page = pages.client().get("/en/pl").text
    assert ("The call is free" in page, f"Cost: <bdi>{cost}</bdi>" in page) == (is_free, not is_free)


@pytest.mark.parametrize(
    ("language", "cost", "said"),
    [
        # Whoever dials the number for foreign SIM cards pays for a call to Poland.
        ("en", "free in PL", "The call is free (<bdi>Poland</bdi>)"),
        ("ar", "free in PL", "المكالمة مجانية (<bdi>بولندا</bdi>)"),
        ("uk", "free in DE", "Дзвінок безкоштовний (<bdi>Німеччина</bdi>)"),
    ],
)
def test_country_in_which_a_call_is_free_is_named_in_the_language_of_the_page(
    pages: Pages, language: str, cost: str, said: str
) -> None:
    open_with(pages, "trafficking", cost=cost)
    page = pages.client().get(f"/{language}/pl").text
    assert said in page
    assert "free in" not in page
