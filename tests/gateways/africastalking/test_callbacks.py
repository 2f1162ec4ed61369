"""Reports and texts are believed by their secret address, and name the message as its acceptance did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from campaigns.gateways.africastalking.callbacks import AfricasTalkingCallbacks
from campaigns.gateways.africastalking.kind import AfricasTalking
from campaigns.gateways.base import Action
from campaigns.gateways.callbacks import Callback, Inbound, StatusUpdate, Verdict, hook_secret
from campaigns.gateways.kinds import Credential
from campaigns.gateways.transport.http import ProviderHttp
from tests.gateways.conftest import a_message, using
from tests.sandbox.process import DEFAULTS, SandboxProcess
from tests.sandbox.receiver import Receiver

KEY = "charity-key"
READER = AfricasTalkingCallbacks([Credential("charity", KEY), Credential("sandbox", "dry", True)])
REPORT = {"id": "ATPid_1", "status": "Success", "phoneNumber": "+254711234567", "networkCode": "63902"}
TEXT = {"id": "in1", "text": "Nisaidie", "from": "+254711234567", "to": "22384", "linkId": "l1"}


def called(form: dict[str, str], *, token: str = KEY, **changes: Any) -> Callback:
    values: dict[str, Any] = {"headers": {}, "body": urlencode(form).encode(), "secret": hook_secret(token)}
    return Callback(url="https://reach.example.org/hooks/africastalking/x/status", **values | changes)


def reported(**fields: str) -> StatusUpdate:
    (update,) = READER.read_statuses(called({**REPORT, **fields}))
    return update


def test_secret_address_is_genuine() -> None:
    assert READER.judge(called(REPORT)) is Verdict.GENUINE
    assert READER.judge(called(REPORT, token="dry")) is Verdict.REHEARSAL


@pytest.mark.parametrize("secret", ["", KEY, "ключ", hook_secret("strange")])
def test_other_address_is_forged(secret: str) -> None:
    callback = called(REPORT, secret=secret)
    assert READER.judge(callback) is Verdict.FORGED
    assert READER.read_statuses(callback) == []


@pytest.mark.parametrize(
    ("hours", "form", "verdict"),
    [
        (47, "%Y-%m-%dT%H:%M:%SZ", Verdict.GENUINE),
        (49, "%Y-%m-%dT%H:%M:%SZ", Verdict.STALE),
        (49, "%Y-%m-%d %H:%M:%S", Verdict.STALE),
        (49, "%d of %B", Verdict.GENUINE),
    ],
)
def test_old_text_is_stale(hours: int, form: str, verdict: Verdict) -> None:
    date = f"{datetime.now(UTC) - timedelta(hours=hours):{form}}"
    assert READER.judge(called({**TEXT, "date": date})) is verdict


@pytest.mark.parametrize(
    ("date", "said_at"),
    [
        ("2026-11-28 12:00:00", datetime(2026, 11, 28, 12, tzinfo=UTC)),
        ("2026-11-28T15:00:00+03:00", datetime(2026, 11, 28, 12, tzinfo=UTC)),
        ("0001-01-01T00:00:00+03:00", None),
        ("now", None),
    ],
)
def test_message_says_when_it_was_sent(date: str, said_at: datetime | None) -> None:
    (inbound,) = READER.read_inbound(called({**TEXT, "date": date}))
    assert inbound.said_at == said_at


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Buffered", "queued"),
        ("Submitted", "sent"),
        ("Sent", "sent"),
        ("Success", "delivered"),
        ("Rejected", "failed"),
        ("Failed", "undelivered"),
        ("Not sent or not delivered", "undelivered"),
        ("AbsentSubscriber", "undelivered"),
        ("Expired", "undelivered"),
        ("Teleported", "Teleported"),
        ("", ""),
    ],
)
def test_status_becomes_a_receipts_word(theirs: str, ours: str) -> None:
    assert reported(status=theirs).status == ours


@pytest.mark.parametrize(
    ("reason", "action"),
    [
        ("UserInBlackList", Action.OPT_OUT),
        ("UserDoesNotExist", Action.INVALIDATE_ADDRESS),
        ("NotNetworkSubscriber", Action.OTHER_CHANNEL),
        ("DoNotDisturbRejection", Action.OTHER_CHANNEL),
        ("InsufficientCredit", Action.PAUSE_SENDER),
        ("UserIsInactive", Action.GIVE_UP),
        ("SomethingNew", Action.GIVE_UP),
    ],
)
def test_reason_says_what_to_do(reason: str, action: Action) -> None:
    update = reported(status="Failed", failureReason=reason)
    assert (update.error, update.action) == (reason, action)
    assert update.status == ("failed" if action is Action.OTHER_CHANNEL else "undelivered")


def test_report_is_read_without_handles() -> None:
    assert reported() == StatusUpdate("ATPid_1", "ATPid_1", "delivered", None, {"networkCode": "63902"})
    (update,) = READER.read_statuses(called(REPORT, token="dry"))
    assert update.reference == "r-ATPid_1"


def test_text_is_read_without_handles() -> None:
    (inbound,) = READER.read_inbound(called(TEXT))
    assert inbound == Inbound("in1", "+254711234567", "22384", "Nisaidie", "sms", {"linkId": "l1"})


def test_neither_reads_what_the_other_says() -> None:
    assert READER.read_inbound(called(REPORT)) == []
    assert READER.read_statuses(called(TEXT)) == []


def test_sandbox_reports_name_the_acceptance(sandbox: SandboxProcess) -> None:
    credential = Credential("sandbox", DEFAULTS.auth_token)
    reader, receiver = AfricasTalkingCallbacks([credential]), Receiver()
    gateway = AfricasTalking(credential, origin=sandbox.url, http=ProviderHttp())
    sandbox.fixture(africastalking_delivery_url=receiver.url, africastalking_inbound_url=receiver.url)
    try:
        accepted = using(gateway, lambda gateway: gateway.send(a_message("+254711234567")))
        sandbox.settle()
        words = {"provider": "africastalking", "from": "+254711234567", "text": "Asante"}
        sandbox.call("POST", "inbound", words)
    finally:
        receiver.close()
    secret = hook_secret(DEFAULTS.auth_token)
    callbacks = [Callback(receiver.url, {}, one.body.encode(), secret=secret) for one in receiver.received]
    assert {reader.judge(one) for one in callbacks} == {Verdict.GENUINE}
    updates = [update for one in callbacks for update in reader.read_statuses(one)]
    assert {update.reference for update in updates} == {accepted.reference}
    assert {update.status for update in updates} == {"sent", "delivered"}
    assert [inbound.text for one in callbacks for inbound in reader.read_inbound(one)] == ["Asante"]
