"""What attackers try against a release: telling one person, counting around own phones, waiting for a change."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction

import pytest
from sqlalchemy import delete

from campaigns.audience.models import Address
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.planning.models import Run
from campaigns.reach.counting.service import recount_run
from campaigns.reach.releases.models import Release
from campaigns.reach.releases.privacy.disclose import EPSILON, Shape, disclose
from campaigns.reach.releases.privacy.noise import discrete_laplace
from campaigns.reach.releases.privacy.small_areas import LEAST, ROOT, rounded
from campaigns.reach.releases.readers.service import sign_link
from campaigns.staff.models import Role
from tests.factories import a_contact, a_member, a_reader, an_address
from tests.reach.releases.reached import IN_MARCH, SETTLED, reach_again
from tests.reach.releases.test_api import a_token
from tests.reach.releases.test_pages import make_march
from tests.web.pages import KEYS, Pages, make_pages

#: One region and nothing beside it: the most that its figure can give away.
ALONE = Shape(("a",), {"a": ROOT})
Show = Callable[[int], int | None]


def shown_by(chance: random.Random) -> Show:
    """Return what a release shows of a count, with noise from a seed."""
    return lambda count: disclose({"a": count}, ALONE, chance.randrange).own.get("a")


def advantage(draw: Callable[[int], object], count: int, draws: int) -> float:
    """Return by how much more often than by guessing an attacker tells `count` from one person more."""
    without, with_one = (Counter(draw(each) for _ in range(draws)) for each in (count, count + 1))
    return sum(max(0, with_one[seen] - without[seen]) for seen in with_one) / draws


@pytest.mark.parametrize("count", [0, 9, 10, 12, 40])
def test_one_person_more_can_hardly_be_told(count: int) -> None:
    chance = random.Random(count)
    assert advantage(lambda each: each + discrete_laplace(EPSILON, chance.randrange), count, 5000) <= 0.29
    assert advantage(shown_by(chance), count, 5000) <= 0.29


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 9, 10, 12, 40])
def test_one_person_more_is_told_within_the_bound_over_60000_draws(count: int) -> None:
    chance = random.Random(60_000 + count)
    assert advantage(lambda each: each + discrete_laplace(EPSILON, chance.randrange), count, 60_000) <= 0.255
    assert advantage(shown_by(chance), count, 60_000) <= 0.255


def test_live_figures_with_hiding_and_rounding_would_tell_it() -> None:
    assert advantage(live, LEAST - 1, 100) == 1.0


def live(count: int) -> int | None:
    """The usual rule, without noise: hide below ten, round to five."""
    return rounded(count) if count >= LEAST else None


def test_own_numbers_recover_every_live_figure() -> None:
    assert all(recovered_live(hidden) == hidden for hidden in range(LEAST))


def recovered_live(hidden: int) -> int:
    """Add own phones until the figure appears: that says how many others there are."""
    own = next(own for own in range(LEAST + 1) if live(hidden + own) is not None)
    return LEAST - own


@pytest.mark.parametrize(("trials", "own"), [(2000, 20), pytest.param(60_000, 20, marks=pytest.mark.slow)])
def test_own_numbers_recover_few_released_figures(trials: int, own: int) -> None:
    chance = random.Random(trials)
    show, guesses = shown_by(chance), best_guesses(own)
    hidden = [chance.randrange(LEAST) for _ in range(trials)]
    right = sum(guesses.get(show(each + own), 0) == each for each in hidden)
    assert right / trials <= 0.30


def best_guesses(own: int) -> dict[int | None, int]:
    """Return for each figure shown the hidden count that it follows from most often, by the exact distribution."""
    likely: dict[int | None, Counter[int]] = {}
    for hidden in range(LEAST):
        for noise in range(-60, 61):
            figure = live(hidden + own + noise)
            likely.setdefault(figure, Counter())[hidden] += round(1e12 * math.exp(-float(EPSILON) * abs(noise)))
    return {figure: counts.most_common(1)[0][0] for figure, counts in likely.items()}


def test_epsilon_is_a_half_and_no_float() -> None:
    assert Fraction(1, 2) == EPSILON


def everything_said(pages: Pages, release: Release, token: str, word: str, member: object) -> dict[str, bytes]:
    """Return every answer that a member without contact permission, a program or a reader can get."""
    member_client, program, reader = pages.client(member), pages.client(), pages.client()  # type: ignore[arg-type]
    forms = ("csv", "hxl", "xlsx", "geojson", "json")
    of_member = ["", "/ledger?year=2026", f"/{release.id}", *(f"/{release.id}/{each}" for each in forms)]
    of_program = ["", f"/{release.id}", *(f"/{release.id}/{each}" for each in forms)]
    of_reader = ["", f"/{release.id}", *(f"/{release.id}/{each}" for each in forms)]
    bearer = {"Authorization": f"Bearer {token}"}
    said = {path: member_client.get(f"/reach/publications{path}").data for path in of_member}
    said |= {f"api{path}": program.get(f"/api/v1/releases{path}", headers=bearer).data for path in of_program}
    said |= {f"reader{path}": reader.get(f"/publications/{word}{path}").data for path in of_reader}
    return {
        path: re.sub(rb"csrf_token\W+value=\W[^>]*|hx-headers='[^']*'", b"", body) for path, body in said.items()
    }


@pytest.mark.both_databases
def test_nothing_after_the_freeze_changes_any_answer(pages: Pages, vault: Vault) -> None:
    with clock.running_on(lambda: SETTLED):
        release, token = make_march(pages), a_token(pages)
        with pages.sessions.begin() as session:
            reader_id = a_reader(session, pages.ours, a_member(session, pages.ours), vault).id
        member = pages.member(Role.VIEWER)
        word = sign_link(KEYS["FINGERPOST_SECRET_KEY"], reader_id)
        before = everything_said(pages, release, token, word, member)
        change_the_truth(pages, vault)
        assert everything_said(pages, release, token, word, member) == before
        # Another process on the same database: what is remembered must not stand in for what is stored.
        with make_pages(pages.sessions.kw["bind"]) as again:
            assert everything_said(again, release, token, word, member) == before
    assert len(before) == 22
    assert all(len(body) > 40 for body in before.values())


def change_the_truth(pages: Pages, vault: Vault) -> None:
    """Reach one more person in the released period, and erase the addresses of all."""
    with pages.sessions.begin() as session:
        run = session.query(Run).first()
        assert run is not None
        contact = a_contact(session, pages.ours)
        an_address(session, contact, vault)
        reach_again(session, run, None, contact.id, at=IN_MARCH + timedelta(hours=1))
        recount_run(session, run.id)
        session.execute(delete(Address))
