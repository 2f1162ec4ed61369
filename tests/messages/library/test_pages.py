"""What partners share is listed by pages, and found by theme and words of the title."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from campaigns.staff.models import Role
from campaigns.web.keyed_pages import PER_PAGE
from tests.factories import a_message
from tests.web.pages import Pages
from tests.web.test_keyed_pages import link

PARTNERS = "/messages/partners"


def listed(client: FlaskClient, address: str) -> list[int]:
    return [int(each) for each in re.findall(rf'href="{PARTNERS}/(\d+)"', client.get(address).text)]


@pytest.mark.one_database
def test_all_that_partners_share_stands_on_some_page(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        theirs = session.merge(pages.theirs)
        shared = [
            a_message(session, theirs, title=f"Sleep {number:02}", theme="accommodation", is_shared=True).id
            for number in range(PER_PAGE)
        ]
        shared.append(a_message(session, theirs, title="Zürich", is_shared=True).id)
        a_message(session, theirs, title="Theirs alone")
        a_message(session, session.merge(pages.ours), title="Ours", is_shared=True)
    client = client_for(Role.AUTHOR)
    first, following = listed(client, PARTNERS), link("next", client.get(PARTNERS).text)
    assert sorted(first + listed(client, following)) == shared
    assert listed(client, link("prev", client.get(following).text)) == first
    assert listed(client, f"{PARTNERS}?find=zurich") == [shared[-1]]
    assert len(listed(client, f"{PARTNERS}?theme=accommodation")) == PER_PAGE
    assert "No message is like that." in client.get(f"{PARTNERS}?find=ours").text
