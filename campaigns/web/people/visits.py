"""A request is for people on the move or for members, by the host it names, else by how its path begins."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from babel import Locale
from flask import Flask
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.wrappers import Request
from werkzeug.routing import BaseConverter

from campaigns.core.languages import all_languages
from campaigns.core.settings import Settings
from campaigns.web.guards.hosts import BY_ANY_NAME, name_in

#: Pages whose address has no language: the list of languages, and the way out.
START, EXIT = "/l", "/x"
#: How the links begin that count openings, which are in texts that people have.
COUNTED = "/go/"
#: Answered under both names.
_BOTH = (*BY_ANY_NAME, COUNTED)
#: What an address may name as a language: whatever Unicode has two letters for, and ours of three.
LANGUAGES = frozenset({code for code in map(str, Locale("en").languages) if len(code) == 2} | set(all_languages()))


class LanguageConverter(BaseConverter):
    """Part of an address that names a language, with or without texts in it."""

    regex = "(?:" + "|".join(sorted(LANGUAGES)) + ")"


class CountryConverter(BaseConverter):
    """Part of an address that names a country in small letters."""

    regex = "[a-z]{2}"

    def to_python(self, value: str) -> str:
        """Return the alpha-2 code."""
        return value.upper()

    def to_url(self, value: Any) -> str:
        """Return the small letters of a code."""
        return str(value).lower()


class AreaConverter(CountryConverter):
    """Part of an address that names a region by its ISO 3166-2 code in small letters."""

    regex = "[a-z]{2}-[a-z0-9]{1,4}"


class Visits:
    """Tells apart whom requests to an instance are for."""

    def __init__(self, settings: Settings) -> None:
        staff, people = (name_in(urlsplit(each).netloc) for each in (settings.public_url, settings.people_address))
        #: Host of the pages for people, where they have one of their own.
        self._own_host = people if people != staff else None

    def is_for_people(self, request: Request) -> bool:
        """Say whether whoever asks is shown nothing of members' pages, errors included."""
        if request.path.startswith(COUNTED):
            # A link that leads nowhere any more tells nobody whose system it is, under either name.
            return True
        if self._own_host is None:
            return _is_public_path(request.path)
        return name_in(request.host) == self._own_host

    def is_start(self, request: Request) -> bool:
        """Say whether the bare host of the pages for people is asked for."""
        return request.path == "/" and self.is_for_people(request)

    def is_astray(self, request: Request) -> bool:
        """Say whether a page is asked for under the name at which it is not."""
        if self._own_host is None or request.path.startswith(_BOTH):
            return False
        is_public = _is_public_path(request.path) or self.is_start(request)
        return is_public != self.is_for_people(request)


class NoSessions(SecureCookieSessionInterface):
    """Reads and sets the cookie of a session for members only."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits

    def open_session(self, app: Flask, request: Request) -> Any:
        """Return the session of a member; for people one that is empty and stays so."""
        if self._visits.is_for_people(request):
            return self.make_null_session(app)
        found: SessionMixin | None = super().open_session(app, request)
        return found


def _is_public_path(path: str) -> bool:
    first = path[1:].partition("/")[0]
    return first in LANGUAGES or f"/{first}" in (START, EXIT)
