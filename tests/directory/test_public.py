"""Who can help in a country can be seen at once, however many there are, and in the reader's order."""

from __future__ import annotations

import re
from typing import Any

from campaigns.core import clock
from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import Role
from campaigns.web.people.public_words import Words
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
    folded = re.findall(r'<details class="need"><summary><h2>(.+?)</h2>(.+?)</details>', page, re.DOTALL)
    assert [(name, part.count('class="card"')) for name, part in folded] == [
        ("Насильство", 1),
        ("Де зупинитися", 1),
    ]
    # Those of the first need are two, and come before any that is folded.
    assert page.partition('<details class="need">')[0].count('class="card"') == 2


def test_few_helplines_are_all_shown(pages: Pages) -> None:
    page = open_with(pages, "violence", "trafficking", "shelter")
    assert (page.count('class="card"'), 'class="need"' in page) == (3, False)


def test_regions_follow_the_names_that_readers_see(pages: Pages) -> None:
    page = open_with(pages, "shelter", region_codes=["PL-18"])
    names = re.findall(r'<a href="/uk/pl-\w+">(.+?)</a>', page)
    assert len(names) == 16
    assert names == Words("uk").by_alphabet(names, str)
