"""Contact sheets of every page that a member can open: four looks, some pages beside each other on each sheet.

`python -m tests.browser.sheets_of_pages FOLDER [LOOK …]` writes them, for whoever looks at pages as members do;
looks are named as `ar-360-light`. What axe finds, `test_every_page.py` says.
"""

from __future__ import annotations

import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, ViewportSize

from campaigns.core.settings import load_settings
from campaigns.staff.models import Member, Role
from tests.browser.chromium import Visit, a_browser
from tests.browser.every_page import addresses_of_pages, is_page
from tests.places.browsing import a_visit, served
from tests.web.pages import KEYS, Pages, pages_on_file

GAP = 12


@dataclass(frozen=True, slots=True)
class Look:
    """In which language, width and theme pages are shown, and how many of them beside and above each other."""

    language: str
    width: int
    theme: Literal["light", "dark"]
    columns: int
    rows: int
    #: How wide a page is on the sheet, and how much of it is shown, in pixels of the page.
    shown_width: int
    height: int

    @property
    def name(self) -> str:
        """The name by which a look is asked for, and with which its sheets begin."""
        return f"{self.language}-{self.width}-{self.theme}"


LOOKS = (
    Look("en", 1280, "light", columns=3, rows=3, shown_width=660, height=1400),
    Look("ar", 1280, "dark", columns=3, rows=3, shown_width=660, height=1400),
    Look("ar", 360, "light", columns=6, rows=2, shown_width=330, height=1300),
    Look("en", 360, "dark", columns=6, rows=2, shown_width=330, height=1300),
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture of a page, and its endpoint."""

    endpoint: str
    png: bytes


def pictures_of(visit: Visit, addresses: dict[str, str], look: Look) -> Iterator[Taken]:
    """Yield a picture of each whole page, from its top."""
    for endpoint, address in sorted(addresses.items()):
        if is_page(visit, address):
            visit.go(address)
            visit.page.wait_for_load_state()
            if visit.page.locator(".map").count():
                visit.wait_for_map()
            high = int(visit.page.evaluate("() => document.documentElement.scrollHeight"))
            clip = {"x": 0, "y": 0, "width": look.width, "height": min(high, look.height)}
            yield Taken(endpoint, visit.page.screenshot(full_page=True, clip=clip))  # type: ignore[arg-type]


def sheet_of(browser: Browser, taken: list[Taken], look: Look) -> bytes:
    """Return pictures beside each other, each under the name of its page, as one PNG."""
    wide = look.columns * (look.shown_width + GAP) + GAP
    tab = browser.new_page(viewport=ViewportSize(width=wide, height=400))
    shown = "".join(
        f'<figure><figcaption>{each.endpoint}</figcaption><img width="{look.shown_width}"'
        f' src="data:image/png;base64,{b64encode(each.png).decode()}"></figure>'
        for each in taken
    )
    style = (
        f"body{{margin:{GAP}px;display:flex;flex-wrap:wrap;gap:{GAP}px;align-items:start;background:#9a9a9a;"
        "font:bold 15px sans-serif}figure{margin:0}"
    )
    tab.set_content(f"<style>{style}</style>{shown}")
    picture = tab.screenshot(full_page=True)
    tab.close()
    return picture


def write_sheets(folder: Path, look: Look, pages: Pages, member: Member, addresses: dict[str, str]) -> None:
    """Write the sheets of one look into a folder."""
    with served(pages.app) as address, a_browser() as browser:
        with a_visit(
            browser, address, pages, member, width=look.width, language=look.language, theme=look.theme
        ) as visit:
            taken = list(pictures_of(visit, addresses, look))
        size = look.columns * look.rows
        for at in range(0, len(taken), size):
            path = folder / f"{look.name}-{at // size + 1:02}.png"
            path.write_bytes(sheet_of(browser, taken[at : at + size], look))
            sys.stdout.write(f"{path}: {', '.join(each.endpoint for each in taken[at : at + size])}\n")


def main() -> None:
    """Write the sheets of the looks that are named, else of all."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, pages_on_file(Path(place)) as pages:
        member = pages.member(*Role)
        addresses = addresses_of_pages(pages, load_settings(KEYS).vault())
        for look in LOOKS:
            if not names or look.name in names:
                write_sheets(folder, look, pages, member, addresses)


if __name__ == "__main__":
    main()
