"""The address of a page may name only an id that a row can have."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from campaigns.core.database import HIGHEST_ID


class IdConverter(IntegerConverter):
    """An integer that an id can be: a larger one names no page, instead of failing in the database."""

    def __init__(self, url_map: Map, **options: Any) -> None:
        """Bound the integer, unless the route does."""
        super().__init__(url_map, **{"max": HIGHEST_ID} | options)


def init_routing(app: Flask) -> None:
    """Let `int` in routes mean an id."""
    app.url_map.converters["int"] = IdConverter
