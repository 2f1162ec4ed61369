"""A number answers what a machine of ours asked last, until something else has answered it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Happening
from campaigns.inbox.models import ReplyKind
from campaigns.planning.policy import USUAL, Policy
from tests.factories import a_place, a_region
from tests.inbox.automatic.person import Person, a_person

pytestmark = pytest.mark.one_database

PIN: dict[str, Any] = {"text": "", "location": (49.78, 22.77), "happening": Happening.SHARED_LOCATION}
CODE: dict[str, Any] = {"text": "MEDYKA"}


@pytest.fixture
def person(session: Session, vault: Vault) -> Person:
    return a_person(session, vault)


def later(person: Person, minutes: int, **message: Any) -> ReplyKind:
    """Let them write so many minutes from now; return what it was taken for."""
    at = clock.now() + timedelta(minutes=minutes)
    with clock.running_on(lambda: at):
        return person.writes(**message).kind


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("told", "policy"),
    [({"text": "MOVED Kraków"}, USUAL), *((told, policy) for told in (PIN, CODE) for policy in (USUAL, None))],
)
def test_place_that_is_told_otherwise_ends_the_question_which(
    person: Person, told: dict[str, Any], policy: Policy | None
) -> None:
    region = a_region(person.session)
    gate = a_place(person.session, person.organisation, region_id=region.id)
    create_entry_point(
        person.session, person.organisation.id, name="Gate", code="Medyka", place_id=gate.id, by=None
    )
    person.writes("MOVED Novi")
    person.contact.language = "en"
    later(person, 1, **told, policy=policy)
    there = person.contact.cell
    assert there is not None
    assert later(person, 2, text="2") == ReplyKind.TEXT
    assert person.contact.cell == there
    assert person.waits


def test_shared_place_leaves_the_question_which_language(person: Person) -> None:
    create_entry_point(person.session, person.organisation.id, name="Gate", code="Medyka", by=None)
    person.writes("medyka")
    later(person, 1, **PIN)
    assert later(person, 2, text="2") == ReplyKind.CHOICE
    assert person.contact.language == "uk"
