"""The page of phones shows what each person received, and lets one answer as them; it works without script."""

import base64
import hmac
import secrets
from collections.abc import Mapping
from importlib.resources import files
from random import SystemRandom
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web
from jinja2 import DictLoader, Environment, StrictUndefined

from campaigns.sandbox.phones.acts import PLACES, read_act
from campaigns.sandbox.phones.acts_by_provider import People
from campaigns.sandbox.phones.view import (
    Phone,
    addresses_of,
    channel_name,
    count_people,
    find_people,
    latest_people,
    new_person,
    person_of,
    possible_addresses,
    see_phone,
)
from campaigns.sandbox.telegram.bot_objects import PREFIX
from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.state import World

_PHONES = 24
_MOST_PHONES = 240
_BUBBLES = 4
_BUBBLES_ALONE = 200
_FOLLOW_S = 5
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Holds the key in the browser.
_COOKIE = "phones"
_PAGES = ("phones.html", "phones_phone.html", "phones.css")


class PhonesSurface:
    """The handlers of `/` and `/phones/…`."""

    def __init__(self, world: World, people: People) -> None:
        self._world = world
        self._people = people
        pages = DictLoader({name: _data(name) for name in _PAGES})
        environment = Environment(
            loader=pages, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["channel"] = channel_name
        self._page = environment.get_template("phones.html")

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the page."""
        return [web.get("/", self.show), web.post("/phones/{person}/answer", self.answer)]

    async def show(self, request: web.Request) -> web.Response:
        """Show the latest conversations, those that `?to=` finds or, if it is only one, that one as a whole.

        `?show=` asks for more phones, `?follow=1` for a page that loads itself again.
        """
        self._demand_own_host(request)
        self._demand_key(request)
        wanted, most = request.query.get("to", "").strip(), _whole(request.query.get("show", ""), _PHONES)
        people = find_people(self._world, wanted, most) if wanted else latest_people(self._world, most)
        if wanted and not people and new_person(wanted):
            people = [new_person(wanted)]
        is_following = request.query.get("follow") == "1"
        response = self._render(wanted, people, shown=most, is_following=is_following)
        if is_following:
            response.headers["Refresh"] = str(_FOLLOW_S)
        return response

    async def answer(self, request: web.Request) -> web.Response:
        """Act as that person: the fields of `phones_acts`, and `via`, the address that is used."""
        self._demand_own_host(request)
        _demand_same_origin(request)
        self._demand_key(request)
        person = person_of(request.match_info["person"])
        fields = _fields_of(await request.post())
        try:
            act = read_act(self._world, fields)
            if act:
                await self._act(person, fields.get("via", ""), act)
        except SandboxError as error:
            return self._render(person, [person], shown=_PHONES, error=str(error))
        raise web.HTTPSeeOther(f"/?to={quote(person)}#latest")

    async def _act(self, person: str, via: str, act: dict[str, Any]) -> None:
        address = via if via in possible_addresses(person) else addresses_of(self._world, person)[0]
        await self._people.act({"provider": self._people.provider_of(address), "from": address, **act})

    def _render(
        self, wanted: str, people: list[str], *, shown: int, is_following: bool = False, error: str = ""
    ) -> web.Response:
        is_alone = bool(wanted) and len(people) == 1
        nonce = secrets.token_urlsafe(16)
        html = self._page.render(
            phones=[self._phone(person, _BUBBLES_ALONE if is_alone else _BUBBLES) for person in people],
            is_alone=is_alone,
            wanted=people[0].removeprefix(PREFIX) if is_alone else wanted,
            people=count_people(self._world),
            total=len(self._world.log),
            fixture=self._world.fixture,
            has_webhook=bool(self._world.telegram.webhook.url),
            newcomer=f"{PREFIX}{SystemRandom().randrange(10**8, 10**9)}",
            places=PLACES,
            more=min(shown * 2, _MOST_PHONES),
            follow_s=_FOLLOW_S if is_following else 0,
            error=error,
            nonce=nonce,
        )
        return _page(html, nonce, 409 if error else 200)

    def _phone(self, person: str, most: int) -> tuple[Phone, str]:
        """Return a phone and the provider that it answers over."""
        phone = see_phone(self._world, person, most)
        return phone, self._people.provider_of(phone.addresses[0])

    def _demand_own_host(self, request: web.Request) -> None:
        """Refuse a foreign name that resolves to loopback: that page would act as our own origin."""
        host = urlsplit(f"//{request.host}").hostname
        if self._world.config.host in _LOOPBACK and host not in _LOOPBACK:
            raise web.HTTPForbidden(text="The sandbox answers only to its loopback address.")

    def _demand_key(self, request: web.Request) -> None:
        """Refuse who has not brought the key; who brings it in the address is let in without it from then on."""
        key = self._world.config.phones_key
        given = request.query.get("key", "")
        if not key:
            return
        if hmac.compare_digest(given.encode(), key.encode()):
            opened = web.HTTPSeeOther("/")
            # Not strict: the link that carries the key stands on another page.
            opened.set_cookie(_COOKIE, key, httponly=True, samesite="Lax")
            raise opened
        if not hmac.compare_digest(request.cookies.get(_COOKIE, "").encode(), key.encode()):
            raise web.HTTPForbidden(text="Open the phones by the link on a campaign's page, which has the key.")


def _fields_of(form: Mapping[str, object]) -> dict[str, str]:
    """Return a form as text; a file is spelled in base64 beside its type and name."""
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    file = form.get("file")
    if isinstance(file, web.FileField):
        fields |= {"file_name": file.filename, "file_type": file.content_type}
        fields["file_content"] = base64.b64encode(file.file.read()).decode()
    return fields


def _page(html: str, nonce: str, status: int) -> web.Response:
    """Answer with a page that runs nothing, asks nobody and stands in no frame."""
    response = web.Response(text=html, status=status, content_type="text/html")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _demand_same_origin(request: web.Request) -> None:
    """Refuse a form that another site's page sends."""
    origin = request.headers.get("Origin")
    if origin is None:
        is_own = request.headers.get("Sec-Fetch-Site") == "same-origin"
    else:
        is_own = urlsplit(origin).netloc == request.host
    if not is_own:
        raise web.HTTPForbidden(text="This form works only from the sandbox's own page.")


def _whole(text: str, default: int) -> int:
    return min(max(int(text), 1), _MOST_PHONES) if text.isascii() and text.isdigit() else default


def _data(name: str) -> str:
    return files(__package__).joinpath(f"data/{name}").read_text(encoding="utf-8")
