"""The counted address of a campaign: it leads on, and adds one to its region's openings of the day."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, request
from flask.blueprints import BlueprintSetupState
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_
from campaigns.messages.themes import THEME_NUMBERS
from campaigns.reach.outcomes.queries import MOST_PER_NETWORK, find_link, find_safety_page
from campaigns.reach.outcomes.service import count_opening
from campaigns.web.current import settings
from campaigns.web.guards.throttle import Throttle, network_key
from campaigns.web.people.layout import is_country, offered_languages
from campaigns.web.people.public_words import SOURCE
from campaigns.web.session import session, writing_apart

pages = Blueprint("go", __name__, url_prefix="/go")

#: What programs call themselves that open a link to preview or index it, in small letters.
PROGRAMS = (
    *("telegrambot", "whatsapp/", "facebookexternalhit", "facebot", "twitterbot", "skypeuripreview", "slackbot"),
    *("discordbot", "linkedinbot", "googlebot", "google-pagerenderer", "bingbot", "yandexbot", "applebot"),
)


@pages.record_once
def _watch(state: BlueprintSetupState) -> None:
    state.app.extensions["openings_throttle"] = Throttle()


@pages.get("/<code>")
@pages.get("/<code>/<region_code>")
def lead_on(code: str, region_code: str | None = None) -> Response:
    """Lead to the campaign's page. Nothing is stored of who asks: no cookie, no address, no token."""
    found = _find_target(code[:10], region_code)
    if found is None:
        raise NotFoundError(N_("This address leads nowhere."))
    campaign_id, target = found
    if _counts():
        # A page that is asked for by GET only reads; the count is a transaction of its own.
        with writing_apart() as writing:
            count_opening(writing, campaign_id, region_code[:10] if region_code else None)
    return redirect(target)


def _find_target(code: str, region_code: str | None) -> tuple[int, str] | None:
    """Return the campaign of a code and where its address leads, which by default is a page of our own."""
    link = find_link(session(), code)
    if link is not None:
        return link.campaign_id, link.target
    page = find_safety_page(session(), code)
    return (page.campaign_id, _safety_page(page.theme, region_code)) if page else None


def _safety_page(theme: str, region_code: str | None) -> str:
    """Return the page of a theme in the country of a region, in a language that the browser asks for."""
    country = (region_code or "").partition("-")[0].upper()
    country = country if is_country(country) else ""
    language = request.accept_languages.best_match(offered_languages(country)) or SOURCE
    number = next((number for number, known in THEME_NUMBERS.items() if known == theme), None)
    beyond = f"/{country.lower()}/{number}" if country and number else f"/{country.lower()}" if country else ""
    return f"{settings().people_address}/{language}{beyond}"


def _counts() -> bool:
    """Say whether this request may be somebody who opens the link, and not one of very many of a network."""
    agent = request.user_agent.string.casefold()
    if request.method != "GET" or any(program in agent for program in PROGRAMS):
        return False
    throttle: Throttle = current_app.extensions["openings_throttle"]
    keys, now = {network_key(request.remote_addr): MOST_PER_NETWORK}, clock.now()
    if throttle.is_closed(keys, now):
        return False
    throttle.add(keys, now)
    return True
