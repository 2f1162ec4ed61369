"""The form of a service can be sent as it was opened, whatever is stored."""

from __future__ import annotations

import pytest
from flask_babel import force_locale

from campaigns.directory.forms import ServiceForm
from campaigns.directory.models import Service
from campaigns.places.geography.atlas import load_atlas
from campaigns.places.service import load_regions
from campaigns.staff.models import Role
from tests.factories import a_service
from tests.web.pages import Pages, pages

__all__ = ["pages"]


@pytest.mark.parametrize("country", ["PL", "UA", "SI"])
def test_service_of_every_region_of_its_country_can_be_corrected(pages: Pages, country: str) -> None:
    codes = sorted(region.code for region in load_atlas().facts if region.code.startswith(f"{country}-"))
    with pages.sessions.begin() as session:
        load_regions(session)
        service = a_service(session, pages.ours, country=country, region_codes=codes, verified_on=None)
    for language in ("en", "uk", "ar"):
        with pages.app.test_request_context(), force_locale(language):
            form = ServiceForm.of(service)
            sent = {field.name: field.data for field in form if field.data and field.name != "csrf_token"}
        answer = pages.client(pages.member(Role.AUTHOR, locale=language)).post(
            f"/directory/{service.id}/edit", data=sent | {"number_national": "800 100 200"}
        )
        assert answer.status_code == 302
        with pages.sessions() as session:
            assert session.get_one(Service, service.id).region_codes == codes


@pytest.mark.parametrize(("source", "next_step"), [("", "It needs a source"), ("gov.pl", "has to verify it")])
def test_next_step_of_a_new_service_is_one_that_can_be_taken(pages: Pages, source: str, next_step: str) -> None:
    """Nobody can verify a number that no source states: whoever added it was sent to look for a colleague."""
    line = {"name": "Line", "kind": "trafficking", "country": "PL", "number_national": "800 100 100"}
    rest = {"works_from_foreign_sim": "unknown", "time_zone": "Europe/Warsaw", "operator_type": "unknown"}
    stated = {"source": source, "is_sourced": "y"}
    author = pages.client(pages.member(Role.AUTHOR))
    page = author.post("/directory/new", data=line | rest | stated, follow_redirects=True).text
    assert "The service is added." in page
    assert next_step in page
