"""Twilio's callbacks: only what it signed is genuine; whatever it says is read, never refused."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.gateways.base import Action
from campaigns.gateways.callbacks import Callback, Happening, MediaKind, Verdict, hook_secret
from campaigns.gateways.kinds import Credential
from campaigns.gateways.twilio.callbacks import TwilioCallbacks
from campaigns.sandbox.callbacks.signing import sign

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


BODY = '{"MessageSid":"SM1","Body":"Привіт"}'
HASHED = f"{URL}&bodySHA256={sha256(BODY.encode()).hexdigest()}"
JSON_TYPE = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("url", "body", "verdict"),
    [
        (HASHED, BODY, Verdict.GENUINE),
        (HASHED, BODY.replace("SM1", "SM2"), Verdict.FORGED),
        (URL, BODY, Verdict.FORGED),
        (f"{URL}&bodySHA256=", BODY, Verdict.FORGED),
    ],
)
def test_json_is_proved_by_the_hash_in_its_address(url: str, body: str, verdict: Verdict) -> None:
    headers = {"x-twilio-signature": sign(TOKEN, url, [])} | JSON_TYPE
    callback = Callback(url, headers, body.encode())
    assert READER.judge(callback) is verdict
    assert READER.judge(replace(callback, headers=JSON_TYPE)) is Verdict.FORGED
    assert [*READER.read_inbound(callback), *READER.read_statuses(callback)] == []


def test_bytes_that_are_no_text_are_forged() -> None:
    headers = {"x-twilio-signature": sign(TOKEN, HASHED, [])} | JSON_TYPE
    assert READER.judge(Callback(HASHED, headers, b"\xff")) is Verdict.FORGED


MEDIA = f"https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM{'1' * 32}/Media/ME{'2' * 32}"


def test_files_are_told_by_kind_and_place() -> None:
    form = [
        ("NumMedia", "4"),
        *((f"MediaUrl{n}", MEDIA) for n in range(3)),
        ("MediaUrl3", "https://evil.example/x"),
    ]
    types = ("image/jpeg", "audio/ogg; codecs=opus", "application/pdf", "video/mp4")
    form += [(f"MediaContentType{n}", each) for n, each in enumerate(types)]
    (inbound,) = READER.read_inbound(called(form))
    kinds = (MediaKind.PICTURE, MediaKind.VOICE, MediaKind.FILE, MediaKind.FILM)
    assert tuple(one.kind for one in inbound.media) == kinds
    there = f"MM{'1' * 32}/ME{'2' * 32}"
    # Nothing is ever asked of an address that is none of Twilio's.
    assert [one.source for one in inbound.media] == [there, there, there, ""]


@pytest.mark.parametrize("number", ["", "-1", "1e3", "x", "٣"])
def test_number_of_files_that_is_none_tells_of_no_file(number: str) -> None:
    (inbound,) = READER.read_inbound(called([("NumMedia", number), ("MediaUrl0", MEDIA)]))
    assert inbound.media == ()


def test_a_million_files_are_ten() -> None:
    (inbound,) = READER.read_inbound(called([("NumMedia", "1000000")]))
    assert len(inbound.media) == 10


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
    [
        ("+380501", "sms", "+380501"),
        ("whatsapp:+380501", "whatsapp", "+380501"),
        ("whatsapp:UA.8f2c", "whatsapp", "UA.8f2c"),
        ("", "sms", ""),
    ],
)
def test_inbound_tells_its_channel(sender: str, channel: str, handle: str) -> None:
    form = [("From", sender), ("To", "+1"), ("Body", "СТОП"), ("MessageSid", "SM9"), ("OptOutType", "STOP")]
    (inbound,) = READER.read_inbound(called(form))
    assert (inbound.channel, inbound.from_handle, inbound.text) == (channel, handle, "СТОП")
    assert inbound.raw == {"MessageSid": "SM9", "OptOutType": "STOP"}


def whatsapp_form(**fields: str) -> Form:
    """Return what WhatsApp sends along with every message, and `fields`."""
    common = {
        "From": "whatsapp:+380671234567",
        "To": "whatsapp:+447700900100",
        "Body": "",
        "MessageSid": "SM9",
        "WaId": "380671234567",
        "ProfileName": "Olena",
        "ExternalUserId": "UA.8f2c1d",
        "ChannelMetadata": '{"data": {"context": {"WaId": "380671234567"}}}',
    }
    return list((common | fields).items())


CALL_FOR_HELP = "Допоможіть, нас замкнули у домі біля вокзалу.\nThey took our passports 🆘"


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_long_sms_that_comes_packed_is_read(cut: int) -> None:
    """Networks hand some SMS of several parts over to Twilio so, and cut them where they like."""
    raw = CALL_FOR_HELP.encode()
    packed = b64encode(raw[: len(raw) - cut]).decode()
    for body in (packed, f"{packed[:76]}\r\n{packed[76:]}\r"):
        (inbound,) = READER.read_inbound(called([("From", "+380671234567"), ("Body", body)]))
        assert inbound.text == (CALL_FOR_HELP[:-1] if cut else CALL_FOR_HELP)


@pytest.mark.parametrize(
    "body", ["A" * 60, "STOP" * 15, "help" * 20, "0" * 80, "d2hlcmUgYXJlIHlvdQ==", CALL_FOR_HELP]
)
def test_text_that_only_looks_packed_is_left_as_it_is(body: str) -> None:
    (inbound,) = READER.read_inbound(called([("From", "+380671234567"), ("Body", body)]))
    assert inbound.text == body


def test_shared_location_stays_out_of_what_is_kept() -> None:
    place = {"Latitude": "50.4501", "Longitude": "30.5234", "Address": "Khreshchatyk 1", "Label": "Home"}
    (inbound,) = READER.read_inbound(called(whatsapp_form(**place, MessageType="location")))
    assert (inbound.happening, inbound.location) == (Happening.SHARED_LOCATION, (50.4501, 30.5234))
    assert inbound.raw == {"MessageSid": "SM9", "MessageType": "location"}


@pytest.mark.parametrize("latitude", ["", "nan", "inf", "91", "north"])
def test_impossible_place_is_no_location(latitude: str) -> None:
    (inbound,) = READER.read_inbound(called(whatsapp_form(Latitude=latitude, Longitude="30.5")))
    assert (inbound.happening, inbound.location) == (Happening.WROTE, None)
    assert not {"Latitude", "Longitude"} & set(inbound.raw)


@pytest.mark.parametrize(
    "fields",
    [
        {"ButtonPayload": "help", "ButtonText": "Потрібна допомога", "Body": "Потрібна допомога"},
        {"ListId": "help", "ListTitle": "Потрібна допомога"},
    ],
    ids=["button", "list"],
)
def test_pressed_button_brings_payload_and_words(fields: dict[str, str]) -> None:
    (inbound,) = READER.read_inbound(called(whatsapp_form(**fields)))
    assert inbound.happening is Happening.PRESSED_BUTTON
    assert (inbound.payload, inbound.text) == ("help", "Потрібна допомога")


@pytest.mark.parametrize("sender", ["whatsapp:UA.8f2c1d", "whatsapp:", ""])
def test_person_without_number_has_an_id(sender: str) -> None:
    (inbound,) = READER.read_inbound(called(whatsapp_form(From=sender, Body="Привіт")))
    assert (inbound.channel, inbound.from_handle, inbound.text) == ("whatsapp", "UA.8f2c1d", "Привіт")
    assert inbound.other_handle == ""


def test_number_goes_before_the_id() -> None:
    (inbound,) = READER.read_inbound(called(whatsapp_form()))
    assert (inbound.from_handle, inbound.other_handle) == ("+380671234567", "UA.8f2c1d")


def test_kept_fields_hold_no_handle() -> None:
    form = whatsapp_form(Forwarded="true", NewField="from 380671234567 again", FromCity="Kyiv")
    (inbound,) = READER.read_inbound(called(form))
    assert inbound.raw == {"MessageSid": "SM9", "Forwarded": "true", "NewField": "from … again"}


def test_read_receipt_is_told_by_its_event() -> None:
    form = whatsapp_form(MessageStatus="delivered", EventType="READ", ChannelToAddress="+38067123XXXX")
    (update,) = READER.read_statuses(called(form))
    assert update.status == "read"
    assert "ChannelToAddress" not in update.raw


def test_words_of_the_channel_are_kept_without_numbers() -> None:
    form = [
        ("To", "whatsapp:UA.8f2c1d"),
        ("MessageStatus", "failed"),
        ("ErrorCode", "63024"),
        ("ChannelStatusMessage", "UA.8f2c1d cannot get messages from +447700900100"),
    ]
    (update,) = READER.read_statuses(called(form))
    assert update.action is Action.OTHER_CHANNEL
    assert update.raw["ChannelStatusMessage"] == "… cannot get messages from …"


@given(form=FORMS)
def test_whatever_comes_is_read(form: Form) -> None:
    assert READER.read_inbound(called(form)) or READER.read_statuses(called(form))


@pytest.mark.parametrize(
    ("told", "is_report"),
    [
        ({"SmsStatus": "received"}, False),
        ({"SmsStatus": "receiving"}, False),
        ({"SmsStatus": "received", "MessageStatus": "received"}, False),
        ({"SmsStatus": "sent", "MessageStatus": "sent"}, True),
        ({"SmsStatus": "delivered"}, True),
        ({"MessageStatus": "handed_over"}, True),
        ({"EventType": "READ"}, True),
    ],
)
def test_words_of_people_are_no_report_and_a_report_is_nobodys_words(
    told: dict[str, str], is_report: bool
) -> None:
    """Whichever of our two addresses they are posted to."""
    callback = called(whatsapp_form(**told))
    assert (len(READER.read_statuses(callback)), len(READER.read_inbound(callback))) == (is_report, not is_report)


def test_hook_secret_tells_accounts_apart() -> None:
    assert hook_secret("sandbox-auth-token") != hook_secret("other")
    assert len(hook_secret("x")) == 32
    assert int(hook_secret("x"), 16)


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
