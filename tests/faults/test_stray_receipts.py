"""Receipts that come three times, shuffled, before the reply, or for strangers: our rows end as the provider's."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from urllib.parse import urlencode

import pytest
import requests
from sqlalchemy import func, select

from campaigns.delivery.models import Delivery, Receipt
from campaigns.sandbox.callbacks.signing import sign
from tests.faults.scene import Scene
from tests.sandbox.process import DEFAULTS, QUICK

pytestmark = pytest.mark.long

#: By the last digit of a number: how its callbacks come. Chance shuffles and repeats those of the others.
STRAYS = {
    "1": {"copies": 3},
    "2": {"order": "early"},
    "3": {"order": "reversed"},
    "4": {"order": "early", "copies": 3},
}
PROFILE = QUICK | {
    "callback": {"shuffle_p": 0.5, "duplicate_p": 0.5},
    "outcomes": {"undelivered": {"30003": 0.1}, "failed": {"30007": 0.05}},
}


@pytest.mark.parametrize(
    ("count", "strangers"),
    [pytest.param(120, 30, id="ordinary"), pytest.param(20_000, 2_000, id="heavy", marks=pytest.mark.slow)],
)
def test_stray_receipts_end_as_the_truth(
    scene: Scene, found: Callable[..., None], count: int, strangers: int
) -> None:
    sandbox = scene.sandbox
    sandbox.fixture(suffixes=False, profile=PROFILE)
    for digit, action in STRAYS.items():
        sandbox.call("POST", "faults", {"match": {"to_suffix": digit}, "action": action})
    run_id = scene.plan(count)
    with scene.serve():
        said = post_strangers(scene, strangers)
        scene.work(lambda: not any(sandbox.invariants()["pending"].values()) and scene.is_over(run_id))
    with scene.sessions() as session:
        rows = session.execute(select(Delivery.reference, Delivery.receipt_state)).all()
    assert dict(rows) == {message["intent"]: message["status"] for message in scene.sandbox.whole_truth()}
    callbacks = sandbox.invariants()["callbacks"]
    assert said + callbacks["early"] + callbacks["delivered"] > 2 * count
    # What says again what is known is not kept; what was never said before is.
    assert count_receipts(scene) >= said + count
    found(receipts=count_receipts(scene), strangers=said, **scene.compare(count))


def post_strangers(scene: Scene, count: int) -> int:
    """Post genuine callbacks about messages that are not ours, and return how many."""
    address = f"{scene.environment['FINGERPOST_PUBLIC_URL']}/hooks/twilio/status"
    with requests.Session() as provider:
        provider.trust_env = False
        for _ in range(count):
            url = f"{address}?m={token_hex(16)}"
            form = [("MessageSid", "SM" + token_hex(16)), ("MessageStatus", "delivered")]
            headers = {
                "X-Twilio-Signature": sign(DEFAULTS.auth_token, url, form),
                "Content-Type": "application/x-www-form-urlencoded",
            }
            answer = provider.post(url, data=urlencode(form), headers=headers, timeout=10)
            assert answer.status_code == 204
    return count


def count_receipts(scene: Scene) -> int:
    with scene.sessions() as session:
        return session.scalar(select(func.count()).select_from(Receipt)) or 0
