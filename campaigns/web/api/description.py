"""One page without a script describes the API for people, and OpenAPI 3.1 as JSON for programs."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Blueprint, Flask, Response, current_app, render_template

from campaigns.web.api.json_answers import tagged
from campaigns.web.api.openapi import ROOT, document

pages = Blueprint("api_description", __name__)


@pages.get(f"{ROOT}/openapi.json")
def openapi() -> Response:
    """Give the description as programs read it."""
    text = json.dumps(described(current_app), ensure_ascii=False, indent=1, sort_keys=True)
    answer = Response(text, content_type="application/json")
    return tagged(answer, hashlib.sha256(text.encode()).hexdigest())


@pages.get("/api")
def page() -> str:
    """Show the description to people."""
    content = described(current_app)
    return render_template("api/description.html", document=content, schemas=content["components"]["schemas"])


def described(app: Flask) -> dict[str, Any]:
    """Return the description, which is the same as long as the application runs."""
    found: dict[str, Any] | None = app.extensions.get("openapi")
    if found is None:
        found = app.extensions["openapi"] = document(app)
    return found
