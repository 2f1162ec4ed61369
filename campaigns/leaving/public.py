"""People on the move end their messages here, by whichever way is open to them; to look changes nothing."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, request

from campaigns.audience.joining.links import PRODUCTS, STOP, ways_to_stop
from campaigns.core import clock
from campaigns.core.languages import all_languages
from campaigns.delivery.queries import select_known_senders
from campaigns.inbox.unnamed.form_stamp import make_stamp, nonce_of
from campaigns.leaving.service import find_address, leave
from campaigns.public_pages.publisher import behind
from campaigns.web.current import settings, vault
from campaigns.web.people.layout import check_country, people_pages, private_page_of, words_for
from campaigns.web.session import session

pages = people_pages("leaving", __name__)

#: What a page says of a link that is not whole, by the name of a public sentence.
UNKNOWN = "leave_unknown"


@pages.get("/e")
def show(language: str) -> Response:
    """Show how to end messages."""
    return _ways(language, "")


@pages.get("/<country:country>/e")
def show_country(language: str, country: str) -> Response:
    """Show how to end messages, by what people in a country can write to."""
    return _ways(language, check_country(country))


@pages.route("/e/<token>", methods=["GET", "POST"])
def end(language: str, token: str) -> Response:
    """End the messages of the phone that a text with this link was sent to.

    Whatever opens links to look into them changes nothing: it takes a tap.
    """
    address = find_address(session(), token, vault=vault())
    if address is None:
        return _ways(language, "", UNKNOWN, status=404 if request.method == "GET" else 422)
    if request.method == "GET" or not _is_stamped():
        return _ask(language, status=200 if request.method == "GET" else 422)
    leave(session(), address)
    return private_page_of("people/left.html", language, languages={})


def _ask(language: str, *, status: int) -> Response:
    stamp = make_stamp(settings().secret_key, now=clock.now())
    return private_page_of("people/leave_here.html", language, status=status, stamp=stamp)


def _is_stamped() -> bool:
    """Say whether the form was opened; it may be sent twice, because it says the same."""
    stamp = request.form.get("stamp", "")
    return nonce_of(stamp, settings().secret_key, now=clock.now(), soonest=timedelta()) is not None


def _ways(language: str, country: str, problem: str = "", *, status: int = 200) -> Response:
    owners, read = behind().organisation_ids, words_for(language, country).language
    senders = [
        sender
        # What the instance shares is nobody's word before somebody has opened the pages.
        for sender in (session().scalars(select_known_senders(owners)) if owners else ())
        if not country or not sender.countries or country in sender.countries
    ]
    return private_page_of(
        "people/leave.html",
        language,
        country,
        status=status,
        problem=problem,
        ways=ways_to_stop(senders),
        products=PRODUCTS,
        own_word=_own_word(read),
    )


def _own_word(language: str) -> str:
    """Return the first word of a language that says stop, where it is another than STOP."""
    word = all_languages()[language].stop_words[0]
    return "" if word == STOP else word
