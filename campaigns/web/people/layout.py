"""Every page for people on the move is made here: one layout, no script, no cookie, nothing from anybody else.

A step's `public.py` makes its blueprint by `people_pages`, puts `@information` on views that show the same to
everybody, and returns what `page_of` makes of a template in `templates/people/`. A view that takes a form, or
shows what belongs to one person, returns `private_page_of` instead: it is never stored on the way. There is
no session here, so a form carries a signed ticket of its own instead of the console's token.
"""

from __future__ import annotations

import base64
import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from hashlib import sha256
from importlib.resources import files
from typing import Any, ParamSpec, cast

from flask import Blueprint, Flask, Response, current_app, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from campaigns.core import clock
from campaigns.core.languages import all_languages
from campaigns.core.settings import Mode, Settings
from campaigns.web.people.kept_pages import Finished, KeptPages, finish
from campaigns.web.people.public_words import SOURCE, Words, own_languages, public_languages, public_words
from campaigns.web.people.visits import (
    COUNTED,
    EXIT,
    START,
    AreaConverter,
    CountryConverter,
    LanguageConverter,
    NoSessions,
    Visits,
)

P = ParamSpec("P")

#: For how many seconds a browser keeps what names no number, and what names one: a dead one has to be gone soon.
KEPT, KEPT_WITH_NUMBERS = 600, 45
#: The answer of a page that a browser must ask for anew when somebody goes back to it: it is as good as 200 else.
NOT_SHOWN_AGAIN = 203
_KEY = "people"


