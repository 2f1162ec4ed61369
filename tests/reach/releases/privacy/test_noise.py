"""The sampler draws the discrete Laplace distribution itself, from whole numbers only."""

from __future__ import annotations

import ast
import inspect
import math
import random
import secrets
from collections import Counter
from fractions import Fraction

import pytest

from campaigns.reach.releases.privacy import noise
from campaigns.reach.releases.privacy.noise import discrete_laplace

DRAWS = 40_000
#: Quantiles 0.999 of chi-square by degrees of freedom; the seed is fixed, and a wrong sampler fails by far.
CHI_SQUARE_999 = {10: 29.59, 20: 45.31, 22: 48.27}


def probability(value: int, epsilon: Fraction) -> float:
    decay = math.exp(-epsilon)
    return (1 - decay) / (1 + decay) * decay ** abs(value)


def deviation(draws: Counter[int], epsilon: Fraction, reach: int) -> float:
    """Return chi-square over the values from -reach to reach, with one bin for each tail."""
    expected = {value: probability(value, epsilon) for value in range(-reach, reach + 1)}
    tail = (1 - sum(expected.values())) / 2
    total = sum(draws.values())
    expected |= {reach + 1: tail, -reach - 1: tail}
    seen = Counter(dict.fromkeys(expected, 0))
    for value, count in draws.items():
        seen[max(-reach - 1, min(reach + 1, value))] += count
    return sum((seen[value] - total * share) ** 2 / (total * share) for value, share in expected.items())


@pytest.mark.parametrize(
    ("epsilon", "reach"), [(Fraction(1, 2), 9), (Fraction(1, 2), 10), (Fraction(5, 3), 4)], ids=str
)
def test_draws_follow_the_exact_distribution(epsilon: Fraction, reach: int) -> None:
    below = random.Random(20260304).randrange
    draws = Counter(discrete_laplace(epsilon, below) for _ in range(DRAWS))
    assert deviation(draws, epsilon, reach) < CHI_SQUARE_999[2 * reach + 2]


def test_measure_finds_a_sampler_that_is_wrong() -> None:
    below = random.Random(1).randrange
    draws = Counter(discrete_laplace(Fraction(11, 20), below) for _ in range(DRAWS))
    assert deviation(draws, Fraction(1, 2), 9) > 100


def test_ninety_five_of_a_hundred_stay_within_six() -> None:
    assert sum(probability(value, Fraction(1, 2)) for value in range(-6, 7)) >= 0.95


def test_no_floating_point_takes_part() -> None:
    tree = ast.parse(inspect.getsource(noise))
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert not [value for value in constants if isinstance(value, float)]
    assert "math" not in vars(noise)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Div)]


def test_bits_come_from_the_system_by_default() -> None:
    assert discrete_laplace.__defaults__ == (secrets.randbelow,)
