"""All addresses that a member can open, in an instance that has one of everything."""

from __future__ import annotations

from campaigns.core.keys.crypto import Vault
from tests.architecture.every_route import address_of, make_own, openings
from tests.browser.chromium import Visit
from tests.web.pages import Pages


def addresses_of_pages(pages: Pages, vault: Vault) -> dict[str, str]:
    """Make one of everything, and return every address that can be opened, by its endpoint."""
    own = make_own(pages, vault)
    return {rule.endpoint: address_of(pages.app, rule, own) for rule in openings(pages.app)}


def is_page(visit: Visit, address: str) -> bool:
    """Say whether an address answers with a whole page, not with a part of one or a file."""
    answer = visit.page.request.get(visit.address + address)
    return answer.ok and answer.headers["content-type"].startswith("text/html") and "<html" in answer.text()
