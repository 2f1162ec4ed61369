"""Somebody reads the pages for people without a name."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import Role
from tests.web.pages import Pages


@pytest.fixture
def people(pages: Pages) -> FlaskClient:
    """Somebody who reads the pages of `ours`, which are open."""
    with pages.sessions.begin() as session:
        by = pages.member(Role.ADMIN).id
        set_profile(
            session, pages.ours.id, Profile(is_open=True, shown_name="Anna House", contact="a@b.example"), by=by
        )
    return pages.client()
