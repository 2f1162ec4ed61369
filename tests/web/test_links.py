"""No page shows a link that the member who sees it cannot follow."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Role
from tests.architecture.samples import make_samples
from tests.web.pages import Pages

#: Leads from month to month for a century.
CALENDAR = "/campaigns/calendar?"
#: The fewest links are a viewer's; whoever has every role follows all of them.
ROLES = [pytest.param(role, marks=[] if role is Role.VIEWER else pytest.mark.long) for role in Role]
LINK = re.compile(r'<a\s[^>]*href="([^"#]+)')


def links_of(client: FlaskClient, address: str, broken: list[str]) -> set[str]:
    with client.get(address, follow_redirects=True) as answer:
        if answer.status_code != 200:
            broken.append(f"{address} answered {answer.status}")
        if answer.mimetype != "text/html":
            return set()
        # A query is resolved against the page it stands on.
        path = address.partition("?")[0]
        found = {unescape(link) for link in LINK.findall(answer.get_data(as_text=True))}
        if address.startswith(CALENDAR):
            found = {link for link in found if not link.startswith(CALENDAR)}
        return {path + link if link[0] == "?" else link for link in found if link[0] in "?/"}


@pytest.mark.one_database
def test_every_link_shown_leads_somewhere(pages: Pages, vault: Vault) -> None:
    walk(pages, vault, *Role)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", ROLES)
def test_every_link_shown_to_a_role_leads_somewhere(pages: Pages, vault: Vault, role: Role) -> None:
    walk(pages, vault, role)


def walk(pages: Pages, vault: Vault, *roles: Role) -> None:
    """Follow every link that a member with these roles is shown, from page to page, until all were followed."""
    colleague = pages.member(Role.VIEWER)
    with pages.sessions.begin() as session:
        make_samples(session, pages.ours, colleague, vault)
    client, broken = pages.client(pages.member(*roles)), list[str]()
    seen, ahead = set[str](), ["/"]
    while ahead:
        address = ahead.pop()
        seen.add(address)
        ahead += links_of(client, address, broken) - seen - set(ahead)
    assert broken == []
    assert len(seen) > 5
