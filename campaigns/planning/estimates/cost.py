"""A pure table gives by language, channel and country people, parts, cost, and who is left out why.

Sums of money are made of the numbers of people that authors may see, which are rounded, with twenty in place of
those too small to show: otherwise whoever writes a rule could work out exact numbers from what it costs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from itertools import groupby

from campaigns.audience.models import Channel
from campaigns.audience.rules import LeftOut
from campaigns.core.small_numbers import SMALLEST_SHOWN, is_told, rounded, size
from campaigns.planning.estimates.audience_counts import Combination, Tally, TallyRow
from campaigns.planning.estimates.rendered_texts import RenderedText
from campaigns.planning.models import Sender
from campaigns.planning.senders.prices import Basis, price_of, priced_countries

#: Prices worse known than these are named below an estimate.
WELL_KNOWN = frozenset({Basis.AGREED, Basis.QUOTED})


@dataclass(frozen=True, slots=True)
class Capped:
    """People of an audience who had enough messages lately, alike in language, sender and country."""

    language: str
    sender_id: int
    number_country: str | None
    people: int


@dataclass(frozen=True, slots=True)
class Cell:
    """People who read one language, on one channel, with numbers of one country."""

    people: int
    #: SMS parts of the longest text among them; 0 on channels that are not paid by the part.
    parts: int
    #: What writing to them costs, at most.
    usd: Decimal
    #: How well the worst known of their prices is known.
    basis: Basis


@dataclass(frozen=True, slots=True)
class Row:
    """One language in one country."""

    #: Of the number, alpha-2; None where it is not known, as with Telegram.
    country: str | None
    language: str
    cells: Mapping[Channel, Cell]
    #: People by why they get nothing; most first.
    left_out: Mapping[LeftOut, int]

    @property
    def usd(self) -> Decimal:
        """What the row costs, at most."""
        return sum((cell.usd for cell in self.cells.values()), Decimal())

    @property
    def parts(self) -> int:
        """SMS parts of its text; 0 when nobody gets it as SMS."""
        return max((cell.parts for cell in self.cells.values()), default=0)

    @property
    def people(self) -> int:
        """Everybody in it, those left out too."""
        return sum(cell.people for cell in self.cells.values()) + sum(self.left_out.values())


@dataclass(frozen=True, slots=True)
class Estimate:
    """What sending to everybody once costs, if each is reached over their first sender."""

    usd: Decimal
    #: Countries (None: unknown) whose prices are not quoted by anybody, by how well they are known.
    uncertain: Mapping[Basis, tuple[str | None, ...]] = field(default_factory=dict)

    @property
    def cents(self) -> int:
        """The sum in whole cents, rounded up."""
        return int((self.usd * 100).to_integral_value(ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole table; each person of the audience is in exactly one cell, or left out once."""

    #: Countries with most people first, and their languages likewise.
    rows: tuple[Row, ...]
    #: In the order of the campaign's senders.
    channels: tuple[Channel, ...]

    @property
    def estimate(self) -> Estimate:
        """What it costs in all."""
        uncertain: defaultdict[Basis, set[str | None]] = defaultdict(set)
        for row in self.rows:
            for cell in row.cells.values():
                if cell.basis not in WELL_KNOWN and cell.usd:
                    uncertain[cell.basis].add(row.country)
        named = {basis: tuple(sorted(found, key=str)) for basis, found in sorted(uncertain.items())}
        return Estimate(sum((row.usd for row in self.rows), Decimal()), named)

    def by_country(self) -> list[tuple[str | None, list[Row]]]:
        """Return the rows of each country, in their order, without those of people too few to be told of."""
        told = [row for row in self.rows if is_told(row.people)]
        return [(country, list(rows)) for country, rows in groupby(told, key=lambda row: row.country)]

    @property
    def is_paid_by_part(self) -> bool:
        """Whether any text goes out as SMS."""
        return any(cell.parts for row in self.rows for cell in row.cells.values())


def estimate_cost(
    tally: Tally, rendered: Sequence[RenderedText], senders: Sequence[Sender], *, max_parts: int
) -> Estimate:
    """Return what a campaign costs at most, in dollars, from its count and rendered texts (see `matrix_of`).

    What is said to few people, or to nobody, is priced for twenty where it is dearest: what it costs must not tell
    where they are.
    """
    if is_told(tally.people):
        return matrix_of(tally, rendered, senders).estimate
    dearest = [_dearest(sender, max_parts) for sender in senders]
    return Estimate(SMALLEST_SHOWN * max(dearest, default=Decimal()))


