"""Every page a member can open, in a real browser: nothing sticks out, nothing is foreign, axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser

from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Member, Role
from tests.browser.chromium import a_browser, skip_without_browser
from tests.browser.every_page import addresses_of_pages, is_page
from tests.places.browsing import a_visit, served
from tests.web.pages import Pages, pages_on_file

pytestmark = pytest.mark.browser

#: Always one page in so many is looked at, narrow in Arabic; with --whole wide in English too, and dark in both
#: directions; with --runslow all of them, in both directions light and dark.
SHARE = 16
LOOKS = [
    pytest.param("ar", 360, "light", SHARE, id="ar-360-light-some"),
    *(
        pytest.param(language, width, theme, SHARE, id=f"{language}-{width}-{theme}-some", marks=pytest.mark.long)
        for language, width, theme in (("en", 1280, "light"), ("en", 360, "dark"), ("ar", 1280, "dark"))
    ),
    *(
        pytest.param(language, width, theme, 1, id=f"{language}-{width}-{theme}-all", marks=pytest.mark.slow)
        for language, width, theme in (
            ("en", 1280, "light"),
            ("en", 360, "light"),
            ("ar", 1280, "light"),
            ("ar", 360, "light"),
            ("en", 360, "dark"),
            ("ar", 1280, "dark"),
        )
    ),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_on_file(tmp_path_factory.mktemp("every")) as pages:
        yield pages


@pytest.fixture(scope="module")
def member(pages: Pages) -> Member:
    return pages.member(*Role)


@pytest.fixture(scope="module")
def addresses(pages: Pages, vault: Vault) -> dict[str, str]:
    return addresses_of_pages(pages, vault)


@pytest.fixture(scope="module")
def console(pages: Pages, addresses: dict[str, str]) -> Iterator[tuple[Browser, str]]:
    """A browser, and where the pages are; begun once all is there, which meets no event loop."""
    skip_without_browser()
    with served(pages.app) as address, a_browser() as browser:
        yield browser, address


@pytest.mark.parametrize(("language", "width", "theme", "share"), LOOKS)
def test_every_page_holds(
    console: tuple[Browser, str],
    pages: Pages,
    member: Member,
    addresses: dict[str, str],
    language: str,
    width: int,
    theme: Literal["light", "dark"],
    share: int,
) -> None:
    assert len(addresses) > 60
    first, seen = (width + len(theme)) % share, 0
    with a_visit(*console, pages, member, width=width, language=language, theme=theme) as visit:
        for endpoint in sorted(addresses)[first::share]:
            if is_page(visit, addresses[endpoint]):
                visit.go(addresses[endpoint])
                visit.look(f"every-{endpoint}")
                seen += 1
    assert seen > len(addresses) // share // 2
