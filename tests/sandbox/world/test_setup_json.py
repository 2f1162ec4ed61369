"""Set-up from JSON is checked field by field."""

import pytest

from campaigns.sandbox.world.chance import Spread
from campaigns.sandbox.world.fixture import Fixture, Sender
from campaigns.sandbox.world.plan import Plan
from campaigns.sandbox.world.profile import Profile
from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.setup_json import read_changes


def test_nested_values_become_what_is_declared() -> None:
    fixture = read_changes(
        Fixture(),
        {
            "senders": [{"address": "HELP", "pace": 3, "not_for": ["+971"]}],
            "profiles": {
                "+380": {"latency": {"p50": 1}, "outcomes": {"sent": 0.5, "undelivered": {"30003": 0.5}}}
            },
            "countries": None,
        },
        "fixture",
    )
    assert fixture.senders == (Sender("HELP", 3.0, ("+971",)),)
    assert fixture.profiles["+380"] == Profile(
        latency=Spread(1.0), outcomes={"sent": 0.5, "undelivered": {"30003": 0.5}}
    )
    assert fixture.services == Fixture().services


def test_outcome_is_a_status_and_a_code() -> None:
    assert read_changes(Plan(), {"outcome": ["failed", 30007]}, "action").outcome == ("failed", 30007)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"sender": []}, "no field 'sender'"),
        ({"senders": {}}, "fixture.senders: expected a list"),
        ({"senders": [{}]}, "fixture.senders[0]: a required field is missing"),
        ({"senders": [{"address": 7}]}, "fixture.senders[0].address: expected str"),
        ({"pace": "fast"}, "fixture.pace: expected float"),
        ({"advanced_opt_out": 1}, "fixture.advanced_opt_out: expected bool"),
        ({"profile": {"callback": {"lose": 1}}}, "fixture.profile.callback: no field 'lose'"),
        ([], "fixture: expected an object"),
    ],
)
def test_what_does_not_fit_is_named(changes: object, place: str) -> None:
    with pytest.raises(SandboxError) as caught:
        read_changes(Fixture(), changes, "fixture")
    assert place in str(caught.value)


def test_unknown_choice_is_refused() -> None:
    with pytest.raises(SandboxError, match="one of"):
        read_changes(Plan(), {"after": "explode"}, "action")
