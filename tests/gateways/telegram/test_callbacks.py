"""Updates are believed by address and header together, and whatever they hold is read without an error."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.gateways.callbacks import (
    Callback,
    Happening,
    Inbound,
    InboundMedia,
    MediaKind,
    Verdict,
    hook_secret,
)
from campaigns.gateways.kinds import Credential
from campaigns.gateways.telegram.callbacks import HEADER, UPDATES, TelegramUpdates
from tests.gateways.conftest import using
from tests.gateways.telegram.test_bot import bot_at
from tests.sandbox.process import DEFAULTS, SandboxProcess
from tests.sandbox.receiver import Receiver

TOKEN = "bot-token"
READER = TelegramUpdates([Credential("100", TOKEN), Credential("200", "other"), Credential("300", "dry", True)])
NOW = int(datetime.now(UTC).timestamp())
PERSON = {"id": 77, "is_bot": False, "first_name": "Olena", "username": "olena", "language_code": "uk"}
CHAT = {"id": 77, "first_name": "Olena", "username": "olena", "type": "private"}
BUTTONS = [[{"text": "Так", "callback_data": "yes"}], [{"text": "Ні", "callback_data": "no"}, {"text": "?"}]]


def a_message(**content: Any) -> dict[str, Any]:
    return {"update_id": 9, "message": {"message_id": 3, "from": PERSON, "chat": CHAT, "date": NOW, **content}}


def an_edit(**content: Any) -> dict[str, Any]:
    message = a_message(date=NOW - 7200)["message"]
    return {"update_id": 9, "edited_message": {**message, "edit_date": NOW, **content}}


def a_press(data: str = "no", **changes: Any) -> dict[str, Any]:
    carrier = {"message_id": 3, "chat": CHAT, "date": 1, "reply_markup": {"inline_keyboard": BUTTONS}}
    return {
        "update_id": 9,
        "callback_query": {"id": "1", "from": PERSON, "message": carrier, "data": data, **changes},
    }


def a_change(status: str, **changes: Any) -> dict[str, Any]:
    member = {"user": {"id": 100, "is_bot": True}, "status": status}
    content = {"from": PERSON, "chat": CHAT, "date": NOW, "new_chat_member": member, **changes}
    return {"update_id": 9, "my_chat_member": content}


def called(update: Any, *, token: str = TOKEN, **changes: Any) -> Callback:
    """Return an update as it arrives at the bot with `token`."""
    secret = hook_secret(token)
    body = update if isinstance(update, bytes) else json.dumps(update).encode()
    values: dict[str, Any] = {"headers": {HEADER: secret}, "body": body, "secret": secret}
    return Callback(url="https://reach.example.org/hooks/telegram/x", **values | changes)


def heard(update: Any) -> Inbound:
    (inbound,) = READER.read_inbound(called(update))
    return inbound


def test_secret_in_address_and_header_is_genuine() -> None:
    assert READER.judge(called(a_message())) is Verdict.GENUINE
    assert READER.judge(called(a_message(), token="other")) is Verdict.GENUINE
    assert READER.judge(called(a_message(), token="dry")) is Verdict.REHEARSAL


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": ""},
        {"secret": "ключ"},
        {"secret": hook_secret("other")},
        {"headers": {}},
        {"headers": {HEADER: "ключ"}},
        {"headers": {HEADER: hook_secret("other")}},
        {"headers": {HEADER: TOKEN}, "secret": TOKEN},
    ],
)
def test_half_a_secret_is_forged(changes: dict[str, Any]) -> None:
    assert READER.judge(called(a_message(), **changes)) is Verdict.FORGED


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"{", b"\xff", b"[" * 100_000, b"{}", b'{"a": 1' + b"0" * 5000]
)
def test_body_that_is_no_update_is_forged(body: bytes) -> None:
    assert READER.judge(called(body)) is Verdict.FORGED
    assert READER.read_inbound(called(body)) == []


def test_update_says_when_it_was_done() -> None:
    assert heard(a_message(text="STOP")).said_at == datetime.fromtimestamp(NOW, UTC)
    assert heard(a_change("kicked")).said_at == datetime.fromtimestamp(NOW, UTC)
    assert heard(a_message(text="STOP", date=10**30)).said_at == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert heard(a_message(text="STOP", date="now")).said_at is None


@pytest.mark.parametrize(("hours", "verdict"), [(47, Verdict.GENUINE), (49, Verdict.STALE)])
def test_old_update_is_stale(hours: int, verdict: Verdict) -> None:
    date = int((datetime.now(UTC) - timedelta(hours=hours)).timestamp())
    assert READER.judge(called(a_message(date=date))) is verdict
    assert READER.judge(called(a_change("kicked", date=date))) is verdict


def test_button_of_an_old_message_is_not_stale() -> None:
    assert READER.judge(called(a_press())) is Verdict.GENUINE


def test_text_is_read_without_names() -> None:
    inbound = heard(a_message(text="Дякую"))
    assert inbound == Inbound(
        provider_id="100:9",
        from_handle="77",
        to_handle="100",
        text="Дякую",
        channel="telegram",
        raw={"kind": "message"},
        language="uk",
        said_at=datetime.fromtimestamp(NOW, UTC),
        is_numbered=True,
    )


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("/start", ""),
        ("/start qr-lviv_1", "qr-lviv_1"),
        ("/start@fingerpost_bot  qr", "qr"),
        ("/start " + "x" * 65, ""),
        ("/start <b>", ""),
    ],
)
def test_start_brings_its_payload(text: str, payload: str) -> None:
    inbound = heard(a_message(text=text))
    assert (inbound.happening, inbound.payload, inbound.text) == (Happening.STARTED, payload, "")


@pytest.mark.parametrize(
    "text",
    [
        "/started",
        "start",
        "/stop",
        "go /start now",
        "/start two words",
        "/start стоп",
        "/start\nthey locked us in",
    ],
)
def test_other_words_are_no_start(text: str) -> None:
    assert (heard(a_message(text=text)).happening, heard(a_message(text=text)).text) == (Happening.WROTE, text)


@pytest.mark.parametrize("number", [None, "9"])
def test_update_without_a_number_is_no_repetition_of_another(number: Any) -> None:
    inbound = heard(a_message(text="STOP") | {"update_id": number})
    assert (inbound.provider_id, inbound.is_numbered) == ("", False)


def test_changed_words_are_heard_when_they_were_changed() -> None:
    inbound = heard(an_edit(text="STOP"))
    assert (inbound.happening, inbound.text, inbound.is_edit) == (Happening.WROTE, "STOP", True)
    assert inbound.said_at == datetime.fromtimestamp(NOW, UTC)
    assert heard(an_edit(caption="СТОП", photo=[{"file_id": "x"}])).media == ()
    assert not heard(a_message(text="STOP")).is_edit


@pytest.mark.parametrize(
    "content",
    [
        {"location": {"latitude": 49.84, "longitude": 24, "live_period": 900}},
        {"text": "STOP", "edit_date": None},
        {"photo": [{"file_id": "x"}]},
        {"text": "/start qr"},
    ],
)
def test_change_without_words_says_nothing(content: dict[str, Any]) -> None:
    assert READER.judge(called(an_edit(**content))) is Verdict.GENUINE
    assert READER.read_inbound(called(an_edit(**content))) == []


def test_place_is_read_and_not_kept() -> None:
    inbound = heard(a_message(location={"latitude": 49.84, "longitude": 24, "horizontal_accuracy": 12.5}))
    assert (inbound.happening, inbound.location) == (Happening.SHARED_LOCATION, (49.84, 24.0))
    assert inbound.raw == {"kind": "message"}


@pytest.mark.parametrize(
    "place", [{}, {"latitude": 91, "longitude": 0}, {"latitude": "1", "longitude": 0}, [], None]
)
def test_impossible_place_is_none(place: Any) -> None:
    assert (heard(a_message(location=place)).location, heard(a_message(location=place)).text) == (None, "")


def test_picture_is_told_by_its_kind_only() -> None:
    inbound = heard(a_message(caption="Дім", photo=[{"file_id": "x"}], contact={"phone_number": "+380671234567"}))
    assert (inbound.text, inbound.raw) == ("Дім", {"kind": "message", "parts": "contact photo"})


@pytest.mark.parametrize(
    ("content", "kind", "seconds"),
    [
        ({"voice": {"file_id": "V1", "duration": 7, "mime_type": "audio/ogg"}}, MediaKind.VOICE, 7),
        ({"audio": {"file_id": "V1", "duration": -4}}, MediaKind.VOICE, None),
        ({"video_note": {"file_id": "V1", "duration": "long"}}, MediaKind.FILM, None),
        ({"animation": {"file_id": "V1"}, "document": {"file_id": "D"}}, MediaKind.FILM, None),
        ({"document": {"file_id": "V1", "file_name": "a.ogg"}}, MediaKind.FILE, None),
        ({"sticker": {"file_id": "V1"}}, MediaKind.PICTURE, None),
        ({"photo": [{"file_id": "small"}, {"file_id": "V1"}]}, MediaKind.PICTURE, None),
    ],
)
def test_file_is_told_by_kind_and_place(content: dict[str, Any], kind: MediaKind, seconds: int | None) -> None:
    (inbound,) = READER.read_inbound(called(a_message(**content)))
    assert inbound.media == (InboundMedia(kind, "V1", seconds),)


@pytest.mark.parametrize("file_id", [None, 7, "../getMe", "a" * 201, ""])
def test_file_without_a_name_cannot_be_had(file_id: Any) -> None:
    (inbound,) = READER.read_inbound(called(a_message(voice={"file_id": file_id, "duration": 1})))
    assert [one.source for one in inbound.media] == [""]


def test_pressed_button_brings_label_and_payload() -> None:
    inbound = heard(a_press("no"))
    assert (inbound.happening, inbound.payload, inbound.text) == (Happening.PRESSED_BUTTON, "no", "Ні")
    assert heard(a_press("gone")).text == ""


@pytest.mark.parametrize(("status", "happening"), [("kicked", Happening.BLOCKED), ("member", Happening.UNBLOCKED)])
def test_block_is_heard(status: str, happening: Happening) -> None:
    assert heard(a_change(status)).happening is happening


GROUP = {"id": -100, "type": "supergroup", "title": "Group"}


@pytest.mark.parametrize(
    "update",
    [
        a_message(chat=GROUP, text="x"),
        a_message(**{"from": {**PERSON, "is_bot": True}}),
        a_press(message={"chat": GROUP}),
        a_press(message=None),
        a_change("kicked", chat=GROUP),
        a_change("left"),
        {"update_id": 9, "edited_message": a_message(text="x")["message"]},
        {"update_id": 9, "poll": {"id": "1"}},
        {"hello": "world"},
    ],
)
def test_what_is_not_for_us_says_nothing(update: Any) -> None:
    assert READER.judge(called(update)) is Verdict.GENUINE
    assert READER.read_inbound(called(update)) == []
    assert READER.read_statuses(called(update)) == []


@pytest.mark.parametrize(("tag", "language"), [("uk", "uk"), ("en-US", "en"), ("xx", ""), (None, ""), (7, "")])
def test_language_is_one_of_ours(tag: Any, language: str) -> None:
    assert heard(a_message(**{"from": {**PERSON, "language_code": tag}})).language == language


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*a_message()["message"], "x"]), inner)
    ),
    max_leaves=8,
)


@given(kind=st.sampled_from(UPDATES), content=JSON, update_id=JSON)
def test_nothing_received_raises(kind: str, content: Any, update_id: Any) -> None:
    made = {
        "message": a_message,
        "edited_message": an_edit,
        "callback_query": a_press,
        "my_chat_member": lambda: a_change("kicked"),
    }
    base = made[kind]()
    known = {**base[kind], **content} if isinstance(content, dict) else content
    callback = called({"update_id": update_id, kind: known})
    READER.judge(callback)
    READER.read_inbound(callback)


def test_what_people_do_in_the_sandbox_is_heard(sandbox: SandboxProcess) -> None:
    reader = TelegramUpdates([Credential(str(DEFAULTS.telegram_bot_id), DEFAULTS.auth_token)])
    receiver = Receiver()
    try:
        using(bot_at(sandbox.url), lambda bot: bot.connect(receiver.url))
        place = {"latitude": 50.45, "longitude": 30.52}
        for act in ({"start": "qr"}, {"text": "Привіт"}, {"location": place}, {"block": True}, {"unblock": True}):
            sandbox.call("POST", "inbound", {"provider": "telegram", "from": 77, **act})
    finally:
        receiver.close()
    inbounds = []
    for one in receiver.received:
        headers = {name.lower(): value for name, value in one.headers.items()}
        secret = one.path.rpartition("/")[2]
        callback = Callback(receiver.url + one.path, headers, one.body.encode(), secret=secret)
        assert reader.judge(callback) is Verdict.GENUINE
        inbounds += reader.read_inbound(callback)
    assert [one.happening for one in inbounds] == [
        Happening.STARTED,
        Happening.WROTE,
        Happening.SHARED_LOCATION,
        Happening.BLOCKED,
        Happening.UNBLOCKED,
    ]
    assert {one.from_handle for one in inbounds} == {"77"}
    assert len({one.provider_id for one in inbounds}) == 5
