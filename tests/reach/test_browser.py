"""Pages of a campaign in a real browser, wide and narrow, in English and Arabic; overview and report as PDF."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from campaigns.planning.models import Campaign
from campaigns.staff.models import Member, Role
from tests.browser.chromium import LOOKS, SCREENSHOTS, a_browser, skip_without_browser
from tests.places.browsing import a_visit, served
from tests.reach.scenery import make_scenery
from tests.web.pages import Pages, pages_on_file

pytestmark = pytest.mark.browser

#: A4 in points, as a PDF writes it.
A4 = (595, 842)


@dataclass(frozen=True, slots=True)
class Console:
    """A served instance with one campaign, and a steward who may also edit."""

    address: str
    pages: Pages
    campaign: Campaign
    steward: Member

    def paths(self) -> dict[str, str]:
        """Return the pages of reach by a name for their pictures."""
        campaign = f"/reach/campaigns/{self.campaign.id}"
        return {
            "reach": "/reach",
            "reach-runs": "/reach/runs",
            "reach-compare": "/reach/compare",
            "reach-campaign": campaign,
            "reach-provenance": f"{campaign}/provenance",
            "reach-report": f"{campaign}/report",
            "reach-outcomes": f"{campaign}/outcomes",
            "reach-spending": "/reach/spending",
            "reach-imports": "/reach/imports",
            "reach-import": "/reach/imports/1",
        }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    skip_without_browser()
    with a_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with pages_on_file(tmp_path_factory.mktemp("reach")) as pages:
        campaign = make_scenery(pages)
        steward = pages.member(Role.STEWARD, Role.AUTHOR)
        with served(pages.app) as address:
            yield Console(address, pages, campaign, steward)


#: The pages in which most stands side by side: they are always looked at, the others with --whole.
FULL = ("reach", "reach-campaign", "reach-report", "reach-import")


@pytest.mark.parametrize("full", [True, pytest.param(False, marks=pytest.mark.long)])
@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_pages_of_reach_hold_in_a_browser(
    console: Console, browser: Browser, look: tuple[str, int], full: bool
) -> None:
    language, width = look
    with a_visit(
        browser, console.address, console.pages, console.steward, width=width, language=language
    ) as visit:
        for name, path in console.paths().items():
            if (name in FULL) is full:
                visit.go(path)
                visit.look(name)


def test_overview_says_the_same_without_script(console: Console, browser: Browser) -> None:
    with a_visit(browser, console.address, console.pages, console.steward, width=360, script=False) as visit:
        visit.go("/reach")
        assert visit.page.locator(".map .region").count() > 5
        assert visit.page.locator(".overview-regions tbody tr").count() > 5
        visit.page.get_by_role("link", name="Runs and campaigns").click()
        assert visit.path == "/reach/runs"


@pytest.mark.long
@pytest.mark.parametrize(
    "language", [*(pytest.param(each, marks=pytest.mark.long) for each in ("en", "uk")), "ar"]
)
def test_overview_prints_to_one_sheet_and_report_to_several(
    console: Console, browser: Browser, tmp_path: Path, language: str
) -> None:
    folder = Path(os.environ.get(SCREENSHOTS) or tmp_path)
    sheets = {}
    with a_visit(browser, console.address, console.pages, console.steward, width=1280, language=language) as visit:
        for name in ("reach", "reach-report"):
            visit.go(console.paths()[name])
            data = visit.page.pdf(path=folder / f"{name}-{language}.pdf", prefer_css_page_size=True)
            boxes = re.findall(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)", data)
            assert data.startswith(b"%PDF")
            assert {(round(float(width)), round(float(height))) for width, height in boxes} == {A4}
            sheets[name] = len(boxes)
    assert sheets["reach"] == 1
    assert sheets["reach-report"] <= 8
