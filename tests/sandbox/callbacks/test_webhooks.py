"""Webhooks are signed over the URL as given, retried as its fragment says, and never leave loopback."""

import socket

import pytest
from twilio.rest import Client

from campaigns.sandbox.callbacks.webhook_targets import read_target
from tests.sandbox.process import SENDER, SandboxProcess
from tests.sandbox.receiver import Receiver

TO = "+380670099204"
ONLY_SENT = ["sent"]


def send(client: Client, sandbox: SandboxProcess, callback: str) -> None:
    """Send a message with exactly one callback."""
    client.messages.create(to=TO, from_=SENDER, body="x", status_callback=callback)
    sandbox.settle()


@pytest.mark.parametrize(
    "path",
    [
        "/s?m=1",
        "/s",
        "/s?m=1&x=%D0%9F%D1%80%D0%B8",
        "/%D0%9F/s?m=1",
        "/s?x=a%20b%2Bc&m=1",
        "/s?x=a+b",
        "/s?next=https%3A%2F%2Fexample.org%2Fa%3Fb%3D1&m=1",
        "/s?m=1&empty=",
        "/a/../s?m=1",
    ],
)
def test_validator_accepts_awkward_urls(
    client: Client, sandbox: SandboxProcess, receiver: Receiver, path: str
) -> None:
    send(client, sandbox, receiver.url + path)
    (webhook,) = receiver.received
    assert webhook.path == path
    assert receiver.is_signed(webhook)


def test_fragment_is_neither_sent_nor_signed(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    send(client, sandbox, f"{receiver.url}/s?m=1#rc=0")
    (webhook,) = receiver.received
    assert webhook.path == "/s?m=1"
    assert receiver.is_signed(webhook)


def test_webhook_that_was_on_its_way_is_forgotten_too(client: Client, sandbox: SandboxProcess) -> None:
    """The next test finds nothing of what this one began."""
    with socket.create_server(("127.0.0.1", 0)) as slow:
        address = f"http://127.0.0.1:{slow.getsockname()[1]}/s"
        client.messages.create(to=TO, from_=SENDER, body="x", status_callback=address)
        slow.settimeout(10)
        called, _ = slow.accept()
        sandbox.reset()
        # It breaks off, which ends the attempt.
        called.close()
    sandbox.settle()
    told = sandbox.call("GET", "callbacks")
    assert (told["attempts"], told["counts"]) == ([], {})


def test_headers_are_twilios(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    send(client, sandbox, f"{receiver.url}/s")
    headers = receiver.received[0].headers
    assert headers["Content-Type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert headers["User-Agent"] == "TwilioProxy/1.1"
    assert headers["Accept"] == "*/*"
    assert len(headers["I-Twilio-Idempotency-Token"]) == 36


@pytest.mark.parametrize(
    ("fragment", "attempts"),
    [("", 1), ("#rc=2&rp=5xx", 3), ("#rc=2&rp=4xx", 1), ("#rc=2&rp=all", 3), ("#rc=0", 1)],
)
def test_fragment_decides_what_is_retried(
    client: Client, sandbox: SandboxProcess, receiver: Receiver, fragment: str, attempts: int
) -> None:
    receiver.answers[:] = [(500, "", "")] * 5
    send(client, sandbox, f"{receiver.url}/s{fragment}")
    assert len(receiver.received) == attempts
    assert len({webhook.headers["I-Twilio-Idempotency-Token"] for webhook in receiver.received}) == 1


def test_retry_ends_with_success(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    receiver.answers[:] = [(503, "", "")]
    send(client, sandbox, f"{receiver.url}/s#rc=3&rp=all")
    assert [one["http_status"] for one in sandbox.call("GET", "callbacks")["attempts"]] == [503, 204]
    assert sandbox.call("GET", "invariants")["callbacks_undelivered"] == 0


def test_lost_callback_is_an_alert(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    receiver.answers[:] = [(404, "", "")]
    send(client, sandbox, f"{receiver.url}/s")
    send(client, sandbox, "http://127.0.0.1:9/s")
    assert [alert["code"] for alert in sandbox.call("GET", "alerts")["alerts"]] == [11200, 11205]
    assert sandbox.call("GET", "invariants")["callbacks_undelivered"] == 2


def test_connect_failure_is_tried_twice(client: Client, sandbox: SandboxProcess) -> None:
    send(client, sandbox, "http://127.0.0.1:9/s")
    attempts = sandbox.call("GET", "callbacks")["attempts"]
    assert [(one["nth"], one["cause"]) for one in attempts] == [(1, "ct"), (2, "ct")]


def test_redirect_is_not_followed(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    receiver.answers[:] = [(307, "text/html", "")]
    send(client, sandbox, f"{receiver.url}/s")
    assert len(receiver.received) == 1
    assert sandbox.call("GET", "invariants")["callbacks_undelivered"] == 1


def test_foreign_host_is_never_called(client: Client, sandbox: SandboxProcess) -> None:
    send(client, sandbox, "https://example.org/s")
    (attempt,) = sandbox.call("GET", "callbacks")["attempts"]
    assert (attempt["cause"], attempt["http_status"]) == ("refused", 0)


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("http://127.0.0.1/s", True),
        ("http://127.9.9.9/s", True),
        ("http://[::1]:8/s", True),
        ("http://localhost/s", True),
        ("http://web:8000/s", True),
        ("http://example.org/s", False),
        ("http://10.0.0.1/s", False),
        ("http://127.0.0.1@example.org/s", False),
        ("http://localhost.example.org/s", False),
        ("http://[broken/s", False),
    ],
)
def test_only_loopback_and_listed_hosts_are_allowed(url: str, is_allowed: bool) -> None:
    assert read_target(url, ("web",)).is_allowed is is_allowed


def test_overrides_are_read_within_their_bounds() -> None:
    target = read_target("http://127.0.0.1/s?m=1#rc=99&rp=ct,5xx,junk&ct=2000&rt=1&tt=junk", ())
    assert target.url == "http://127.0.0.1/s?m=1"
    assert (target.retries, target.causes) == (5, frozenset(("ct", "5xx")))
    assert (target.connect_s, target.read_s, target.total_s) == (2.0, 0.1, 15.0)
