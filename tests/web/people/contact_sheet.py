"""The README's picture of pages for people: eight kinds, each in another language, on phones 240 pixels wide.

`python -m tests.web.people.contact_sheet` makes it anew. The codes on it open nothing: the instance is gone.
"""

from __future__ import annotations

import sys
import tempfile
from base64 import b64decode, b64encode
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize

from tests.browser.chromium import a_browser
from tests.web.pages import pages_on_file
from tests.web.people.page_kinds import KINDS
from tests.web.people.reader import Reader
from tests.web.people.scenery import furnish

PICTURE = Path("static/people.webp")
PHONE = ViewportSize(width=240, height=560)
GAP, COLUMNS = 10, 8
#: Of 100; below it small letters blur.
QUALITY = 62
SHOWN = (
    ("region", "uk"),
    ("theme", "ar"),
    ("thread", "en"),
    ("tell_of_country", "fa"),
    ("code_once", "am"),
    ("leave_asked", "ru"),
    ("join", "pl"),
    ("leave_here", "ti"),
)


def make_pages_to_show() -> list[str]:
    """Return the pages, of an instance that lives no longer than that."""
    with tempfile.TemporaryDirectory() as folder, pages_on_file(Path(folder)) as pages:
        furnish(pages)
        reader = Reader(pages)
        return [reader.look(KINDS[kind], language).text for kind, language in SHOWN]


def picture_of(browser: Browser, text: str) -> bytes:
    """Return the first screen of a page."""
    tab = browser.new_page(viewport=PHONE)
    tab.set_content(text)
    picture = tab.screenshot()
    tab.close()
    return picture


def side_by_side(browser: Browser, pictures: list[bytes]) -> bytes:
    """Return pictures in rows of eight, as one WebP."""
    wide = COLUMNS * (PHONE["width"] + GAP) + GAP
    high = -(-len(pictures) // COLUMNS) * (PHONE["height"] + GAP) + GAP
    tab = browser.new_page(viewport=ViewportSize(width=wide, height=high))
    shown = (f'<img src="data:image/png;base64,{b64encode(each).decode()}">' for each in pictures)
    style = f"display:flex;flex-wrap:wrap;gap:{GAP}px;margin:{GAP}px;background:#ddd"
    tab.set_content(f'<body style="{style}">{"".join(shown)}')
    session = tab.context.new_cdp_session(tab)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    return b64decode(taken["data"])


def main() -> None:
    """Write the picture."""
    texts = make_pages_to_show()
    with a_browser() as browser:
        made = side_by_side(browser, [picture_of(browser, each) for each in texts])
    PICTURE.write_bytes(made)
    sys.stdout.write(f"{PICTURE}: {len(made):,} bytes\n")


if __name__ == "__main__":
    main()
