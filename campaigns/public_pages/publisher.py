"""The pages for people learn here who is behind them, once for a request."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g

from campaigns.public_pages.queries import Behind, find_shown_names, load_behind
from campaigns.web.people.layout import Publisher
from campaigns.web.people.public_words import digest_of_words
from campaigns.web.session import session


def behind() -> Behind:
    """Return who is behind the pages of this request."""
    if "behind" not in g:
        g.behind = load_behind(session(), digest_of_words)
    found: Behind = g.behind
    return found


def load_shown_names() -> Mapping[int, str]:
    """Return what each of their organisations is called, '' for one that gives no name."""
    return find_shown_names(session(), behind().organisation_ids)


def find_publisher() -> Publisher:
    """Return what the layout shows of them."""
    found = behind()
    return Publisher(found.names, found.contacts, found.languages)
