"""A release has one canonical document: all that any page, file or answer will ever say of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from babel import Locale

from campaigns.core.errors import DamagedDataError
from campaigns.core.words import N_
from campaigns.reach.releases.models import View
from campaigns.reach.releases.periods import Period
from campaigns.reach.releases.privacy.disclose import EPSILON, Shape, margin_of
from campaigns.reach.releases.privacy.region_tree import ELSEWHERE, UNKNOWN, RegionTree
from campaigns.reach.releases.privacy.small_areas import LEAST, ROOT, ROUND_TO, Folded

#: The form of the document; a reader that does not know it must not guess.
FORMAT = "fingerpost-release/1"
#: How a number too small to be shown is written.
TOO_SMALL = f"<{LEAST}"
_NAMES = {ELSEWHERE: "Other countries", UNKNOWN: "Unknown region"}
_KINDS = {View.REGIONS: "areas", View.CHANNELS: "channels", View.LANGUAGES: "languages", View.THEMES: "themes"}
#: What a figure counts.
WROTE = "people who wrote"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Heading:
    """What a release is about, beside its figures."""

    view: View
    #: "organisation", "campaign" or "joint".
    scope: str
    #: Names of who is counted: the organisation, or all that take part.
    organisations: tuple[str, ...]
    #: Name and code of the campaign, or None.
    campaign: tuple[str, str] | None
    period: Period
    revision: int
    #: Why there is another revision; '' for the first.
    reason: str
    made_at: datetime


def write_document(heading: Heading, tree: RegionTree, shape: Shape, folded: Folded) -> bytes:
    """Return the bytes: UTF-8, keys in order, no spaces, so that the same content is always the same bytes."""
    content = _heading(heading) | {
        "format": FORMAT,
        "measure": WROTE if heading.view is View.THEMES else "people reached",
        "method": {
            "epsilon": str(EPSILON),
            "least": LEAST,
            "noise": "discrete Laplace on each listed leaf",
            "round_to": ROUND_TO,
            "tree": tree.version,
            "tree_sha256": tree.sha256,
        },
        "rows": list(_rows(heading.view, tree, shape, folded)),
        "total": folded.total,
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def read_document(body: bytes) -> dict[str, Any]:
    """Return the content of a stored document. Raises DamagedDataError when it is none."""
    try:
        content: dict[str, Any] = json.loads(body)
    except ValueError:
        content = {}
    if content.get("format") != FORMAT:
        raise DamagedDataError(N_("A stored publication cannot be read."))
    return content


def _heading(heading: Heading) -> dict[str, Any]:
    last = heading.period.end - timedelta(microseconds=1)
    name, code = heading.campaign or ("", "")
    return {
        "view": heading.view,
        "scope": {
            "kind": heading.scope,
            "organisations": list(heading.organisations),
            "campaign": name,
            "campaign_code": code,
        },
        "period": {
            "name": heading.period.name,
            "start": _day(heading.period.start),
            "end": _day(last),
            "time_zone": "UTC",
        },
        "revision": heading.revision,
        "reason": heading.reason,
        "made_on": _day(heading.made_at),
    }


def _day(moment: datetime) -> str:
    day: date = moment.date()
    return day.isoformat()


def _rows(view: View, tree: RegionTree, shape: Shape, folded: Folded) -> Iterator[dict[str, Any]]:
    """Yield every leaf under its country, each country's others after its leaves, and the rest at the end."""
    leaves: dict[str, list[str]] = {}
    for leaf in shape.leaves:
        leaves.setdefault(leaf if shape.parents[leaf] == ROOT else shape.parents[leaf], []).append(leaf)
    for node, below in leaves.items():
        for leaf in below:
            yield _place(view, tree, node) | _leaf(view, tree, leaf) | _figure(folded, leaf)
        if node in folded.others:
            yield _place(view, tree, node) | _others(view, folded, node, folded.others[node])
    if ROOT in folded.counted_in.values():
        yield _place(view, tree, "") | _others(view, folded, ROOT, folded.others.get(ROOT))


def _place(view: View, tree: RegionTree, node: str) -> dict[str, Any]:
    country = node if node in tree.iso3 else ""
    named = _NAMES.get(node) or Locale("en").territories.get(node, "")
    return {
        "country": country,
        "country_name": named,
        "iso3": tree.iso3.get(country, ""),
        "code": "",
        "pcode": "",
        "name": "",
        "names": {},
        **dict.fromkeys(("theme",) if view is View.THEMES else ("channel", "language"), ""),
    }


def _leaf(view: View, tree: RegionTree, leaf: str) -> dict[str, Any]:
    """Return what tells a leaf apart; `key` names it within this tree."""
    if view is not View.REGIONS:
        return {"kind": "leaf", "key": leaf, view.value.removesuffix("s"): leaf.partition("/")[2]}
    area = tree.by_key.get(leaf)
    if area is None:
        return {"kind": "leaf", "key": leaf, "name": _NAMES[leaf]}
    names = dict(area.names)
    return {"kind": "leaf", "key": leaf, "code": area.code, "pcode": area.pcode, "name": area.name, "names": names}


def _figure(folded: Folded, leaf: str) -> dict[str, Any]:
    people = folded.own.get(leaf)
    within = folded.counted_in.get(leaf)
    return {
        "people": people,
        "margin": None if people is None else margin_of(1),
        "leaves": 1,
        "counted_in": within,
    }


def _others(view: View, folded: Folded, node: str, people: int | None) -> dict[str, Any]:
    count = sum(within == node for within in folded.counted_in.values())
    return {
        "kind": "rest" if node == ROOT else "others",
        "key": node,
        "name": f"Other {_KINDS[view]}",
        "people": people,
        "margin": None if people is None else margin_of(count),
        "leaves": count,
        "counted_in": None,
    }
