"""A create call meets the first error in Twilio's order."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from campaigns.sandbox.faults.create_call import read_call
from campaigns.sandbox.faults.create_checks import first_error
from campaigns.sandbox.world.state import World
from tests.sandbox.process import DEFAULTS, SENDER, SERVICE, SandboxProcess

GOOD = {"To": "+380671234567", "From": SENDER, "Body": "x"}
PATH = f"/2010-04-01/Accounts/{DEFAULTS.account_sid}/Messages.json"
FIXTURE = {"countries": ["+380"], "landlines": ["+38044"], "opted_out": ["+380991234567"]}

#: Each row breaks one more rule than the row before it, and the rule checked earlier answers.
LADDER: list[tuple[dict[str, Any], int, int]] = [
    ({}, 201, 0),
    ({"To": "+380991234567"}, 400, 21610),
    ({"To": "+380441234567"}, 400, 21614),
    ({"To": "+48601234567"}, 400, 21408),
    ({"ScheduleType": "fixed", "SendAt": "2026-01-01T00:00:00Z"}, 400, 35118),
    ({"ContentVariables": "[1]"}, 400, 21656),
    ({"ContentSid": "HX" + "0" * 32}, 400, 21655),
    ({"StatusCallback": "http://my_host/x"}, 400, 21609),
    ({"MediaUrl": ["https://x/1.png"] * 11}, 400, 21623),
    ({"Body": "a" * 1601}, 400, 21617),
    ({"MessagingServiceSid": "MG" + "0" * 32}, 400, 21701),
    ({"From": "+380671111111"}, 400, 21606),
    ({"To": "0671234567"}, 400, 21211),
    ({"Body": "", "ContentSid": "", "MediaUrl": []}, 400, 21602),
    ({"From": "", "MessagingServiceSid": ""}, 400, 21603),
    ({"To": ""}, 400, 21604),
]


def post(sandbox: SandboxProcess, form: dict[str, Any], token: str = DEFAULTS.auth_token) -> Any:
    return sandbox.request("POST", PATH, data=form, auth=(DEFAULTS.account_sid, token))


def test_errors_come_in_order(sandbox: SandboxProcess) -> None:
    sandbox.fixture(**FIXTURE)
    form: dict[str, Any] = dict(GOOD)
    for change, status, code in LADDER:
        form |= change
        answer = post(sandbox, form)
        assert (answer.status_code, answer.json().get("code", 0)) == (status, code), change
    assert post(sandbox, form, token="wrong").json()["code"] == 20003


def test_error_body_is_twilios(sandbox: SandboxProcess) -> None:
    assert post(sandbox, {**GOOD, "To": "12"}).json() == {
        "code": 21211,
        "message": "Invalid 'To' Phone Number: 12",
        "more_info": "https://www.twilio.com/docs/errors/21211",
        "status": 400,
    }


def test_client_raises_with_status_and_code(client: Client) -> None:
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to="+380671234567", from_="NOBODY", body="x")
    assert (caught.value.status, caught.value.code) == (400, 21606)


def test_other_account_in_the_path_is_refused(sandbox: SandboxProcess) -> None:
    path = PATH.replace(DEFAULTS.account_sid, "AC" + "0" * 32)
    answer = sandbox.request("POST", path, data=GOOD, auth=(DEFAULTS.account_sid, DEFAULTS.auth_token))
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


@pytest.mark.parametrize(
    ("when", "code"), [("soon", 35114), ("2020-01-01T00:00:00Z", 35115), ("2099-01-01T00:00:00Z", 35115)]
)
def test_send_at_must_be_readable_and_in_the_window(sandbox: SandboxProcess, when: str, code: int) -> None:
    form = {"To": GOOD["To"], "Body": "x", "MessagingServiceSid": SERVICE, "ScheduleType": "fixed", "SendAt": when}
    assert post(sandbox, form).json()["code"] == code


def test_service_without_senders_is_refused(sandbox: SandboxProcess) -> None:
    empty, far = "MG" + "1" * 32, "MG" + "2" * 32
    sandbox.fixture(
        senders=[{"address": "FAR", "not_for": ["+380"]}],
        services=[{"sid": empty, "pool": []}, {"sid": far, "pool": ["FAR"]}],
    )
    for service, code in ((empty, 21704), (far, 21703)):
        form = {"To": GOOD["To"], "Body": "x", "MessagingServiceSid": service}
        assert post(sandbox, form).json()["code"] == code


def test_account_over_its_rate_gets_429(sandbox: SandboxProcess) -> None:
    sandbox.fixture(account_rate=3)
    answers = [post(sandbox, GOOD) for _ in range(5)]
    assert answers[0].status_code == 201
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, 20429)


def test_full_queue_of_a_sender_gets_429(sandbox: SandboxProcess) -> None:
    sandbox.fixture(pace=0.5, queue_s=5)
    codes = [post(sandbox, GOOD).json().get("code") for _ in range(5)]
    assert codes == [None, None, None, 21611, 21611]


def test_unknown_fields_are_ignored(sandbox: SandboxProcess) -> None:
    assert post(sandbox, {**GOOD, "Tags": "{}", "MessageIntent": "notifications"}).status_code == 201


def test_any_other_path_is_not_found(sandbox: SandboxProcess) -> None:
    answer = sandbox.request("GET", "/2010-04-01/Accounts/x/Calls.json")
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)
    assert answer.headers["Twilio-Request-Id"].startswith("RQ")


FIELDS = (
    "To",
    "From",
    "MessagingServiceSid",
    "Body",
    "StatusCallback",
    "ContentVariables",
    "SendAt",
    "ValidityPeriod",
)
ODD = (
    st.sampled_from([GOOD["To"], SENDER, SERVICE, "http://[::1", "{}", "²", "2026-01-01", "http://h/s?m=1"])
    | st.text()
)


@given(
    st.fixed_dictionaries({"ScheduleType": st.sampled_from(["", "fixed"])}, optional=dict.fromkeys(FIELDS, ODD))
)
def test_any_form_gets_an_answer(form: dict[str, str]) -> None:
    world = World(DEFAULTS)
    call = read_call(urlencode(form, errors="surrogatepass").encode(), account=DEFAULTS.account_sid, is_test=False)
    code = first_error(world, call, 0)
    assert code == 0 or 20_000 < code < 36_000 or 63_000 < code < 64_000
    assert code != 0 or (call.to and (call.sender or call.service) and call.body)


def test_planned_code_fires_at_its_own_place() -> None:
    world = World(DEFAULTS)
    call = read_call(urlencode({**GOOD, "Body": "a" * 1601}).encode(), account=DEFAULTS.account_sid, is_test=False)
    assert [first_error(world, call, planned) for planned in (21211, 21614, 99)] == [21211, 21617, 21617]
