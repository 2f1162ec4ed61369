"""The page of phones: what each person received, and a way to answer as that person."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from itertools import islice
from urllib.parse import quote, urlsplit

from aiohttp import web
from jinja2 import DictLoader, Environment, StrictUndefined

from campaigns.sandbox.errors import SandboxError
from campaigns.sandbox.people import People
from campaigns.sandbox.state import Message, World

_PHONES = 24
_BUBBLES = 6
_BUBBLES_ALONE = 200
#: How far back the front page looks for conversations.
_LOOK_BACK = 5_000

#: What the person at the phone would see of each status.
_LABELS = {
    "accepted": "on its way",
    "queued": "on its way",
    "scheduled": "scheduled",
    "sent": "sent, no receipt yet",
    "delivered": "delivered",
    "undelivered": "not delivered",
    "failed": "not sent",
    "canceled": "canceled",
    "received": "",
}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Phone:
    """One person's screen, oldest message first."""

    person: str
    messages: list[Message]
    earlier: int


class PhonesSurface:
    """The handlers of `/` and `/phones/…`."""

    def __init__(self, world: World, people: People) -> None:
        self._world = world
        self._people = people
        pages = DictLoader({name: _data(name) for name in ("phones.html", "phones.css")})
        environment = Environment(
            loader=pages, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["moment"] = _moment
        environment.filters["clock"] = _clock
        self._page = environment.get_template("phones.html")

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the page."""
        return [web.get("/", self.show), web.post("/phones/{person}/answer", self.answer)]

    async def show(self, request: web.Request) -> web.Response:
        """Show the latest conversations, or one person's whole one (`?to=+380…`)."""
        self._demand_own_host(request)
        person = _person(request.query.get("to", ""))
        phones = [self._phone(person, _BUBBLES_ALONE)] if person else list(self._latest())
        nonce = secrets.token_urlsafe(16)
        html = self._page.render(
            phones=phones,
            person=person,
            people=len(self._world.by_person),
            total=len(self._world.log),
            inbound_url=self._world.fixture.inbound_url,
            nonce=nonce,
            labels=_LABELS,
        )
        response = web.Response(text=html, content_type="text/html")
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    async def answer(self, request: web.Request) -> web.Response:
        """Write as that person: `text`, or the button `say=STOP`, which the oracle takes as an opt-out."""
        self._demand_own_host(request)
        _demand_same_origin(request)
        person = request.match_info["person"]
        form = await request.post()
        stop = form.get("say") == "STOP"
        text = "STOP" if stop else str(form.get("text", "")).strip()
        if text:
            try:
                await self._people.act({"from": person, "text": text, "opt_out": stop})
            except SandboxError as error:
                raise web.HTTPConflict(text=str(error)) from error
        raise web.HTTPSeeOther(f"/?to={quote(person)}")

    def _latest(self) -> Iterator[Phone]:
        """Yield the phones that were written to or from last."""
        recent = dict.fromkeys(message.person for message in islice(reversed(self._world.log), _LOOK_BACK))
        for person in islice(recent, _PHONES):
            yield self._phone(person, _BUBBLES)

    def _phone(self, person: str, most: int) -> Phone:
        messages = self._world.by_person.get(person, [])
        return Phone(person, messages[-most:], earlier=max(len(messages) - most, 0))

    def _demand_own_host(self, request: web.Request) -> None:
        """Refuse a foreign name that resolves to loopback: that page would act as our own origin."""
        host = urlsplit(f"//{request.host}").hostname
        if self._world.config.host in _LOOPBACK and host not in _LOOPBACK:
            raise web.HTTPForbidden(text="The sandbox answers only to its loopback address.")


def _demand_same_origin(request: web.Request) -> None:
    """Refuse a form that another site's page sends."""
    origin = request.headers.get("Origin")
    if origin is None:
        is_own = request.headers.get("Sec-Fetch-Site") == "same-origin"
    else:
        is_own = urlsplit(origin).netloc == request.host
    if not is_own:
        raise web.HTTPForbidden(text="This form works only from the sandbox's own page.")


def _person(text: str) -> str:
    """Return a number as it was typed into the address: an unescaped plus arrives as a blank."""
    text = text.strip()
    return f"+{text}" if text.isdigit() else text


def _data(name: str) -> str:
    return files(__package__).joinpath(f"data/{name}").read_text(encoding="utf-8")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M}"
