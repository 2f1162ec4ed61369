"""Pure rules say whether one more code may be sent: somebody who types the numbers of others costs little.

Whoever sells text messages to expensive numbers has them asked for by machines: hence limits for neighbours of a
number too, and a breaker where hardly anybody types the code that they got.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

#: Most codes to one number in a day, and to numbers that begin alike in an hour.
PER_NUMBER, DAY = 3, timedelta(days=1)
PER_PREFIX, HOUR = 30, timedelta(hours=1)
#: Digits by which numbers begin alike, the country's code among them.
PREFIX_DIGITS = 7
#: Of so many last codes to one beginning a fifth has to be typed in, else no more are sent there.
LOOKED_BACK, FEWEST_TYPED = 50, 0.2


@dataclass(slots=True)
class Budgets:
    """What was sent already; each code that may be sent is added to it."""

    #: Cents of a dollar that an organisation spends in a day.
    cents_a_day: int
    of_number: Counter[bytes] = field(default_factory=Counter)
    of_prefix: Counter[bytes] = field(default_factory=Counter)
    #: Cents by organisation.
    spent: Counter[int] = field(default_factory=Counter)
    #: How many of the last codes to a beginning there are, and how many of these were typed in.
    last: Counter[bytes] = field(default_factory=Counter)
    typed: Counter[bytes] = field(default_factory=Counter)

    def take(self, number: bytes, prefix: bytes, organisation_id: int, cents: int) -> bool:
        """Count one code more, unless that is too many; say whether it may be sent."""
        last = self.last[prefix]
        is_broken = last >= LOOKED_BACK and self.typed[prefix] < FEWEST_TYPED * last
        too_many = self.of_number[number] >= PER_NUMBER or self.of_prefix[prefix] >= PER_PREFIX
        if is_broken or too_many or self.spent[organisation_id] + cents > self.cents_a_day:
            return False
        self.of_number[number] += 1
        self.of_prefix[prefix] += 1
        self.spent[organisation_id] += cents
        self.last[prefix] = min(last + 1, LOOKED_BACK)
        return True