FindHelp = Callable[[str, str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who is behind the pages, as far as they want to be named, and the languages that members have reviewed."""

    names: tuple[str, ...] = ()
    #: Whom to write to about the pages.
    contacts: tuple[str, ...] = ()
    languages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Layout:
    """What the layout knows of its instance."""

    visits: Visits
    is_demo: bool
    find_publisher: Callable[[], Publisher]
    #: Says who can help in a country to whoever reads a language, as templates want it.
    find_help: FindHelp
    kept: KeptPages


pages = Blueprint("people", __name__)


def people_pages(name: str, import_name: str) -> Blueprint:
    """Return a blueprint for pages for people; each of its addresses begins with a language."""
    return Blueprint(name, import_name, url_prefix="/<language:language>")


def init_people(
    app: Flask, settings: Settings, *, find_publisher: Callable[[], Publisher], find_help: FindHelp
) -> None:
    """Keep the pages for people of `app` apart from those of members; before any blueprint is registered."""
    visits = Visits(settings)
    app.extensions[_KEY] = Layout(visits, settings.mode is Mode.DEMO, find_publisher, find_help, KeptPages())
    app.session_interface = NoSessions(visits)
    app.url_map.converters |= {"language": LanguageConverter, "country": CountryConverter, "area": AreaConverter}


def keep_apart(app: Flask) -> None:
    """Refuse what is asked for under the name of others; to be called once there is a database, which is read."""
    visits: Visits = app.extensions[_KEY].visits

    @app.before_request
    def look() -> BaseResponse | None:
        if visits.is_astray(request):
            raise NotFound
        return start() if visits.is_start(request) else None


def layout() -> Layout:
    """Return what the layout knows of its instance."""
    return cast(Layout, current_app.extensions[_KEY])


def is_for_people() -> bool:
    """Say whether whoever asks is shown nothing of members' pages."""
    return layout().visits.is_for_people(request)


def information(view: Callable[P, Finished]) -> Callable[P, Response]:
    """Answer with a page that is the same for everybody, and may be kept on the way."""

    @wraps(view)
    def shown(*args: P.args, **kwargs: P.kwargs) -> Response:
        kept, now = layout().kept, clock.now()
        page = kept.find(request.path, now)
        if page is None:
            page = view(*args, **kwargs)
            kept.keep(request.path, page, now)
        return _answer(page)

    return shown


def page_of(template: str, language: str, country: str = "", *, age: int = KEPT, **values: Any) -> Finished:
    """Return a page for everybody, made of a template in `templates/people/`.

    Whom to write to stands on each of them, and has to be gone as soon as a dead number.
    """
    if layout().find_publisher().contacts:
        age = min(age, KEPT_WITH_NUMBERS)
    text, words = _written(template, language, country, values)
    return finish(text, language=words.language, age=age)


def private_page_of(template: str, language: str, country: str = "", status: int = 200, **values: Any) -> Response:
    """Return a page that nobody keeps on the way, such as a form or what somebody sent by one."""
    text, words = _written(template, language, country, values)
    if status == 200 and request.method != "POST":
        # Chromium shows a page that it found again as it was left, half a report in it, though nobody may keep it.
        status = NOT_SHOWN_AGAIN
    return _answer_once(text, words.language, status)


def words_for(asked: str, country: str = "") -> Words:
    """Return what a page says in the language asked for, or in English where it must not be shown in that one."""
    return Words(asked if asked in offered_languages(country) else SOURCE)


def offered_languages(country: str = "") -> dict[str, bool]:
    """Return the languages that pages are shown in, and whether somebody has reviewed what they say.

    A rehearsal shows all of them; a live instance those that are reviewed, English and those of the country.
    """
    reviewed = layout().find_publisher().languages | {SOURCE}
    shown = set(public_languages()) if layout().is_demo else reviewed | {*own_languages(country)}
    return {code: code in reviewed for code in public_languages() if code in shown}


@pages.get(START)
@information
def list_languages() -> Finished:
    """List the languages, each in its own letters."""
    return page_of("people/languages.html", SOURCE)


def start() -> Response:
    """Answer whoever asks for the bare host."""
    return list_languages()


@pages.get(EXIT)
@pages.get(f"{EXIT}/<country:country>")
def leave(country: str = "") -> BaseResponse:
    """Lead to a page that tells nothing, and let the browser forget what it holds of this host."""
    answer = redirect(exit_of(country), 303)
    # As a picture on a page of somebody else it would sign members out.
    if request.headers.get("Sec-Fetch-Dest", "document") == "document":
        answer.headers["Clear-Site-Data"] = '"cookies", "storage"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def exit_of(country: str) -> str:
    """Return the page that the way out leads to in a country."""
    return _exits().get(country) or _exits()[""]


@cache
def _exits() -> Mapping[str, str]:
    with (files("campaigns.web.people") / "data" / "exits.csv").open(encoding="utf-8") as lines:
        return {row["country"]: row["address"] for row in csv.DictReader(lines)}


def is_country(code: str) -> bool:
    """Say whether a code is that of a country."""
    return Words(SOURCE).country(code) != code


def check_country(code: str) -> str:
    """Return a country's code. Raises NotFound for what is no country."""
    if not is_country(code):
        raise NotFound
    return code


def error_page(status: int) -> Response:
    """Return the page of an error for people: with who can help, unless the database may be what broke."""
    first, _, rest = request.path[1:].partition("/")
    if request.path.startswith(COUNTED):
        # After its code a link names a region; the language is what the browser asks for.
        first, rest = request.accept_languages.best_match(all_languages()) or SOURCE, rest.partition("/")[2]
    country = rest[:2].upper() if len(rest.partition("/")[0].partition("-")[0]) == 2 else ""
    known = country if is_country(country) else ""
    if status < 500:
        is_offered = first in offered_languages(known)
    else:
        is_offered = layout().is_demo and bool(public_words(first))
    language = first if is_offered else SOURCE
    values: dict[str, Any] = {"status": status, "is_missing": status == 404, "publisher": None, "languages": {}}
    if status < 500:
        values["publisher"] = layout().find_publisher()
        values |= layout().find_help(known, language) if known else {}
    text = _rendered("people/error.html", Words(language), language, known, values)
    return _answer_once(text, language, status)


def _written(template: str, asked: str, country: str, values: Mapping[str, Any]) -> tuple[str, Words]:
    words, languages = words_for(asked, country), offered_languages(country)
    around = {
        "publisher": layout().find_publisher(),
        "languages": {code: all_languages()[code].autonym for code in languages},
        "is_reviewed": languages[words.language],
    }
    return _rendered(template, words, asked, country, around | dict(values)), words


def _rendered(template: str, words: Words, asked: str, country: str, values: Mapping[str, Any]) -> str:
    # Not render_template: its context processors are those of members' pages.
    around = {
        "words": words,
        "say": words.say,
        "asked": asked,
        "country": country,
        "is_demo": layout().is_demo,
        "style": style(),
        "path_beyond": request.path[1:].partition("/")[2],
    }
    return current_app.jinja_env.get_template(template).render(around | dict(values))


@cache
def style() -> str:
    """Return the style sheet that stands in each page: one request less, and nothing that could be missing."""
    text = (files("campaigns.web.people") / "data" / "people.css").read_text(encoding="utf-8")
    return "".join(line.strip() for line in text.splitlines() if not line.startswith("/*"))


@cache
def policy() -> str:
    """Return the content security policy: no script, nothing from elsewhere, and no style but ours."""
    digest = base64.b64encode(sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; script-src 'none'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _headers(language: str) -> dict[str, str]:
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy(),
        "Content-Language": language,
        "X-Robots-Tag": "noindex",
    }


def _answer(page: Finished) -> Response:
    is_small = request.accept_encodings.quality("gzip") > 0
    answer = Response(page.compressed if is_small else page.body, headers=_headers(page.language))
    if is_small:
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    answer.headers["Cache-Control"] = f"public, max-age={page.age}"
    answer.set_etag(page.tag, weak=True)
    return cast(Response, answer.make_conditional(request))


def _answer_once(text: str, language: str, status: int) -> Response:
    answer = Response(text, status, headers=_headers(language))
    answer.headers["Cache-Control"] = "no-store"
    return answer
