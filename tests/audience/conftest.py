"""Organisations with more than a form lists by itself."""

from __future__ import annotations

import pytest

from campaigns.places.models import Place
from campaigns.web.forms import MOST_LISTED
from tests.factories import a_place
from tests.web.pages import Pages


@pytest.fixture
def many_places(pages: Pages) -> list[Place]:
    with pages.sessions.begin() as session:
        return [a_place(session, pages.ours, name=f"Crossing {number}") for number in range(MOST_LISTED + 10)]
