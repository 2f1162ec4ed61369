"""What people send stays at Twilio until it is deleted; its own client lists, reads and deletes it."""

from __future__ import annotations

import base64

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.sandbox.process import DEFAULTS, SandboxProcess
from tests.sandbox.receiver import Receiver

PERSON = "whatsapp:+380671234567"
PICTURE, SOUND = b"\xff\xd8\xff\xe0picture", b"OggSsound"
AUTH = (DEFAULTS.account_sid, DEFAULTS.auth_token)


def given(content: bytes, content_type: str) -> dict[str, str]:
    return {"content": base64.b64encode(content).decode(), "content_type": content_type}


def send(sandbox: SandboxProcess, receiver: Receiver) -> dict[str, str]:
    """Let the person send a picture and a voice note with a caption; return what was posted."""
    sandbox.fixture(inbound_url=f"{receiver.url}/in")
    media = [given(PICTURE, "image/jpeg"), given(SOUND, "audio/ogg")]
    sandbox.call("POST", "inbound", {"from": PERSON, "text": "Look", "media": media})
    (webhook,) = receiver.received
    assert receiver.is_signed(webhook)
    return dict(webhook.form)


def fetch(url: str, **options: object) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=5, **options)  # type: ignore[arg-type]


def test_files_are_posted_by_their_addresses(sandbox: SandboxProcess, receiver: Receiver) -> None:
    form = send(sandbox, receiver)
    assert (form["NumMedia"], form["Body"], form["MessageType"]) == ("2", "Look", "image")
    assert (form["MediaContentType0"], form["MediaContentType1"]) == ("image/jpeg", "audio/ogg")
    assert form["MessageSid"].startswith("MM")
    assert f"/Messages/{form['MessageSid']}/Media/ME" in form["MediaUrl0"]


def test_file_is_fetched_by_way_of_the_storage(sandbox: SandboxProcess, receiver: Receiver) -> None:
    url = send(sandbox, receiver)["MediaUrl1"]
    assert fetch(url).status_code == 401
    sent_on = fetch(url, auth=AUTH, allow_redirects=False)
    assert (sent_on.status_code, sent_on.content) == (307, b"")
    # The storage asks for nothing, as Twilio's does not: the address is the key.
    given_out = fetch(sent_on.headers["Location"])
    assert (given_out.content, given_out.headers["Content-Type"]) == (SOUND, "audio/ogg")
    assert fetch(f"{sandbox.url}/media/unknown").status_code == 404


def test_client_lists_reads_and_deletes_files(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    form = send(sandbox, receiver)
    message = client.messages(form["MessageSid"])
    first, second = message.media.list()
    assert (first.content_type, second.content_type) == ("image/jpeg", "audio/ogg")
    assert (first.parent_sid, first.sid) == (form["MessageSid"], form["MediaUrl0"].rpartition("/")[2])
    assert message.media(first.sid).fetch().date_created is not None
    assert message.media(first.sid).delete()
    assert [one.sid for one in message.media.list()] == [second.sid]
    with pytest.raises(TwilioRestException) as refused:
        message.media(first.sid).fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)
    assert fetch(form["MediaUrl0"], auth=AUTH).status_code == 404


def test_file_belongs_to_its_message(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    sid = send(sandbox, receiver)["MediaUrl0"].rpartition("/")[2]
    other = sandbox.call("POST", "inbound", {"from": PERSON, "text": "Hello"})["sid"]
    with pytest.raises(TwilioRestException):
        client.messages(other).media(sid).fetch()


def test_content_that_is_no_base64_is_refused(sandbox: SandboxProcess) -> None:
    body = {"from": PERSON, "media": [{"content": "@@@"}]}
    answer = sandbox.request("POST", "/_sandbox/inbound", json=body)
    assert (answer.status_code, "base64" in answer.text) == (400, True)
