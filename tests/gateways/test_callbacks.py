"""Twilio's callbacks: only what it signed is genuine; whatever it says is read, never refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.gateways.base import Action
from campaigns.gateways.twilio import TwilioCallbacks
from campaigns.sandbox.signing import sign

TOKEN = "sandbox-auth-token"
URL = "https://reach.example.org/hooks/twilio/status?m=a1b2"
READER = TwilioCallbacks(TOKEN)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
FORMS = st.lists(st.tuples(TEXT, TEXT), max_size=6)


def signed(form: list[tuple[str, str]], url: str = URL, token: str = TOKEN) -> dict[str, str]:
    return {"X-Twilio-Signature": sign(token, url, form)}


@given(form=FORMS)
def test_signed_form_is_genuine(form: list[tuple[str, str]]) -> None:
    assert READER.is_genuine(URL, form, signed(form))


@given(form=FORMS, name=TEXT, value=TEXT)
def test_added_field_is_not_genuine(form: list[tuple[str, str]], name: str, value: str) -> None:
    forged = [*form, (f"x{name}", f"{value}!")]
    if set(forged) != set(form):
        assert not READER.is_genuine(URL, forged, signed(form))


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Twilio-Signature": ""}, {"X-Twilio-Signature": "ключ"}, signed([], token="other")],
)
def test_wrong_signature_is_not_genuine(headers: dict[str, str]) -> None:
    assert not READER.is_genuine(URL, [], headers)


def test_other_address_is_not_genuine() -> None:
    assert not READER.is_genuine(URL + "x", [], signed([]))


def test_text_that_is_no_unicode_is_not_genuine() -> None:
    assert not READER.is_genuine(URL, [("Body", "\ud800")], signed([]))


def test_header_names_have_no_case() -> None:
    headers = {name.lower(): value for name, value in signed([]).items()}
    assert READER.is_genuine(URL, [], headers)


def test_status_is_read_without_handles() -> None:
    form = [
        ("From", "+1"),
        ("To", "+2"),
        ("MessageSid", "SM1"),
        ("MessageStatus", "failed"),
        ("ErrorCode", "21610"),
    ]
    update = READER.read_status("a1b2", form)
    assert (update.reference, update.provider_id, update.status) == ("a1b2", "SM1", "failed")
    assert (update.error, update.action) == ("21610", Action.OPT_OUT)
    assert not {"From", "To"} & set(update.raw)


def test_unknown_status_is_kept() -> None:
    update = READER.read_status("", [("SmsSid", "SM1"), ("SmsStatus", "handed_over"), ("New", "x")])
    assert (update.provider_id, update.status, update.raw["New"]) == ("SM1", "handed_over", "x")


@pytest.mark.parametrize(
    ("sender", "channel", "handle"),
    [("+380501", "sms", "+380501"), ("whatsapp:+380501", "whatsapp", "+380501"), ("", "sms", "")],
)
def test_inbound_tells_its_channel(sender: str, channel: str, handle: str) -> None:
    form: list[Any] = [
        ("From", sender),
        ("To", "+1"),
        ("Body", "СТОП"),
        ("MessageSid", "SM9"),
        ("OptOutType", "STOP"),
    ]
    inbound = READER.read_inbound(form)
    assert (inbound.channel, inbound.from_handle, inbound.text) == (channel, handle, "СТОП")
    assert inbound.raw == {"MessageSid": "SM9", "OptOutType": "STOP"}


def test_empty_inbound_is_read() -> None:
    assert READER.read_inbound([]).provider_id == ""
