"""Previews add up, and small numbers are hidden from authors."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.models import AddressState
from campaigns.audience.queries import count_by_state, preview, rounded, select_contacts, select_known_regions
from campaigns.audience.rules import AudienceRule, LeftOut
from campaigns.core.crypto import Vault
from tests.audience.people import RESOLUTION, person
from tests.factories import a_place, a_region, an_organisation


def test_preview_adds_up(session: Session, vault: Vault) -> None:
    ours, region = an_organisation(session), a_region(session)
    for _ in range(3):
        person(session, ours, vault, region_id=region.id)
    person(session, ours, vault, language="en")
    person(session, ours, vault, language="ru")
    person(session, ours, vault, state=AddressState.OPTED_OUT)
    found = preview(session, AudienceRule(), ours.id, RESOLUTION)
    assert (found.total, found.reached) == (6, 4)
    assert found.by_language == {"uk": 3, "en": 1}
    assert found.by_region == {region.id: 3, 0: 1}
    assert found.by_reason == {LeftOut.NO_TRANSLATION: 1, LeftOut.OPTED_OUT: 1}


@pytest.mark.parametrize(
    ("count", "seen"), [(0, 0), (1, None), (19, None), (20, 20), (24, 20), (25, 30), (1004, 1000)]
)
def test_small_counts_are_hidden(count: int, seen: int | None) -> None:
    assert rounded(count) == seen


def test_lists_hold_no_handle(session: Session, vault: Vault) -> None:
    ours = an_organisation(session)
    person(session, ours, vault)
    [row] = session.execute(select_contacts(ours.id, state="active", language="uk")).all()
    assert not {"ciphertext", "lookup"} & set(row._fields)
    assert session.execute(select_contacts(ours.id, state="opted_out")).all() == []
    assert count_by_state(session, ours.id) == {"active": 1}


def test_known_regions_are_of_contacts_and_places(session: Session, vault: Vault) -> None:
    ours = an_organisation(session)
    one, two = a_region(session), a_region(session, code="RO-SV", country="RO")
    a_region(session, code="UA-46", country="UA")
    person(session, ours, vault, region_id=one.id)
    a_place(session, ours, region_id=two.id)
    assert set(session.scalars(select_known_regions(ours.id))) == {one, two}
