"""The counted address of a campaign: it leads on, and adds one to its region's openings of the day."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, request
from flask.blueprints import BlueprintSetupState
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_
from campaigns.reach.outcomes.service import open_address
from campaigns.web.session import database
from campaigns.web.throttle import Throttle, network_key

pages = Blueprint("go", __name__, url_prefix="/go")

#: Openings of one network that count within the throttle's window; further ones only lead on.
PER_NETWORK = 600
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
    # A page that is asked for by GET only reads; the count is a transaction of its own.
    with make_sessions(database.engine).begin() as writing:
        region = region_code[:10] if region_code else None
        target = open_address(writing, code[:10], region, counts=_counts())
    if target is None:
        raise NotFoundError(N_("This address leads nowhere."))
    return redirect(target)


def _counts() -> bool:
    """Say whether this request may be somebody who opens the link, and not one of very many of a network."""
    agent = request.user_agent.string.casefold()
    if request.method != "GET" or any(program in agent for program in PROGRAMS):
        return False
    throttle: Throttle = current_app.extensions["openings_throttle"]
    keys, now = {network_key(request.remote_addr): PER_NETWORK}, clock.now()
    if throttle.is_closed(keys, now):
        return False
    throttle.add(keys, now)
    return True
