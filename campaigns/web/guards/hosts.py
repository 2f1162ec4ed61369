"""An instance answers to its own names and leads to its own paths only, so that nobody is led elsewhere."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.exceptions import MisdirectedRequest

from campaigns.core.settings import Settings

#: Of this machine itself.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: Neither answers with an address. Monitors ask by number; and whatever is wrong with a name, a stop arrives.
BY_ANY_NAME = ("/health", "/hooks/")
#: A path of ours: two slashes would begin a host, browsers read a backslash as a slash, and leave out controls.
_OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def init_hosts(app: Flask, settings: Settings) -> None:
    """Refuse requests of `app` that name a host which is none of ours: links and redirects are made of it."""
    known = trusted_names(settings)

    @app.before_request
    def refuse() -> None:
        # A path with two slashes is answered by a redirect to the one that is meant.
        by_any_name = request.path.startswith(BY_ANY_NAME) and "//" not in request.path
        if not by_any_name and name_in(request.host) not in known:
            raise MisdirectedRequest


def trusted_names(settings: Settings) -> frozenset[str]:
    """Return the names and numbers, without ports, under which pages are asked for."""
    ours = {name_in(urlsplit(each).netloc) for each in (settings.public_url, settings.people_address)}
    return frozenset({*LOOPBACK, *ours, *settings.trusted_hosts.casefold().split()})


def local_path(address: str) -> str:
    """Return `address` when it is a path of ours, with or without a query, else the start page."""
    return address.rstrip("?") if _OWN_PATH.fullmatch(address) else "/"


def name_in(host: str) -> str:
    """Return the name in "name:port" or "[::1]:port", in small letters; "" for what is no host."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
