"""Previews add up, and small numbers are hidden from authors."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.ledger import grant
from campaigns.audience.kept.counting import Row, Span, count_contacts, count_resolved
from campaigns.audience.kept.people_questions import ask_people
from campaigns.audience.models import AddressState, Channel
from campaigns.audience.queries import (
    Contacts,
    Preview,
    addresses_of,
    contacts_from,
    find_unknown,
    last_consents,
    preview_from,
    select_contacts,
    select_offered_regions,
)
from campaigns.audience.rules import AudienceRule, LeftOut, Resolution, RoutePart, SenderChoice
from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Organisation
from tests.audience.people import RESOLUTION, person
from tests.factories import NOON, a_place, a_region, a_route, an_address, an_organisation


def counted(session: Session, ours: Organisation) -> Contacts:
    return contacts_from(count_contacts(session, {}, Span(ours.id, NOON)))


def previewed(session: Session, ours: Organisation, resolution: Resolution) -> Preview:
    def rows(resolution: Resolution) -> list[Row]:
        asked = ask_people(AudienceRule(), resolution)
        return list(count_resolved(session, asked.values, Span(ours.id, NOON)))

    senders = resolution.senders
    alone = {each.channel: rows(replace(resolution, senders=(each,))) for each in senders}
    return preview_from(rows(resolution), alone)


def test_preview_adds_up(session: Session, vault: Vault) -> None:
    ours, region = an_organisation(session), a_region(session)
    for _ in range(3):
        person(session, ours, vault, region_id=region.id)
    person(session, ours, vault, language="en")
    person(session, ours, vault, language="ru")
    person(session, ours, vault, state=AddressState.OPTED_OUT)
    found = previewed(session, ours, RESOLUTION)
    assert (found.total, found.reached) == (6, 4)
    assert found.by_language == {"uk": 3, "en": 1}
    assert found.by_region == {region.id: 3, 0: 1}
    assert found.by_reason == {LeftOut.NO_TRANSLATION: 1, LeftOut.OPTED_OUT: 1}


def test_lists_hold_no_handle(session: Session, vault: Vault) -> None:
    ours = an_organisation(session)
    person(session, ours, vault)
    [(contact, _)] = session.execute(select_contacts(ours.id, state="active", language="uk")).all()
    [[row]] = addresses_of(session, [contact.id]).values()
    assert not {"ciphertext", "lookup", "number"} & set(row._fields)
    assert session.execute(select_contacts(ours.id, state="opted_out")).all() == []
    assert counted(session, ours).by_state == {"active": 1}


def test_preview_counts_each_channel(session: Session, vault: Vault) -> None:
    ours = an_organisation(session)
    first = person(session, ours, vault)
    person(session, ours, vault, state=AddressState.INVALID)
    an_address(session, first, vault, number="chat", channel=Channel.TELEGRAM)
    assert counted(session, ours).channels == [Channel.SMS, Channel.TELEGRAM]
    everywhere = replace(RESOLUTION, senders=tuple(SenderChoice(0, channel) for channel in Channel))
    found = previewed(session, ours, everywhere)
    assert found.by_channel == {Channel.SMS: 1, Channel.WHATSAPP: 0, Channel.TELEGRAM: 1}
    assert (found.total, found.by_reason) == (2, {LeftOut.INVALID_ADDRESS: 1})


def test_contacts_are_counted_by_region(session: Session, vault: Vault) -> None:
    ours, region = an_organisation(session), a_region(session)
    for known in (region.id, region.id, None):
        person(session, ours, vault, region_id=known)
    person(session, an_organisation(session), vault)
    assert counted(session, ours).by_region == {region.id: 2, 0: 1}


def test_last_line_of_each_ledger_is_found(session: Session, vault: Vault) -> None:
    [address] = person(session, an_organisation(session), vault).addresses
    for day in (1, 2):
        grant(session, address, Declaration("form", "v1", NOON.replace(day=day)))
    assert last_consents(session, [address.contact_id])[address.contact_id].given_at == NOON.replace(day=2)


def test_contact_without_address_is_listed(session: Session, vault: Vault) -> None:
    ours = an_organisation(session)
    alone = person(session, ours, vault, state=None)
    assert [row.Contact.id for row in session.execute(select_contacts(ours.id))] == [alone.id]


def test_unknown_names_of_a_rule_are_told(session: Session) -> None:
    ours, other = an_organisation(session), an_organisation(session)
    foreign, route, region = a_place(session, other), a_route(session, ours), a_region(session)
    rule = AudienceRule(
        place_ids=(a_place(session, ours).id, foreign.id),
        route_parts=(RoutePart(route.id, "at", 1), RoutePart(route.id, "past", 2), RoutePart(9999, "all")),
        region_codes=(region.code, "XX-1"),
        countries=("PL", "XX"),
        languages=("uk", "tlh"),
    )
    assert [str(unknown) for unknown in find_unknown(session, ours.id, rule)] == [
        f"There is no place {foreign.id} any more.",
        f"The route {route.id} has no waypoint 3 any more.",
        "There is no route 9999 any more.",
        "There is no region XX-1.",
        "There is no country XX.",
        "There is no language tlh.",
    ]


def test_regions_are_offered_for_places_and_for_many_contacts(session: Session, vault: Vault) -> None:
    ours = an_organisation(session)
    many, placed = a_region(session), a_region(session, code="RO-SV", country="RO")
    few, other = a_region(session, code="UA-46", country="UA"), a_region(session, code="MD-CU", country="MD")
    for region, people in ((many, 20), (few, 19)):
        for _ in range(people):
            person(session, ours, vault, region_id=region.id)
    a_place(session, ours, region_id=placed.id)
    contacts = counted(session, ours)
    assert set(session.scalars(select_offered_regions(ours.id, contacts))) == {many, placed}
    # What a rule names already can be kept, and tells nothing: any region may be named.
    offered = session.scalars(select_offered_regions(ours.id, contacts, codes=["UA-46"], countries=["MD"]))
    assert set(offered) == {many, placed, few, other}
