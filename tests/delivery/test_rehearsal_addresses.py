"""Stand-ins look like addresses, ask for no fault, and are nobody's: they come from ids alone."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.rehearsal_addresses import FIRST_CHAT, find_stand_in, stand_in

#: Countries whose people move along the demo's routes.
COUNTRIES = ("UA", "PL", "RO", "MD", "HU", "SK", "DE", "CZ", "LT", "GE", "SY", "ET", "LY", "EG", "TR", "GR", "GB")
VAULT = Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)
ids = st.integers(1, 10**9)
phones = st.sampled_from((Channel.SMS, Channel.WHATSAPP))


@given(ids, phones, st.sampled_from(COUNTRIES))
def test_stand_in_is_a_valid_number_of_its_country(delivery_id: int, channel: Channel, country: str) -> None:
    number = phonenumbers.parse(stand_in(delivery_id, channel, country))
    assert phonenumbers.is_valid_number(number)
    assert number.country_code == phonenumbers.country_code_for_region(country)


@given(ids, st.sampled_from(tuple(Channel)), st.sampled_from((*COUNTRIES, None, "XX")))
def test_stand_in_asks_for_no_fault(delivery_id: int, channel: Channel, country: str | None) -> None:
    assert stand_in(delivery_id, channel, country)[-7:-5] != "00"


@given(ids, st.sampled_from(tuple(Channel)), st.sampled_from((*COUNTRIES, None)))
def test_stand_in_is_stable_and_can_be_another(delivery_id: int, channel: Channel, country: str | None) -> None:
    first = stand_in(delivery_id, channel, country)
    assert stand_in(delivery_id, channel, country) == first
    assert stand_in(delivery_id, channel, country, nth=1) != first


@pytest.mark.parametrize("country", COUNTRIES)
def test_neighbours_have_numbers_of_their_own(country: str) -> None:
    handles = {stand_in(delivery_id, Channel.SMS, country) for delivery_id in range(1, 201)}
    assert len(handles) == 200


@given(ids)
def test_chat_fits_its_bits(delivery_id: int) -> None:
    assert FIRST_CHAT < int(stand_in(delivery_id, Channel.TELEGRAM, None)) < 2**52


@given(ids, st.sampled_from(tuple(Channel)), st.sampled_from((*COUNTRIES, None)))
def test_nobody_is_their_own_stand_in(delivery_id: int, channel: Channel, country: str | None) -> None:
    real = stand_in(delivery_id, channel, country)
    own = VAULT.lookup_hash(channel, real)
    assert find_stand_in(VAULT, delivery_id, channel, country, own) != real
