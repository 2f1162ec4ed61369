"""The demo opens its pages to everybody, and looks at one as somebody at the border would who reads Ukrainian."""

from __future__ import annotations

import re

import requests
from sqlalchemy.orm import Session

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.core.errors import UnavailableError
from campaigns.demo.stage import Cast
from campaigns.public_pages.service import Profile, set_profile

#: The region of the crossing at Medyka, in Ukrainian.
MEDYKA = "/uk/pl-18"


def open_pages(session: Session, cast: Cast) -> None:
    """Let everybody read the directory, without the name of the invented organisation."""
    set_profile(
        session,
        cast.organisation_id,
        Profile(is_open=True, contact="pages@example.org"),
        by=cast.author_id,
    )
    # It hangs at no place: whoever joins from a page is not thereby somewhere.
    create_entry_point(session, cast.organisation_id, name="Pages for everybody", by=cast.author_id)


def find_helpline(web: str) -> tuple[str, str]:
    """Return the address of the page for Medyka and the first number that it names beside those for emergencies.

    Raises UnavailableError when it names none.
    """
    address = f"{web}{MEDYKA}"
    answer = requests.get(address, timeout=20)
    card = answer.text.partition('<li class="card">')[2].partition("</li>")[0]
    number = re.search(r'href="tel:([+\d]+)"', card)
    if answer.status_code != 200 or 'lang="uk"' not in answer.text or number is None:
        raise UnavailableError(f"{address} shows no verified helpline.")
    return address, number[1]
