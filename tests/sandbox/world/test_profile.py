"""Chance follows from the seed and the message alone."""

from random import Random

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from campaigns.sandbox.world.chance import Spread, dice
from campaigns.sandbox.world.profile import FIELD, Profile
from tests.sandbox.process import QUICK, SENDER, SandboxProcess
from tests.sandbox.receiver import Receiver

STORMY = {
    **QUICK,
    "drop_response_p": 0.2,
    "fail_before_p": 0.1,
    "http_503_p": 0.1,
    "http_503_after_p": 0.1,
    "outcomes": {"undelivered": {"30003": 0.2, "30005": 0.1}, "sent": 0.1},
}
PEOPLE = [f"+3806712{place:05}" for place in range(60)]


def weather(client: Client, sandbox: SandboxProcess, people: list[str]) -> dict[str, tuple[str, str]]:
    """Send to people under a stormy profile; return what the client saw and what became of each message."""
    seen = {}
    for to in people:
        try:
            seen[to] = client.messages.create(to=to, from_=SENDER, body="x").status or ""
        except TwilioRestException as error:
            seen[to] = str(error.status)
        except requests.exceptions.ConnectionError:
            seen[to] = "closed"
    sandbox.settle()
    truth = {one["to"]: f"{one['status']} {one['error_code']}" for one in sandbox.truth()}
    return {to: (seen[to], truth.get(to, "-")) for to in people}


def test_same_seed_repeats_in_any_order(client: Client, sandbox: SandboxProcess) -> None:
    runs = []
    for seed, people in (("one", PEOPLE), ("one", PEOPLE[::-1]), ("two", PEOPLE)):
        sandbox.reset(seed)
        sandbox.fixture(profile=STORMY)
        runs.append(weather(client, sandbox, people))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert {seen for seen, _ in runs[0].values()} == {"queued", "closed", "503"}
    assert {end for _, end in runs[0].values()} >= {"delivered None", "undelivered 30003", "sent None", "-"}


def test_country_profile_wins(client: Client, sandbox: SandboxProcess) -> None:
    dead = {**QUICK, "outcomes": {"undelivered": {"30003": 1.0}}}
    sandbox.fixture(profiles={"+380": dead})
    for to in ("+380671234567", "+48601234567"):
        client.messages.create(to=to, from_=SENDER, body="x")
    sandbox.settle()
    assert [one["status"] for one in sandbox.truth()] == ["undelivered", "delivered"]


@pytest.mark.parametrize(
    ("chance", "total", "lost"), [({"lose_p": 1.0}, 0, 40), ({"duplicate_p": 1.0}, 80, 0), ({}, 40, 0)]
)
def test_callbacks_stray_by_their_shares(
    client: Client,
    sandbox: SandboxProcess,
    receiver: Receiver,
    chance: dict[str, float],
    total: int,
    lost: int,
) -> None:
    sandbox.fixture(profile={**QUICK, "callback": chance})
    for to in PEOPLE[:20]:
        client.messages.create(to=to, from_=SENDER, body="x", status_callback=f"{receiver.url}/s?m={to[1:]}")
    invariants = sandbox.settle()
    assert len(receiver.received) == total
    assert invariants["callbacks"].get("lost", 0) == lost


def test_shuffled_callbacks_come_in_both_orders(
    client: Client, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.fixture(profile={**QUICK, "callback": {"shuffle_p": 1.0}})
    for place, to in enumerate(PEOPLE[:20]):
        client.messages.create(to=to, from_=SENDER, body="x", status_callback=f"{receiver.url}/s?m={place}")
    sandbox.settle()
    orders = {tuple(one.status for one in receiver.received if one.path == f"/s?m={place}") for place in range(20)}
    assert orders == {("sent", "delivered"), ("delivered", "sent")}


def test_outcomes_have_their_shares() -> None:
    ends = [FIELD.draw_outcome(dice("s", str(place), "", 1)) for place in range(4000)]
    assert 0.91 < ends.count(("delivered", 0)) / 4000 < 0.95
    assert 0.02 < ends.count(("undelivered", 30003)) / 4000 < 0.04
    assert Profile().draw_outcome(dice("s", "a", "", 1)) == ("delivered", 0)


def test_waiting_times_have_their_percentiles() -> None:
    random = Random(7)
    draws = sorted(Spread(0.1, 1.0).draw(random) for _ in range(10_000))
    assert 0.09 < draws[5_000] < 0.11
    assert 0.8 < draws[9_900] < 1.2
    assert Spread(0.5).draw(random) == 0.5
