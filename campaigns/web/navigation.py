"""The navigation shows the steps in the order of the sentence that is the architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from flask import Flask, request
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from werkzeug.routing import Rule

STEPS: tuple[tuple[str, LazyString], ...] = (
    ("/", _l("Now")),
    ("/places", _l("Places")),
    ("/audience", _l("Audience")),
    ("/directory", _l("Directory")),
    ("/messages", _l("Messages")),
    ("/campaigns", _l("Campaigns")),
    ("/delivery", _l("Delivery")),
    ("/inbox", _l("Inbox")),
    ("/reach", _l("Reach")),
    ("/settings", _l("Settings")),
)


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the navigation."""

    url: str
    label: LazyString
    is_current: bool


def init_navigation(app: Flask, *, may_open: Callable[[str], bool]) -> None:
    """Tell templates which steps exist and may be opened; `may_open` takes an endpoint."""

    @cache
    def pages() -> Mapping[str, Rule]:
        # Every page asks, and there are hundreds of rules, none of them new once the first request came.
        return {rule.rule.rstrip("/"): rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}

    @app.context_processor
    def navigation() -> dict[str, object]:
        return {"steps": lambda: _links(pages(), may_open)}


def _links(pages: Mapping[str, Rule], may_open: Callable[[str], bool]) -> list[Link]:
    return [
        Link(url=rule.rule, label=label, is_current=_is_current(url))
        for url, label in STEPS
        if (rule := pages.get(url.rstrip("/"))) is not None and may_open(rule.endpoint)
    ]


def _is_current(url: str) -> bool:
    return request.path == url if url == "/" else request.path == url or request.path.startswith(f"{url}/")
