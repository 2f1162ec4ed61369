"""What is shown: each leaf in one figure, none below ten, all multiples of five, and a total that adds up."""

from __future__ import annotations

import random

import pytest

from campaigns.reach.releases.privacy.small_areas import LEAST, ROOT, ROUND_TO, Folded, fold, rounded

Case = tuple[dict[str, int], dict[str, str]]


def a_tree(chance: random.Random) -> Case:
    """A tree of one to five levels, and a count for each leaf: many small ones, zeros and negative ones."""
    parents: dict[str, str] = {}
    level, leaves = [ROOT], []
    for depth in range(chance.randint(1, 5)):
        made = [f"{depth}.{number}" for number in range(chance.randint(1, 9))]
        parents |= {name: chance.choice(level) for name in made}
        level = made
    leaves = [name for name in parents if name not in parents.values()]
    return {leaf: chance.choice((-3, 0, 2, 9, 10, 12, 13, 40, 900)) for leaf in leaves}, parents


def check_structure(noisy: dict[str, int], parents: dict[str, str]) -> Folded:
    shown = fold(noisy, parents)
    assert set(shown.own) | set(shown.counted_in) == set(noisy)
    assert not set(shown.own) & set(shown.counted_in)
    for figure in (*shown.own.values(), *shown.others.values()):
        assert figure >= LEAST
        assert figure % ROUND_TO == 0
    for node in set(shown.counted_in.values()):
        exact = sum(noisy[leaf] for leaf, within in shown.counted_in.items() if within == node)
        assert shown.others.get(node) == (rounded(exact) if exact >= LEAST else None)
        assert node == ROOT or exact >= LEAST
    for leaf, within in shown.counted_in.items():
        assert within in ancestors(leaf, parents)
    assert shown.total == sum(shown.own.values()) + sum(shown.others.values())
    return shown


def ancestors(node: str, parents: dict[str, str]) -> set[str]:
    found = set()
    while node != ROOT:
        node = parents[node]
        found.add(node)
    return found


def test_structure_holds_over_300_random_trees() -> None:
    chance = random.Random(300)
    assert sum(bool(check_structure(*a_tree(chance)).counted_in) for _ in range(300)) > 200


@pytest.mark.slow
def test_structure_holds_over_3000_random_trees() -> None:
    chance = random.Random(3000)
    for _ in range(3000):
        check_structure(*a_tree(chance))


def test_small_leaves_join_the_others_of_their_parent() -> None:
    shown = fold({"a": 4, "b": 7, "c": 30}, {"a": "P", "b": "P", "c": "P", "P": ROOT})
    assert shown == Folded({"c": 30}, {"P": 10}, {"a": "P", "b": "P"})


def test_others_below_ten_pass_to_the_parent_of_the_parent() -> None:
    parents = {"a": "P", "b": "Q", "P": "X", "Q": "X", "X": ROOT}
    shown = fold({"a": 8, "b": 5}, parents)
    assert shown == Folded({}, {"X": 15}, {"a": "X", "b": "X"})


def test_what_is_left_below_ten_has_no_figure() -> None:
    shown = fold({"a": 8, "b": -2}, {"a": "P", "b": "P", "P": ROOT})
    assert shown == Folded({}, {}, {"a": ROOT, "b": ROOT})


def test_negative_counts_are_summed_as_they_are() -> None:
    shown = fold({"a": -6, "b": 9, "c": 9}, {"a": "P", "b": "P", "c": "P", "P": ROOT})
    assert shown.others == {"P": 10}


@pytest.mark.parametrize(("count", "shown"), [(10, 10), (12, 10), (13, 15), (17, 15), (18, 20), (1002, 1000)])
def test_figures_are_rounded_to_five(count: int, shown: int) -> None:
    assert rounded(count) == shown
