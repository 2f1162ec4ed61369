"""True counts become what may be shown: each leaf gets noise, then counts are folded and rounded."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from campaigns.reach.releases.models import View
from campaigns.reach.releases.privacy.noise import Below, discrete_laplace
from campaigns.reach.releases.privacy.region_tree import ELSEWHERE, UNKNOWN, RegionTree
from campaigns.reach.releases.privacy.small_areas import ROOT, Folded, Parents, fold
from campaigns.reach.releases.privacy.true_counts import Group

#: What one release may give away about one person; all of a calendar year together, `SLOTS` times as much.
EPSILON = Fraction(1, 2)
#: What noise of one leaf stays within, 19 times of 20.
LEAF_MARGIN = 6


@dataclass(frozen=True, slots=True)
class Shape:
    """The leaves of a release and what they are folded into: known before anybody is counted."""

    #: In the order in which they are listed.
    leaves: tuple[str, ...]
    parents: Parents


def shape_of(view: View, tree: RegionTree, values: Iterable[str] = ()) -> Shape:
    """Return the shape of a view; `values` are all that is told by country only: channels, languages, themes."""
    if view is View.REGIONS:
        return Shape(tree.leaves, tree.parents)
    countries = (*tree.iso3, ELSEWHERE, UNKNOWN)
    crossed = {f"{country}/{value}": country for country in countries for value in values}
    return Shape(tuple(crossed), crossed | dict.fromkeys(countries, ROOT))


def leaf_of(group: Group, view: View, tree: RegionTree, values: Iterable[str] = ()) -> str:
    """Return the leaf that a group of people is counted in, an unlisted value as the last one."""
    if view is View.REGIONS:
        return tree.leaf_of(group.region, above=group.above)
    country = group.country if group.country in tree.iso3 else ELSEWHERE if group.country else UNKNOWN
    known = tuple(values)
    value = {View.CHANNELS: group.channel, View.LANGUAGES: group.language, View.THEMES: group.theme}[view]
    return f"{country}/{value if value in known else known[-1]}"


def disclose(true: Mapping[str, int], shape: Shape, below: Below = secrets.randbelow) -> Folded:
    """Put noise on every leaf, zeros included, and fold: what comes out may be shown."""
    noisy = {leaf: true.get(leaf, 0) + discrete_laplace(EPSILON, below) for leaf in shape.leaves}
    return fold(noisy, shape.parents)


def margin_of(leaves: int) -> int:
    """Return what noise on a sum of `leaves` leaves stays within, 19 times of 20.

    A leaf's variance is 2a / (1 - a)² with a = exp(-EPSILON); sums of several are close to normal.
    """
    a = math.exp(-EPSILON)
    spread = math.sqrt(leaves * 2 * a) / (1 - a)
    return max(LEAF_MARGIN, math.ceil(1.96 * spread))
