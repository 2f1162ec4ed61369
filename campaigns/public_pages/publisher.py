"""The pages for people learn here who is behind them, once for a request."""

from __future__ import annotations

from flask import g

from campaigns.public_pages.queries import Behind, load_behind
from campaigns.web.people.layout import Publisher
from campaigns.web.people.public_words import digest_of_words
from campaigns.web.session import session


def behind() -> Behind:
    """Return who is behind the pages of this request."""
    if "behind" not in g:
        g.behind = load_behind(session(), digest_of_words)
    found: Behind = g.behind
    return found


def find_publisher() -> Publisher:
    """Return what the layout shows of them."""
    found = behind()
    return Publisher(found.names, found.contacts, found.languages)
