"""A part of many pages says when its figures were counted, and how far a new count is."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.figures import Freshness
from campaigns.audience.kept.keeping import ask_again, find_progress
from campaigns.core import clock
from campaigns.staff.auth import current_organisation, requires
from campaigns.web.guards.hosts import local_path
from campaigns.web.session import session

pages = Blueprint("counts", __name__, url_prefix="/counts")

#: Figures that one page shows.
MOST = 20


@pages.get("")
@requires()
def show() -> str | Response:
    """Say how far the counts of a page are; a page that had none is loaded anew when they are there."""
    digests = request.args.getlist("of")[:MOST]
    counted = find_progress(session(), current_organisation().id, digests)
    standing, is_empty = Freshness.of(counted), request.args.get("empty") == "1"
    if is_empty and standing.asked_at is None:
        return Response(status=204, headers={"HX-Refresh": "true"})
    return render_template("audience/counted.html", standing=standing, is_empty=is_empty, has_news=True)


@pages.post("")
@requires()
def renew() -> Redirect:
    """Let a worker count the figures of a page anew."""
    ask_again(session(), current_organisation().id, request.form.getlist("of")[:MOST], now=clock.now())
    return redirect(local_path(request.form.get("back", url_for("now.index"))))
