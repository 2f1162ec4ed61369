"""With one stolen account nobody gets, loses or reads anything that a second member did not agree to.

`stolen_account.md` says what each attack meets with each account; `python -m tests.security` prints what it met.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaigns.staff.models import Role
from tests.security.attacks import ATTACKS
from tests.security.playing import BY_RIGHT, DONE, WAITS, Stage, a_stage, read_table
from tests.security.scene import ACTORS

#: What a role reads alone, by what it is there for.
READ_BY_ROLE: dict[str, set[str]] = {
    Role.AUTHOR: {"plan"},
    Role.APPROVER: {"plan"},
    Role.RESPONDER: {"plan", "reply"},
    Role.STEWARD: {"plan", "row", "exact number"},
    Role.ADMIN: {"plan", "hook"},
}
#: What one member does alone, because it must be done at once; the administrators are told.
DONE_ALONE: dict[tuple[str, str], list[str]] = {("lift a stop", Role.STEWARD): ["people"]}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with a_stage(tmp_path_factory.mktemp("stolen")) as stage:
        yield stage


def test_table_names_every_attack_and_every_account() -> None:
    assert set(read_table()) == {(attack, str(actor)) for attack in ATTACKS for actor in ACTORS}


@pytest.mark.parametrize("attack", ATTACKS)
def test_one_stolen_account_hurts_nobody(stage: Stage, attack: str) -> None:
    table = read_table()
    for actor in map(str, ACTORS):
        met = stage.play(attack, actor)
        assert met.harm == DONE_ALONE.get((attack, actor), []), f"{actor} changed it alone"
        assert met.reads <= READ_BY_ROLE.get(actor, set()), f"{actor} read it"
        assert met.outcome == table[attack, actor], actor


def test_table_lets_nobody_through() -> None:
    """Nothing is done at once but what one member does alone, and what a role is there to read."""
    for (attack, actor), outcome in read_table().items():
        assert outcome != DONE or (attack, actor) in DONE_ALONE
        assert outcome not in (BY_RIGHT, WAITS) or actor in set(Role) | {"admin elsewhere"}
