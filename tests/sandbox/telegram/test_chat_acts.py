"""What people do in their chat with the bot reaches it as Telegram's updates."""

import base64
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.sandbox.process import DEFAULTS, SandboxProcess
from tests.sandbox.receiver import Receiver

CHAT = 77
PERSON = f"telegram:{CHAT}"
KEYBOARD = {"inline_keyboard": [[{"text": "Так", "callback_data": "yes"}, {"text": "Ні", "callback_data": "no"}]]}


def bot(sandbox: SandboxProcess, method: str, **parameters: Any) -> Any:
    """Call a method as the bot and return the whole answer."""
    return sandbox.request("POST", f"/bot{DEFAULTS.telegram_token}/{method}", json=parameters).json()


def act(sandbox: SandboxProcess, **what: Any) -> dict[str, Any]:
    """Let the person act."""
    return sandbox.call("POST", "inbound", {"provider": "telegram", "from": CHAT, **what})


def updates(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    """Return the updates that wait, without their numbers."""
    result = bot(sandbox, "getUpdates")["result"]
    return [{key: value for key, value in one.items() if key != "update_id"} for one in result]


def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_start_carries_its_payload(sandbox: SandboxProcess) -> None:
    act(sandbox, start="qr-lviv")
    (update,) = updates(sandbox)
    message = update["message"]
    assert message["text"] == "/start qr-lviv"
    assert message["entities"] == [{"offset": 0, "length": 6, "type": "bot_command"}]
    assert message["chat"]["id"] == message["from"]["id"] == CHAT


def test_start_without_payload_is_the_bare_word(sandbox: SandboxProcess) -> None:
    act(sandbox, start="")
    assert updates(sandbox)[0]["message"]["text"] == "/start"


def test_place_is_shared_in_degrees(sandbox: SandboxProcess) -> None:
    act(sandbox, location={"latitude": 49.84, "longitude": 24.03, "label": "Lviv"})
    message = updates(sandbox)[0]["message"]
    assert message["location"] == {"latitude": 49.84, "longitude": 24.03}
    assert "text" not in message


def test_block_and_return_are_told(sandbox: SandboxProcess) -> None:
    act(sandbox, start="")
    act(sandbox, block=True)
    assert bot(sandbox, "sendMessage", chat_id=CHAT, text="x")["error_code"] == 403
    act(sandbox, unblock=True)
    assert bot(sandbox, "sendMessage", chat_id=CHAT, text="x")["ok"]
    members = [one["my_chat_member"] for one in updates(sandbox) if "my_chat_member" in one]
    assert [one["new_chat_member"]["status"] for one in members] == ["kicked", "member"]
    assert members[0]["new_chat_member"]["user"]["id"] == DEFAULTS.telegram_bot_id


def test_start_lets_a_blocked_bot_back_in(sandbox: SandboxProcess) -> None:
    act(sandbox, block=True)
    act(sandbox, start="again")
    assert [next(iter(one)) for one in updates(sandbox)] == ["my_chat_member", "my_chat_member", "message"]


def test_button_reaches_the_bot_with_its_message(sandbox: SandboxProcess) -> None:
    act(sandbox, start="")
    sent = bot(sandbox, "sendMessage", chat_id=CHAT, text="Доїхали?", reply_markup=KEYBOARD)["result"]
    act(sandbox, button_payload="no")
    query = updates(sandbox)[-1]["callback_query"]
    assert (query["data"], query["message"]["message_id"]) == ("no", sent["message_id"])
    assert [one["body"] for one in sandbox.truth() if one["direction"] == "inbound"] == ["/start", "Ні"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"from": "Olena"}, "chat id is missing"),
        ({}, "a text, a location, a file, a button or an act is missing"),
        ({"button_payload": "maybe"}, "No message to this person has a button"),
        ({"from": 78, "text": "x"}, "blocked the bot"),
        ({"from": 79, "text": "x"}, "deactivated"),
        ({"dance": True}, "no field 'dance'"),
    ],
)
def test_impossible_acts_are_refused_in_words(sandbox: SandboxProcess, what: dict[str, Any], words: str) -> None:
    sandbox.fixture(telegram_chats={"78": "blocked", "79": "deactivated"})
    body = {"provider": "telegram", "from": CHAT, **what}
    answer = sandbox.request("POST", "/_sandbox/inbound", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_unknown_provider_is_refused(sandbox: SandboxProcess) -> None:
    answer = sandbox.request("POST", "/_sandbox/inbound", json={"provider": "pigeon", "from": "x"})
    assert "not 'pigeon'" in answer.json()["error"]


def test_block_counts_as_a_stop_until_start(sandbox: SandboxProcess) -> None:
    sandbox.fixture(telegram_limits=False)
    act(sandbox, start="")
    act(sandbox, block=True)
    act(sandbox, unblock=True)
    bot(sandbox, "sendMessage", chat_id=CHAT, text="x")
    assert sandbox.call("GET", "invariants")["accepted_after_optout"] == 1
    act(sandbox, start="")
    bot(sandbox, "sendMessage", chat_id=CHAT, text="x")
    invariants = sandbox.call("GET", "invariants")
    assert (invariants["accepted_after_optout"], invariants["accepted_per_text"]["max"]) == (1, 2)


def test_webhook_carries_the_secret_and_growing_ids(sandbox: SandboxProcess, receiver: Receiver) -> None:
    bot(sandbox, "setWebhook", url=f"{receiver.url}/t", secret_token="s3cret")
    results = [act(sandbox, text=text) for text in ("один", "два")]
    assert [one["http_status"] for one in results] == [204, 204]
    bodies = [json.loads(one.body) for one in receiver.received]
    assert bodies[1]["update_id"] == bodies[0]["update_id"] + 1 == results[1]["update_id"]
    assert {one.headers["X-Telegram-Bot-Api-Secret-Token"] for one in receiver.received} == {"s3cret"}
    assert receiver.received[0].headers["Content-Type"] == "application/json"


def test_update_is_posted_until_it_is_taken(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    receiver.answers[:] = [(500, "text/html", "oops"), (404, "", "")]
    bot(sandbox, "setWebhook", url=f"{receiver.url}/t")
    assert act(sandbox, text="чуєте?")["http_status"] == 500
    info = bot(sandbox, "getWebhookInfo")["result"]
    assert (info["pending_update_count"], info["last_error_message"]) == (
        1,
        "Wrong response from the webhook: 500",
    )
    for attempts in (2, 3):
        until(lambda: sandbox.call("GET", "invariants")["pending"]["stages"] > 0)
        sandbox.call("POST", "clock", {"advance_s": 2})
        until(partial(receiver.has_received, attempts))
    until(lambda: bot(sandbox, "getWebhookInfo")["result"]["pending_update_count"] == 0)
    assert len({one.body for one in receiver.received}) == 1


def test_new_webhook_gets_what_waited(sandbox: SandboxProcess, receiver: Receiver) -> None:
    act(sandbox, text="раніше")
    bot(sandbox, "setWebhook", url=f"{receiver.url}/t")
    until(lambda: len(receiver.received) == 1)
    assert json.loads(receiver.received[0].body)["message"]["text"] == "раніше"


def test_unwanted_kinds_are_not_sent(sandbox: SandboxProcess, receiver: Receiver) -> None:
    bot(sandbox, "setWebhook", url=f"{receiver.url}/t", allowed_updates=["message"])
    act(sandbox, block=True)
    act(sandbox, start="")
    assert ["message" in json.loads(one.body) for one in receiver.received] == [True]


SOUND = base64.b64encode(b"OggSsound").decode()


@pytest.mark.parametrize(
    ("content_type", "more", "part"),
    [
        ("audio/ogg", {"seconds": 7}, "voice"),
        ("video/mp4", {}, "video"),
        ("application/pdf", {"name": "ticket.pdf"}, "document"),
        ("image/jpeg", {"kind": "document"}, "document"),
    ],
)
def test_file_comes_with_its_caption_and_is_fetched(
    sandbox: SandboxProcess, content_type: str, more: dict[str, Any], part: str
) -> None:
    act(sandbox, text="Look", media=[{"content_type": content_type, "content": SOUND, **more}])
    (update,) = updates(sandbox)
    message = update["message"]
    assert (message["caption"], "text" in message) == ("Look", False)
    file = message[part]
    assert (file["mime_type"], file["file_size"]) == (content_type, 9)
    assert file.get("duration") == {"voice": 7, "video": 1}.get(part)
    found = bot(sandbox, "getFile", file_id=file["file_id"])["result"]
    given = sandbox.request("GET", f"/file/bot{DEFAULTS.telegram_token}/{found['file_path']}")
    assert given.content == b"OggSsound"
    assert sandbox.request("GET", f"/file/bot1:no/{found['file_path']}").status_code == 401
    assert sandbox.request("GET", f"/file/bot{DEFAULTS.telegram_token}/voice/other").status_code == 404


def test_photo_comes_in_sizes(sandbox: SandboxProcess) -> None:
    act(sandbox, media=[{"content": SOUND}])
    (update,) = updates(sandbox)
    small, large = update["message"]["photo"]
    assert small["width"] < large["width"]
    assert "caption" not in update["message"]
    assert bot(sandbox, "getFile", file_id=large["file_id"])["ok"]


def test_unknown_file_is_refused(sandbox: SandboxProcess) -> None:
    assert bot(sandbox, "getFile", file_id="ME0")["error_code"] == 400
