"""Twilio's callbacks: only what it signed is genuine; whatever it says is read, never refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.gateways.base import Action
from campaigns.gateways.callbacks import Callback, Verdict
from campaigns.gateways.kinds import Credential
from campaigns.gateways.twilio_callbacks import TwilioCallbacks
from campaigns.sandbox.signing import sign

TOKEN = "sandbox-auth-token"
URL = "https://reach.example.org/hooks/twilio/status?m=a1b2"
READER = TwilioCallbacks([Credential("AC1", TOKEN), Credential("AC2", "other"), Credential("AC3", "dry", True)])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FORMS = st.lists(st.tuples(TEXT, TEXT), max_size=6)
Form = list[tuple[str, str]]


def called(
    form: Form, *, signed: Form | None = None, url: str = URL, token: str = TOKEN, **changes: Any
) -> Callback:
    """Return a callback with `form`, signed over `signed` (by default the same)."""
    signature = sign(token, URL, form if signed is None else signed)
    headers = {"x-twilio-signature": signature}
    values: dict[str, Any] = {"headers": headers, "body": urlencode(form).encode(), "reference": "a1b2"}
    return Callback(url=url, **values | changes)


@given(form=FORMS)
def test_signed_form_is_genuine(form: Form) -> None:
    assert READER.judge(called(form)) is Verdict.GENUINE


@given(form=FORMS, name=TEXT, value=TEXT)
def test_added_field_is_forged(form: Form, name: str, value: str) -> None:
    forged = [*form, (f"x{name}", f"{value}!")]
    if set(forged) != set(form):
        assert READER.judge(called(forged, signed=form)) is Verdict.FORGED


@pytest.mark.parametrize("signature", [None, "", "ключ", sign("strange", URL, [])])
def test_wrong_signature_is_forged(signature: str | None) -> None:
    headers = {} if signature is None else {"x-twilio-signature": signature}
    assert READER.judge(called([], headers=headers)) is Verdict.FORGED


def test_other_address_is_forged() -> None:
    assert READER.judge(called([], url=URL + "x")) is Verdict.FORGED


def test_each_account_signs_with_its_own_token() -> None:
    form = [("AccountSid", "AC2")]
    assert READER.judge(called(form, token="other")) is Verdict.GENUINE
    assert READER.judge(called(form)) is Verdict.FORGED


def test_sandbox_speaks_of_rehearsals_only() -> None:
    assert READER.judge(called([("AccountSid", "AC3")], token="dry")) is Verdict.REHEARSAL


def test_status_is_read_without_handles() -> None:
    form = [
        ("From", "+1"),
        ("To", "+2"),
        ("MessageSid", "SM1"),
        ("MessageStatus", "failed"),
        ("ErrorCode", "21610"),
    ]
    (update,) = READER.read_statuses(called(form))
    assert (update.reference, update.provider_id, update.status) == ("a1b2", "SM1", "failed")
    assert (update.error, update.action) == ("21610", Action.OPT_OUT)
    assert not {"From", "To"} & set(update.raw)


def test_unknown_status_is_kept() -> None:
    form = [("SmsSid", "SM1"), ("SmsStatus", "handed_over"), ("New", "x")]
    (update,) = READER.read_statuses(called(form))
    assert (update.provider_id, update.status, update.raw["New"]) == ("SM1", "handed_over", "x")


@pytest.mark.parametrize(
    ("sender", "channel", "handle"),
    [("+380501", "sms", "+380501"), ("whatsapp:+380501", "whatsapp", "+380501"), ("", "sms", "")],
)
def test_inbound_tells_its_channel(sender: str, channel: str, handle: str) -> None:
    form = [("From", sender), ("To", "+1"), ("Body", "СТОП"), ("MessageSid", "SM9"), ("OptOutType", "STOP")]
    (inbound,) = READER.read_inbound(called(form))
    assert (inbound.channel, inbound.from_handle, inbound.text) == (channel, handle, "СТОП")
    assert inbound.raw == {"MessageSid": "SM9", "OptOutType": "STOP"}


def test_empty_inbound_is_read() -> None:
    (inbound,) = READER.read_inbound(called([]))
    assert inbound.provider_id == ""


def test_form_keeps_repeated_and_empty_fields() -> None:
    body = f"a=1&b=&a=2&a=1&c={quote('ё')}&d=%FF".encode()
    assert Callback(URL, {}, body).form == [
        ("a", "1"),
        ("b", ""),
        ("a", "2"),
        ("a", "1"),
        ("c", "ё"),
        ("d", "\ufffd"),
    ]
