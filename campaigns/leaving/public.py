"""People on the move end their messages here, by whichever way is open to them; to look changes nothing.

A number that is typed is answered alike, whether it is anybody's or not; a worker sends the code. Nothing that was
typed is kept but by keyed hashes, and no cookie is set.
"""

from __future__ import annotations

from datetime import timedelta

from flask import Response, request

from campaigns.audience.joining.links import PRODUCTS, STOP, ways_to_stop
from campaigns.audience.models import Address
from campaigns.core import clock
from campaigns.core.folding import digits_of
from campaigns.core.languages import all_languages
from campaigns.delivery.queries import find_known_senders
from campaigns.inbox.unnamed.form_stamp import make_stamp, nonce_of, shown_at
from campaigns.leaving.leave_codes import DIGITS, hash_of_ticket, is_code
from campaigns.leaving.queries import has_agreed_since
from campaigns.leaving.request_limits import limits_on_asking
from campaigns.leaving.service import LONGEST_NUMBER, ask_for_code, count_try, find_address, leave, leave_by_code
from campaigns.public_pages.publisher import behind
from campaigns.staff.sign_in.attempt_limits import pour
from campaigns.web.current import settings, vault
from campaigns.web.people.layout import check_country, people_pages, private_page_of, words_for
from campaigns.web.session import session, writing_apart

pages = people_pages("leaving", __name__)

#: What a page says is wrong, by the names of public sentences.
UNKNOWN, WRONG, BUSY = "leave_unknown", "leave_wrong", "tell_busy"
#: What was typed has no digit: it is nobody's number.
NO_NUMBER = "leave_number"


@pages.route("/e", methods=["GET", "POST"])
def show(language: str) -> Response:
    """Show how to end messages, and take a number or a code."""
    return _show(language, "")


@pages.route("/<country:country>/e", methods=["GET", "POST"])
def show_country(language: str, country: str) -> Response:
    """Do the same for a country, whose numbers may be typed as they are dialled there."""
    return _show(language, check_country(country))


@pages.route("/e/<token>", methods=["GET", "POST"])
def end(language: str, token: str) -> Response:
    """End the messages of the phone that a text with this link was sent to.

    Whatever opens links to look into them changes nothing: it takes a tap.
    """
    address, is_sent = find_address(session(), token, vault=vault()), request.method == "POST"
    if address is None:
        return _ways(language, "", UNKNOWN, status=422 if is_sent else 404)
    if not is_sent or not _is_stamped() or _is_outdated(address):
        return _page("leave_here", language, status=422 if is_sent else 200)
    leave(session(), address)
    return private_page_of("people/left.html", language, languages={}, is_erased=False)


def _show(language: str, country: str) -> Response:
    if request.method != "POST":
        return _ways(language, country)
    if not _is_stamped():
        return _ways(language, country, status=422)
    return _try(language, country) if "ticket" in request.form else _ask(language, country)


def _ask(language: str, country: str) -> Response:
    """Take a number."""
    typed, read = request.form.get("number", ""), words_for(language, country).language
    if not digits_of(typed):
        return _ways(language, country, NO_NUMBER, status=422)
    limits = limits_on_asking(settings().secret_key, request.environ, now=clock.now())
    with writing_apart() as writing:
        is_counted = pour(writing, limits, now=clock.now())
    if not is_counted:
        return _ways(language, country, BUSY, status=429)
    ticket = ask_for_code(session(), typed, country=country, language=read, vault=vault())
    return _code_form(language, country, ticket)


def _try(language: str, country: str) -> Response:
    """Take a code."""
    ticket, typed = request.form["ticket"], request.form.get("code", "")
    with writing_apart() as writing:
        is_counted = count_try(writing, ticket, vault=vault())
    is_right = is_counted and is_code(typed, hash_of_ticket(ticket, vault()), vault())
    erase = request.form.get("erase") == "yes"
    if not is_right or not leave_by_code(session(), ticket, erase=erase, vault=vault()):
        return _code_form(language, country, ticket, WRONG, status=422)
    return private_page_of("people/left.html", language, country, languages={}, is_erased=erase)


def _code_form(language: str, country: str, ticket: str, problem: str = "", *, status: int = 200) -> Response:
    # Whoever mistypes the code has not changed their mind.
    erases = request.form.get("erase") == "yes"
    shown = {"ticket": ticket, "digits": DIGITS, "problem": problem, "languages": {}, "erases": erases}
    return _page("leave_code", language, country, status=status, **shown)


def _page(name: str, language: str, country: str = "", *, status: int, **values: object) -> Response:
    stamp = make_stamp(settings().secret_key, now=clock.now())
    return private_page_of(f"people/{name}.html", language, country, status=status, stamp=stamp, **values)


def _is_stamped() -> bool:
    """Say whether the form was opened before, by no machine that fills in all it finds."""
    stamp, key = request.form.get("stamp", ""), settings().secret_key
    nonce = nonce_of(stamp, key, now=clock.now(), soonest=timedelta())
    return nonce is not None and not request.form.get("url")


def _is_outdated(address: Address) -> bool:
    """Say whether the person agreed after the form was shown; a tab that comes back does not end that."""
    shown = shown_at(request.form["stamp"], settings().secret_key, now=clock.now())
    return shown is None or has_agreed_since(session(), address, shown)


def _ways(language: str, country: str, problem: str = "", *, status: int = 200) -> Response:
    owners, read = behind().organisation_ids, words_for(language, country).language
    senders = find_known_senders(session(), settings(), owners, country)
    shown: dict[str, object] = {"ways": ways_to_stop(senders), "products": PRODUCTS, "own_word": _own_word(read)}
    # What was typed in vain is not typed again.
    shown |= {"typed": request.form.get("number", "")[:LONGEST_NUMBER], "longest": LONGEST_NUMBER}
    return _page("leave", language, country, status=status, problem=problem, **shown)


def _own_word(language: str) -> str:
    """Return the first word of a language that says stop, where it is another than STOP."""
    word = all_languages()[language].stop_words[0]
    return "" if word == STOP else word
