"""The oracle knows what was accepted, how often, and after whose stop."""

from twilio.rest import Client

from campaigns.sandbox.world.fixture import QuietHours
from campaigns.sandbox.world.oracle import is_quiet
from tests.sandbox.process import SENDER, SandboxProcess

TO = "+380671234567"


def create(client: Client, intent: str, to: str = TO) -> None:
    client.messages.create(to=to, from_=SENDER, body="x", status_callback=f"http://127.0.0.1:9/s?m={intent}#rc=0")


def test_double_acceptance_is_seen(client: Client, sandbox: SandboxProcess) -> None:
    for intent in ("a", "b", "a"):
        create(client, intent)
    invariants = sandbox.call("GET", "invariants")
    assert invariants["accepted_per_intent"] == {"max": 2, "twice": ["a"]}
    assert (invariants["accepted"], invariants["intents"]) == (3, 2)
    assert len(sandbox.truth(intent="a")) == 2


def test_missing_intents_are_named(client: Client, sandbox: SandboxProcess) -> None:
    create(client, "a")
    answer = sandbox.call("POST", "invariants", {"intents": ["a", "b", "c"]})
    assert answer["intents_never_accepted"] == ["b", "c"]


def test_acceptance_after_stop_is_timed(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    create(client, "before")
    sandbox.call("POST", "inbound", {"from": TO, "text": "стоп", "opt_out": True})
    assert sandbox.call("GET", "invariants")["accepted_after_optout"] == 0
    sandbox.call("POST", "clock", {"advance_s": 4})
    create(client, "after")
    create(client, "stranger", to="+380501234567")
    invariants = sandbox.call("GET", "invariants")
    assert invariants["accepted_after_optout"] == 1
    (late,) = invariants["accepted_after_optout_s"]["items"]
    assert (late["intent"], late["to"], late["after_s"]) == ("after", TO, 4.0)


def test_start_ends_a_stop(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "inbound", {"from": TO, "text": "стоп", "opt_out": True})
    sandbox.call("POST", "inbound", {"from": TO, "text": "старт", "opt_in": True})
    create(client, "after")
    assert sandbox.call("GET", "invariants")["accepted_after_optout"] == 0


def test_cost_is_compared_with_the_budget(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.fixture(prices={"": 1.0, "+380": 0.25, "+38067": 0.5}, budget=1.2)
    create(client, "a")
    create(client, "b", to="+380501234567")
    invariants = sandbox.settle()
    assert (invariants["total_cost"], invariants["budget_exceeded"]) == (0.75, False)
    create(client, "c", to="+48601234567")
    invariants = sandbox.settle()
    assert (invariants["total_cost"], invariants["budget_exceeded"]) == (1.75, True)


def test_quiet_hours_may_span_midnight() -> None:
    night = QuietHours("21:00", "08:00", "Europe/Kyiv")
    noon_utc = 1_782_900_000.0 // 86_400 * 86_400 + 43_200
    assert [is_quiet(night, noon_utc + hours * 3600) for hours in (0, 5.9, 6.1, 16.9, 17.1)] == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_ill_timed_acceptance_is_counted(client: Client, sandbox: SandboxProcess) -> None:
    always = {"start": "00:00", "end": "23:59:59", "zone": "UTC"}
    sandbox.fixture(quiet_hours={"+380": always})
    create(client, "a")
    create(client, "b", to="+48601234567")
    client.messages.create(to=f"whatsapp:{TO}", from_="whatsapp:+447700900100", body="x")
    assert sandbox.call("GET", "invariants")["accepted_in_quiet_hours"] == 2


def test_refusals_are_counted_by_code(client: Client, sandbox: SandboxProcess) -> None:
    for _ in range(2):
        answer = sandbox.request(
            "POST",
            f"/2010-04-01/Accounts/{client.username}/Messages.json",
            data={"To": TO, "From": SENDER},
            auth=(client.username, client.password),
        )
        assert answer.status_code == 400
    assert sandbox.call("GET", "invariants")["rejected_by_code"] == {"21602": 2}
