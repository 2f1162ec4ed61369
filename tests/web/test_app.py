"""The shell as a whole: sign-in guards, languages, and what every answer carries."""

from __future__ import annotations

from tests.web.pages import Pages


def test_anonymous_people_sign_in_first(pages: Pages) -> None:
    answer = pages.client().get("/settings?tab=1")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/settings?tab%3D1"
