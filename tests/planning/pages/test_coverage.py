"""Authors see how many people each missing language leaves out, and never a small number."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Role
from tests.audience.people import person
from tests.factories import a_message, an_audience
from tests.web.pages import Pages


@pytest.fixture
def author(client_for: Callable[..., FlaskClient]) -> FlaskClient:
    return client_for(Role.AUTHOR)


def test_gaps_are_told_rounded(pages: Pages, author: FlaskClient, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        message_id = a_message(session, pages.ours).id
        audience_id = an_audience(session, pages.ours).id
        for language, people in (("ar", 24), ("uk", 3)):
            for _ in range(people):
                person(session, pages.ours, vault, language=language)
    assert "Count" in author.get(f"/campaigns/languages/{message_id}").text
    page = " ".join(author.get(f"/campaigns/languages/{message_id}?audience={audience_id}").text.split())
    assert '<td data-label="Left out"><strong>20</strong></td>' in page
    assert '<td data-label="Get it">fewer than 20</td>' in page
    assert "Not written yet" in page


def test_without_an_audience_the_page_says_what_to_do(pages: Pages, author: FlaskClient) -> None:
    with pages.sessions.begin() as session:
        message_id = a_message(session, pages.ours).id
    assert "There is no audience yet." in author.get(f"/campaigns/languages/{message_id}").text
