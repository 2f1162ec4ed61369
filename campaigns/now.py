"""The first page: runs in flight, what waits for somebody, and what fires next, across all steps."""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from sqlalchemy import text

from campaigns.staff.auth import requires
from campaigns.web.session import session

pages = Blueprint("now", __name__)


@pages.get("/")
@requires()
def index() -> str:
    """Show what happens now."""
    return render_template("now.html")


@pages.get("/health")
def health() -> Response:
    """Say "ok" when the database answers; the error pages say 503 when it does not."""
    session().execute(text("SELECT 1"))
    return Response("ok", content_type="text/plain; charset=utf-8")
