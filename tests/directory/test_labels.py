"""Names of the directory's vocabularies stand where their reader looks for them."""

from __future__ import annotations

from flask import Flask
from flask_babel import Babel, force_locale
from sqlalchemy.orm import Session

from campaigns.directory.labels import countries_by_name
from campaigns.directory.proposal_labels import show_service
from campaigns.proposals.models import Proposal
from tests.factories import a_service, an_organisation


def test_countries_are_listed_by_the_alphabet_of_the_reader() -> None:
    app = Flask("bare")
    Babel(app)
    with app.test_request_context(), force_locale("uk"):
        codes = [code for code, _name in countries_by_name() if code in ("AT", "EG", "EU", "IE", "YE", "ZM")]
    assert codes == ["AT", "EU", "EG", "YE", "ZM", "IE"]


def test_change_of_a_service_names_countries_and_regions(session: Session) -> None:
    service = a_service(session, an_organisation(session), country="PL")
    before, after = {"country": "PL", "region_codes": []}, {"country": "UA", "region_codes": ["UA-32"]}
    app = Flask("bare")
    Babel(app)
    with app.test_request_context(), force_locale("en"):
        shown = show_service(session, Proposal(subject_id=service.id, before=before, after=after))
    assert [(line.before, line.after) for line in shown.lines] == [
        ("Poland", "Ukraine"),
        ("", ("Kyiv Oblast (UA-32)",)),
    ]
