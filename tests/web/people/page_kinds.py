"""Every kind of page for people on the move, a line each: for the bench, the browser and whoever looks at titles.

A new page gets a line here; `test_page_kinds.py` fails until it has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from campaigns.core.keys.leave_token import NOBODYS
from campaigns.web.people.layout import NOT_SHOWN_AGAIN

#: Stands for a code that opens a report, where a form is filled in.
CODE = "a code"
#: What somebody writes into a form.
WRITTEN = "They took our passports, the room is locked at night."
#: A network that has sent as many reports as it may.
FULL = "203.0.113.1"


@dataclass(frozen=True, slots=True)
class PageKind:
    """How a page of one kind is come to."""

    #: {} is the language, {token} what a link to leave names.
    address: str
    #: What is written into the form of that address, which is sent then; None: the page is only opened.
    filled: Mapping[str, str] | None = None
    status: int = 200

    def at(self, language: str, find_token: Callable[[], str] = lambda: NOBODYS) -> str:
        """Return the address in a language; `find_token` is called only where it names somebody."""
        return self.address.format(language, token=find_token() if self.needs_token else NOBODYS)

    @property
    def needs_token(self) -> bool:
        """Whether the address names somebody whose messages end."""
        return "{token}" in self.address and self.status != 404


KINDS = {
    "languages": PageKind("/l"),
    "countries": PageKind("/{}"),
    "country": PageKind("/{}/pl"),
    "region": PageKind("/{}/pl-18"),
    "no_helpline": PageKind("/{}/sa"),
    "themes": PageKind("/{}/pl/i"),
    "theme": PageKind("/{}/pl/1"),
    "theme_job": PageKind("/{}/pl/7"),
    "from_us": PageKind("/{}/pl/m"),
    "missing": PageKind("/{}/pl/nothing", status=404),
    "tell": PageKind("/{}/w"),
    "tell_of_country": PageKind("/{}/pl/w"),
    "tell_of_region": PageKind("/{}/pl-18/w"),
    "tell_empty": PageKind("/{}/pl/w", {"text": ""}, 422),
    # Whoever's network has sent as much as it may.
    "tell_busy": PageKind("/{}/pl/w", {"text": WRITTEN}, 429),
    "code_once": PageKind("/{}/pl/w", {"text": WRITTEN}),
    "code": PageKind("/{}/n"),
    "code_wrong": PageKind("/{}/n", {"code": "1" * 16}, 422),
    "thread": PageKind("/{}/n", {"code": CODE}),
    "erased": PageKind("/{}/n", {"code": CODE, "act": "erase"}),
    "join": PageKind("/{}/pl/b"),
    "join_of_region": PageKind("/{}/pl-18/b"),
    "leave": PageKind("/{}/e"),
    "leave_of_country": PageKind("/{}/pl/e"),
    "leave_asked": PageKind("/{}/pl/e", {"number": "+48 600 100 200"}),
    "leave_wrong": PageKind("/{}/pl/e", {"ticket": "none", "code": "111111"}, 422),
    "leave_unknown": PageKind("/{}/e/{token}", status=404),
    "leave_here": PageKind("/{}/e/{token}"),
    "left": PageKind("/{}/e/{token}", {}),
}
#: The kinds that are only opened, and found by everybody.
OPENED = {
    name: kind
    for name, kind in KINDS.items()
    if kind.filled is None and kind.status == 200 and not kind.needs_token
}


def answers_of(status: int) -> tuple[int, ...]:
    """Return the statuses that a page of a kind may have."""
    return (status, NOT_SHOWN_AGAIN) if status == 200 else (status,)


def hidden_fields(page: str) -> dict[str, str]:
    """Return what the first form of a page sends by itself."""
    form = page.partition("<form")[2].partition("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
