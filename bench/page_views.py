"""Pages for people are asked for as by somebody whose browser has nothing yet, and weighed.

Each view is by a network of its own, as far as the proxy says that the server believes.
"""

from __future__ import annotations

import gzip
import itertools
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode

from campaigns.inbox.unnamed.flood_limits import PER_NETWORK
from campaigns.inbox.unnamed.form_stamp import SOONEST
from campaigns.web.people.public_words import public_languages
from tests.web.people.page_kinds import CODE, FULL, KINDS, PageKind, answers_of, hidden_fields

#: What a page loads or runs, beside itself.
_LOADED = re.compile(r'<(?:img|script|iframe|source|audio|video)\b|<link\b[^>]*href="(?!data:)')
_FOREIGN = re.compile(r'(?:src|href|action)="(?:https?:)?//')
#: Views of what a form answers, in each language: a limit holds for all networks together.
_TIMES_FILLED = 3


@dataclass(frozen=True, slots=True)
class View:
    """One answer, and how long it took."""

    body: bytes
    packed: int
    cookies: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Visitors:
    """People who look at the pages of a server; `new_code` begins a report, `token` is of a link to leave."""

    port: int
    new_code: Callable[[], str]
    token: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def weigh(self, name: str, times: int) -> dict[str, float]:
        """Return the figures of one kind of page, the worst over all languages."""
        kind = KINDS[name]
        if kind.filled is None:
            seen = {code: [self._look(kind, code) for _ in range(times)] for code in public_languages()}
        else:
            seen = self._send_all(kind, kind.filled)
        worst: dict[str, float] = {}
        for views in seen.values():
            for figure, value in _figures(views).items():
                worst[figure] = max(worst.get(figure, 0), value)
        return worst

    def fill_network(self) -> None:
        """Send as many reports from one network as it may."""
        kind = KINDS["code_once"]
        forms = [self._look(kind, "en", status=200) for _ in range(PER_NETWORK)]
        time.sleep(SOONEST.total_seconds() + 1)
        for number, form in enumerate(forms):
            self._look(kind, "en", hidden_fields(form.body.decode()) | {"text": f"number {number}"}, by=FULL)

    def _send_all(self, kind: PageKind, filled: Mapping[str, str]) -> dict[str, list[View]]:
        """Open the forms of all languages, wait as long as whoever reads one, and send them."""
        forms = {
            code: [self._look(kind, code, status=200) for _ in range(_TIMES_FILLED)] for code in public_languages()
        }
        time.sleep(SOONEST.total_seconds() + 1)
        by = FULL if kind.status == 429 else ""
        return {
            code: [self._look(kind, code, self._fields(form, filled), by=by) for form in opened]
            for code, opened in forms.items()
        }

    def _fields(self, form: View, filled: Mapping[str, str]) -> dict[str, str]:
        given = {name: self.new_code() if value == CODE else value for name, value in filled.items()}
        return hidden_fields(form.body.decode()) | given

    def _look(
        self,
        kind: PageKind,
        language: str,
        fields: Mapping[str, str] | None = None,
        *,
        status: int = 0,
        by: str = "",
    ) -> View:
        number = next(self._numbers)
        address = kind.at(language, lambda: self.token)
        somebody = f"100.{64 + number // 250 % 60}.{number % 250}.1"
        headers = {"Accept-Encoding": "gzip", "X-Forwarded-For": by or somebody}
        if fields is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        began = time.perf_counter()
        method, body = ("GET", None) if fields is None else ("POST", urlencode(fields))
        connection.request(method, address, body, headers)
        answer = connection.getresponse()
        view = _view(answer, began)
        connection.close()
        if answer.status not in answers_of(status or kind.status):
            raise AssertionError(f"{method} {address} answers {answer.status}")
        return view


def _view(answer: HTTPResponse, began: float) -> View:
    body = answer.read()
    took = 1000 * (time.perf_counter() - began)
    packed = len(body)
    if answer.headers["Content-Encoding"] == "gzip":
        body = gzip.decompress(body)
    return View(body, packed, len(answer.headers.get_all("Set-Cookie") or ()), took)


def _figures(views: Sequence[View]) -> dict[str, float]:
    texts = [view.body.decode() for view in views]
    took = sorted(view.milliseconds for view in views)
    return {
        "bytes": max(len(view.body) for view in views),
        "gzip": max(view.packed for view in views),
        "requests": max(1 + len(_LOADED.findall(text)) for text in texts),
        "scripts": max(len(re.findall(r"<script|\son\w+=|javascript:", text)) for text in texts),
        "third_parties": max(len(_FOREIGN.findall(text)) for text in texts),
        "cookies": max(view.cookies for view in views),
        "p95_ms": round(took[math.ceil(0.95 * len(took)) - 1], 1),
    }
