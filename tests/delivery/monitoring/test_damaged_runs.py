"""A run whose frozen text is damaged is counted like others, but for what may be sent again."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.keys.crypto import Vault
from campaigns.delivery.counts import LARGE_RUN
from campaigns.delivery.monitoring import tally_renewal
from campaigns.delivery.monitoring.kept_tallies import find_kept
from campaigns.delivery.monitoring.tally_renewal import TallyRenewal
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run
from tests.delivery.builders import a_running_run


def test_damaged_text_of_a_run_ends_no_count(
    sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally_renewal, "FEW", 0)
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=2, deliveries={"send_state": SendState.UNCONFIRMED})
        session.execute(update(Run).values(planned=LARGE_RUN + 1, frozen={}, state="paused"))
    assert TallyRenewal(sessions, lambda: False).renew() == 1
    with sessions() as session:
        [kept] = find_kept(session, [run.id]).values()
    assert kept.tally is not None
    assert kept.tally.by_state == {SendState.UNCONFIRMED: 2}
    assert kept.unconfirmed == []
