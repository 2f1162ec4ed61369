"""People on the move see here whom we write as and what we wrote lately, to tell whether a message is from us.

They compare with their own eyes: nothing is typed in, so there is nothing that could be kept.
"""

from __future__ import annotations

from datetime import timedelta

from campaigns.audience.joining.links import PRODUCTS
from campaigns.core import clock
from campaigns.core.keys.leave_token import with_hidden_link
from campaigns.delivery.queries import find_known_senders
from campaigns.delivery.said_lately import load_said
from campaigns.public_pages.publisher import behind
from campaigns.web.current import settings
from campaigns.web.people.kept_pages import Finished
from campaigns.web.people.layout import (
    KEPT_WITH_NUMBERS,
    check_country,
    information,
    page_of,
    people_pages,
    words_for,
)
from campaigns.web.session import session

pages = people_pages("from_us", __name__)

#: What was sent longer ago is not shown, nor a sender that lost its key and wrote nothing since.
LATELY = timedelta(days=30)
#: Different texts that a page shows at most, the latest first.
MOST = 30


@pages.get("/<country:country>/m")
@information
def show(language: str, country: str) -> Finished:
    """Show the senders of a country, and what was written in the language."""
    check_country(country)
    owners, read = behind().organisation_ids, words_for(language, country).language
    now = clock.now()
    since = now - LATELY
    senders = find_known_senders(session(), settings(), owners, country, used_since=since)
    said = load_said(session(), owners, read, country, since=since, now=now, most=MOST)
    # What was sent names numbers: a dead one has to be gone soon.
    texts = [with_hidden_link(text) for text in said]
    known = {"channels": PRODUCTS, "senders": senders, "said": texts}
    return page_of("people/from_us.html", language, country, age=KEPT_WITH_NUMBERS, **known)