def _dearest(sender: Sender, parts: int) -> Decimal:
    """Return what one person costs over a sender where it is dearest, of the countries that it covers."""
    countries = sender.countries or priced_countries(sender.channel)
    prices = [price_of(sender.channel, country, sender.prices).usd for country in countries]
    return max(prices) * (parts if sender.channel == Channel.SMS else 1)


def matrix_of(
    tally: Tally, rendered: Sequence[RenderedText], senders: Sequence[Sender], capped: Iterable[Capped] = ()
) -> Matrix:
    """Arrange a count of the audience; `rendered` are the texts of its combinations, in their order.

    `capped` are those of the people written to who had enough messages lately.
    """
    texts = dict(zip(tally.combinations(), rendered, strict=True))
    by_id = {sender.id: sender for sender in senders}
    written: defaultdict[tuple[str | None, str], list[tuple[TallyRow, RenderedText]]] = defaultdict(list)
    left_out: defaultdict[tuple[str | None, str], Counter[LeftOut]] = defaultdict(Counter)
    for row in tally.rows:
        key = (row.number_country, row.language)
        text = None if row.reason else texts[Combination(row.region_id, row.language, row.number_country)]
        if text is None or text.body is None or row.sender_id not in by_id:
            left_out[key][row.reason or LeftOut.NO_SIGNPOST] += row.people
        else:
            written[key].append((row, text))
    waiting = {(each.number_country, each.language, each.sender_id): each.people for each in capped}
    rows = []
    for country, language in {**written, **left_out}:
        people = _by_sender(written[country, language])
        enough = {each: min(people[each][0], waiting.get((country, language, each), 0)) for each in people}
        reasons = left_out[country, language] + Counter({LeftOut.CAPPED: sum(enough.values())})
        cells = _cells(people, enough, country=country, senders=by_id)
        rows.append(Row(country, language, cells, dict(reasons.most_common())))
    channels = tuple(dict.fromkeys(Channel(sender.channel) for sender in senders))
    return Matrix(tuple(_most_first(rows)), channels)


def _by_sender(found: Iterable[tuple[TallyRow, RenderedText]]) -> dict[int, tuple[int, int]]:
    """Return people and most parts of one row by the sender that writes to them."""
    totals: dict[int, tuple[int, int]] = {}
    for row, text in found:
        people, parts = totals.get(row.sender_id or 0, (0, 0))
        totals[row.sender_id or 0] = (people + row.people, max(parts, text.length.parts if text.length else 0))
    return totals


def _cells(
    people: Mapping[int, tuple[int, int]],
    enough: Mapping[int, int],
    *,
    country: str | None,
    senders: Mapping[int, Sender],
) -> dict[Channel, Cell]:
    cells: dict[Channel, Cell] = {}
    for sender_id, (count, parts) in people.items():
        sender = senders[sender_id]
        if count == enough[sender_id]:
            continue
        cell = _cell(sender, country, count - enough[sender_id], parts)
        before = cells.get(Channel(sender.channel))
        cells[Channel(sender.channel)] = cell if before is None else _joined(before, cell)
    return cells


def _cell(sender: Sender, country: str | None, people: int, parts: int) -> Cell:
    paid_by_part = sender.channel == Channel.SMS
    price = price_of(sender.channel, country, sender.prices)
    messages = shown_people(people) * (parts if paid_by_part else 1)
    return Cell(people, parts if paid_by_part else 0, price.usd * messages, price.basis)


def shown_people(people: int) -> int:
    """Return the number of people that an author may see, as one to multiply with: 1 to 19 count as 20."""
    shown = rounded(people)
    return SMALLEST_SHOWN if shown is None else shown


def _joined(one: Cell, other: Cell) -> Cell:
    worst = max(one.basis, other.basis, key=list(Basis).index)
    return Cell(one.people + other.people, max(one.parts, other.parts), one.usd + other.usd, worst)


def _most_first(rows: Iterable[Row]) -> list[Row]:
    """Order rows by country and language, those that hold most people first."""
    sizes = {(row.country, row.language): row.people for row in rows}
    by_country: Counter[str | None] = Counter()
    for (country, _), people in sizes.items():
        by_country[country] += people
    return sorted(
        rows,
        key=lambda row: (-size(by_country[row.country]), row.country or "~", -size(row.people), row.language),
    )
