"""One person in a hundred cannot be read: each is set aside with an error, and nobody else waits for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from campaigns.audience.models import Address
from campaigns.delivery.engine.queue.claims import DAMAGED
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.states import SendState
from tests.faults.scene import Scene

#: Of a hundred people, one has a damaged address and one a text that is gone.
EVERY = 100
#: Cut so short that not even its nonce is whole.
BROKEN = b"\x01broken"


@pytest.mark.parametrize("count", [200, pytest.param(20_000, marks=pytest.mark.slow)], ids=["ordinary", "heavy"])
def test_poison_rows_are_set_aside(scene: Scene, found: Callable[..., None], count: int) -> None:
    run_id = scene.plan_sending(count)
    with scene.sessions.begin() as session:
        gone = RunText(run_id=run_id, language="uk", body=None, parts=1)
        session.add(gone)
        session.flush()
        session.execute(update(Address).where(Address.id % EVERY == 50).values(ciphertext=BROKEN))
        session.execute(update(Delivery).where(Delivery.id % EVERY == 99).values(text_id=gone.id))
    scene.work(lambda: scene.is_over(run_id))
    with scene.sessions() as session:
        errors = Counter(session.scalars(select(Delivery.error).where(Delivery.send_state == SendState.FAILED)))
        calls = session.scalar(select(func.sum(Delivery.attempts)))
    poisoned = 2 * count // EVERY
    assert errors == {DAMAGED: poisoned}
    assert calls == count - poisoned
    found(poisoned=poisoned, calls=calls, **scene.compare(count, never_sent=[SendState.FAILED]))
