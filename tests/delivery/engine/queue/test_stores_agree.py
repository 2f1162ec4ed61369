"""Whatever is done to both, the store in memory and the one on a database say the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Claimed, put_back
from campaigns.delivery.states import SendState
from campaigns.planning.models import RunState
from tests.delivery.engine.queue.test_stores import COUNT, Bed, DatabaseBed, MemoryBed
from tests.factories import NOON


class Act(NamedTuple):
    """Something that is done to a bed; `which` picks a claim that was made so far, or a delivery."""

    name: str
    which: int
    limit: int


ACTS = st.builds(
    Act,
    st.sampled_from(["claim", "accept", "fail", "doubt", "put back", "leave", "expire", "lose", "stop", "go on"]),
    st.integers(0, COUNT - 1),
    st.integers(1, COUNT),
)
ENDS = {"accept": SendState.ACCEPTED, "fail": SendState.FAILED, "doubt": SendState.UNKNOWN}


def play(bed: Bed, acts: Sequence[Act]) -> list[object]:
    """Do the acts and return all that can be seen after each."""
    seen, claims = list[object](), list[Claimed]()
    for act in acts:
        claimed = claims[act.which % len(claims)] if claims else None
        if act.name == "claim":
            found = bed.claim(after=bed.ids[act.which] - 1, limit=act.limit)
            claims += found.claimed
            seen.append(([bed.ids.index(each.id) for each in found.claimed], found.taken))
        elif act.name in ENDS and claimed is not None:
            bed.write(claimed, ENDS[act.name], error=None if act.name == "accept" else "1")
        elif act.name == "put back" and claimed is not None:
            bed.store.exchange([put_back(claimed)], None)
        elif act.name == "leave":
            bed.leave(act.which)
        elif act.name == "expire":
            bed.change(act.which, expires_at=NOON)
        elif act.name == "lose" and bed.states()[act.which] is SendState.SENDING:
            bed.lose(act.which)
        elif act.name in ("stop", "go on"):
            bed.move_run(RunState.STOPPED if act.name == "stop" else RunState.RUNNING)
        seen += [bed.states(), bed.attempts(), bed.run_id in bed.store.snapshot().running]
    return seen


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=3, max_size=14))
def test_both_stores_say_the_same(sessions: sessionmaker[Session], vault: Vault, acts: list[Act]) -> None:
    assert play(MemoryBed(), acts) == play(DatabaseBed(sessions, vault), acts)
