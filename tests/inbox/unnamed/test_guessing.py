"""Whoever guesses codes tries few of them, hits none, and shuts nobody out who has one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.unnamed import flood_limits, service
from campaigns.inbox.unnamed.flood_limits import SPARE_PER_MINUTE, SPARE_PER_NETWORK, TRIES_PER_MINUTE, try_code
from campaigns.inbox.unnamed.return_code import new_code
from campaigns.staff.sign_in import attempt_limits
from campaigns.staff.sign_in.attempt_limits import Limit
from tests.factories import an_organisation

SECRET = "of the tests"
GUESSES_PER_MINUTE = 20_000


@dataclass
class Buckets:
    """The buckets of the database, in memory: a million guesses take a minute there, and hours in rows."""

    empty_at: dict[str, datetime] = field(default_factory=dict)

    def pour(self, session: Session, limits: Sequence[Limit], *, now: datetime) -> bool:
        filled = {each: max(self.empty_at.get(each.key, now), now) + each.part for each in limits}
        if any(until > now + each.window for each, until in filled.items()):
            return False
        self.empty_at |= {each.key: until for each, until in filled.items()}
        return True

    def is_full(self, session: Session, limits: Sequence[Limit], *, now: datetime) -> bool:
        return any(self.empty_at.get(each.key, now) + each.part > now + each.window for each in limits)

    def pour_back(self, session: Session, limits: Iterable[Limit]) -> None:
        self.empty_at |= {each.key: self.empty_at[each.key] - each.part for each in limits}


@dataclass(frozen=True)
class Siege:
    """Many guesses in few minutes from many networks, and every now and then somebody who has a code."""

    guesses: int
    networks: int
    honest: int

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.guesses / GUESSES_PER_MINUTE)

    @property
    def ceiling(self) -> int:
        minutes = self.length // timedelta(minutes=1) + 1
        spare = min(self.networks * SPARE_PER_NETWORK, SPARE_PER_MINUTE * minutes)
        return TRIES_PER_MINUTE * minutes + spare

    def ask(self, session: Session, vault: Vault, codes: Sequence[str], pour_back: object) -> Iterator[str]:
        """Return of each guess that is tried, and of each honest person, what came of it."""
        pick, begun = random.Random(9), clock.now()
        for number in range(self.guesses):
            now, nth = begun + self.length * (number / self.guesses), pick.randrange(self.networks)
            if try_code(session, SECRET, {"REMOTE_ADDR": f"100.{nth // 256}.{nth % 256}.9"}, now=now) is not None:
                guess = f"{pick.randrange(10**16):016}"
                yield "hit" if service.find_report(session, guess, vault=vault) else f"tried {number}"
            if number % (self.guesses // self.honest) == 0:
                limits = try_code(session, SECRET, {"REMOTE_ADDR": f"192.0.{number % 250}.1"}, now=now)
                is_found = limits and service.find_report(session, pick.choice(codes), vault=vault)
                if is_found:
                    pour_back(session, limits)  # type: ignore[operator]
                yield f"served {number}" if is_found else f"shut out {number}"


def test_no_two_codes_of_a_hundred_thousand_are_one() -> None:
    assert len({new_code() for _ in range(100_000)}) == 100_000


def run(siege: Siege, engine: Engine, vault: Vault, pour_back: object) -> list[str]:
    with make_sessions(engine)() as session:
        told = service.Told(an_organisation(session).id, "They lock the door", "en", may_answer=True)
        codes = [service.begin_report(session, told, vault=vault)[1] for _ in range(3)]
        asked = list(siege.ask(session, vault, codes, pour_back))
        session.rollback()
        return asked


@pytest.mark.parametrize(
    "siege", [Siege(300, 70, 10), pytest.param(Siege(1_000_000, 3_000, 1_000), marks=pytest.mark.slow)]
)
def test_of_guesses_few_are_tried_and_whoever_has_a_code_is_served(
    siege: Siege, sqlite_engine: Engine, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets = Buckets()
    by_rows = run(siege, sqlite_engine, vault, attempt_limits.pour_back) if siege.guesses < 1_000 else []
    monkeypatch.setattr(flood_limits, "pour", buckets.pour)
    monkeypatch.setattr(flood_limits, "is_full", buckets.is_full)
    asked = run(siege, sqlite_engine, vault, buckets.pour_back)
    # What is in memory is like the rows.
    assert [by_rows, asked].count(asked) == (2 if by_rows else 1)
    assert "hit" not in asked
    shut_out = [int(each.split()[-1]) for each in asked if each.startswith("shut out")]
    # A few minutes, while thousands of networks use up what they have to spare; then everybody is served.
    few_minutes = siege.networks * SPARE_PER_NETWORK / SPARE_PER_MINUTE + 1
    assert [number for number in shut_out if number / GUESSES_PER_MINUTE > few_minutes] == []
    assert sum(each.startswith("served") for each in asked) == siege.honest - len(shut_out)
    tried = sum(each.startswith("tried") for each in asked)
    assert tried <= siege.ceiling < siege.guesses, tried
