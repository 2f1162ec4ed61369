"""Each numbered fault does to the wire what it says, and the oracle knows the truth."""

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from campaigns.sandbox.faults.faults import suffix_plan
from campaigns.sandbox.world.sandbox_errors import known_codes
from tests.sandbox.process import DEFAULTS, SENDER, SERVICE, SandboxProcess
from tests.sandbox.receiver import Receiver


def number(suffix: str) -> str:
    return f"+38067{suffix}"


def create(client: Client, suffix: str, callback: str = "") -> int:
    """Create a message to a suffix number; return the error code, 0 for success."""
    options = {"status_callback": callback} if callback else {}
    try:
        client.messages.create(to=number(suffix), from_=SENDER, body="п" * 71, **options)
    except TwilioRestException as error:
        return int(error.code)
    return 0


@pytest.mark.parametrize(("suffix", "accepted"), [("0099999", 1), ("0099998", 0)])
def test_closed_connection_tells_nothing(
    client: Client, sandbox: SandboxProcess, suffix: str, accepted: int
) -> None:
    with pytest.raises(requests.exceptions.ConnectionError):
        create(client, suffix)
    assert len(sandbox.truth(to=number(suffix))) == accepted


@pytest.mark.parametrize(("suffix", "accepted"), [("0099996", 1), ("0099995", 0)])
def test_503_tells_nothing(client: Client, sandbox: SandboxProcess, suffix: str, accepted: int) -> None:
    assert create(client, suffix) == 20503
    assert len(sandbox.truth(to=number(suffix))) == accepted


def test_late_answer_is_an_accepted_message(client: Client, sandbox: SandboxProcess) -> None:
    client.http_client.timeout = 0.2
    with pytest.raises(requests.exceptions.ReadTimeout):
        create(client, "0099997")
    assert len(sandbox.truth(to=number("0099997"))) == 1


def test_502_is_html_and_nothing_is_accepted(client: Client, sandbox: SandboxProcess) -> None:
    assert create(client, "0099502") == 502
    assert sandbox.truth() == []


def test_429_comes_once(client: Client) -> None:
    assert [create(client, "0099429") for _ in range(3)] == [20429, 0, 0]


def test_every_published_2xxxx_code_has_a_number(client: Client) -> None:
    codes = [code for code in known_codes() if code // 10_000 == 2 and code not in (20500, 20503)]
    assert len(codes) > 30
    assert [create(client, f"00{code}") for code in codes] == codes


@pytest.mark.parametrize(
    ("code", "status"), [(20003, 401), (20008, 403), (20404, 404), (20429, 429), (21611, 429), (21614, 400)]
)
def test_code_has_its_http_status(client: Client, code: int, status: int) -> None:
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=number(f"00{code}"), from_=SENDER, body="x")
    assert (caught.value.status, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("suffix", "end"),
    [
        ("0030003", ("undelivered", 30003)),
        ("0030007", ("failed", 30007)),
        ("0063016", ("failed", 63016)),
        ("0099204", ("sent", None)),
        ("0099205", ("delivered", None)),
        ("0099206", ("delivered", None)),
    ],
)
def test_message_ends_as_its_number_says(
    client: Client, sandbox: SandboxProcess, suffix: str, end: tuple[str, int | None]
) -> None:
    sandbox.call("POST", "clock", {"mode": "x100"})
    assert create(client, suffix) == 0
    sandbox.settle()
    (message,) = client.messages.list(to=number(suffix))
    assert (message.status, message.error_code) == end


def test_opted_out_number_fails_later_with_a_service(client: Client, sandbox: SandboxProcess) -> None:
    message = client.messages.create(to=number("0021610"), messaging_service_sid=SERVICE, body="x")
    assert message.status == "accepted"
    sandbox.settle()
    message = message.fetch()
    assert (message.status, message.error_code) == ("failed", 21610)


@pytest.mark.parametrize(
    ("suffix", "statuses"),
    [
        ("0099202", ["delivered", "sent"]),
        ("0099204", ["sent"]),
        ("0099205", []),
        ("0099206", ["sent", "undelivered", "delivered"]),
        ("0030007", ["failed"]),
        ("0099208", ["sent", "handed_over", "delivered"]),
    ],
)
def test_callbacks_come_as_the_number_says(
    client: Client, sandbox: SandboxProcess, receiver: Receiver, suffix: str, statuses: list[str]
) -> None:
    # Far enough apart, 0.2 s, for a busy machine to receive them in their order.
    is_long = suffix == "0099206"
    sandbox.fixture(profile={"stage": {"p50": 2.0 if is_long else 0.2}})
    sandbox.call("POST", "clock", {"mode": "x10"} if is_long else {})
    create(client, suffix, f"{receiver.url}/s?m=1")
    sandbox.settle()
    assert receiver.statuses() == statuses


@pytest.mark.parametrize(
    ("suffix", "counts"), [("0099203", {"sent": 3, "delivered": 3}), ("0099209", {"sent": 1, "delivered": 2})]
)
def test_callbacks_come_as_often_as_the_number_says(
    client: Client, sandbox: SandboxProcess, receiver: Receiver, suffix: str, counts: dict[str, int]
) -> None:
    create(client, suffix, f"{receiver.url}/s?m=1")
    sandbox.settle()
    statuses = receiver.statuses()
    assert {status: statuses.count(status) for status in statuses} == counts


def test_callbacks_can_come_before_the_answer(client: Client, receiver: Receiver) -> None:
    message = client.messages.create(
        to=number("0099201"), messaging_service_sid=SERVICE, body="x", status_callback=f"{receiver.url}/s?m=1"
    )
    assert receiver.statuses() == ["queued", "sent", "delivered"]
    assert message.status == "accepted"


def test_bad_signature_is_bad(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    create(client, "0099207", f"{receiver.url}/s?m=1")
    sandbox.settle()
    assert [receiver.is_signed(webhook) for webhook in receiver.received] == [False, False]


@pytest.mark.parametrize(
    ("to", "sender", "code"),
    [
        ("+15005550001", SENDER, 21211),
        ("+15005550002", SENDER, 21612),
        ("+15005550003", SENDER, 21408),
        ("+15005550004", SENDER, 21610),
        ("+15005550009", SENDER, 21614),
        ("+380671234567", "+15005550001", 21212),
        ("+380671234567", "+15005550007", 21606),
        ("+380671234567", "+15005550008", 21611),
    ],
)
def test_magic_numbers_act_for_both_credentials(sandbox: SandboxProcess, to: str, sender: str, code: int) -> None:
    for account, token in (
        (DEFAULTS.account_sid, DEFAULTS.auth_token),
        (DEFAULTS.test_account_sid, DEFAULTS.test_auth_token),
    ):
        is_test = account == DEFAULTS.test_account_sid
        client = sandbox.client(account, token)
        with pytest.raises(TwilioRestException) as caught:
            client.messages.create(
                to=to, from_="+15005550006" if is_test and sender == SENDER else sender, body="x"
            )
        client.http_client.session.close()
        assert caught.value.code == code


@pytest.mark.parametrize("to", ["+380671234567", "+380670034567", "+380670012345", "+380670099000", "+3806700"])
def test_ordinary_numbers_have_no_plan(to: str) -> None:
    assert suffix_plan(to, 1) is None


def test_suffixes_can_be_switched_off(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.fixture(suffixes=False)
    assert create(client, "0021614") == 0
