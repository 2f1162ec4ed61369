"""Whose phone is whose, and what people said from each: what the oracle knows of persons."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tests.simulation.database import PEOPLE
from tests.simulation.runs import handle_of

CHANNELS = ("sms", "whatsapp")
#: A phone number on a channel.
Phone = tuple[str, str]


class AddressBook:
    """Each contact has a number for SMS and one for WhatsApp; of some pairs of contacts one number is the same."""

    def __init__(self) -> None:
        self._numbers = {
            (channel, contact): handle_of(channel, contact)
            for channel in CHANNELS
            for contact in range(1, PEOPLE + 1)
        }
        self._find_people()

    def share(self, owner: int, other: int) -> str:
        """Let the number that `owner` has for SMS be that which `other` has for WhatsApp, too; return it."""
        number = self._numbers["whatsapp", other] = self._numbers["sms", owner]
        self._find_people()
        return number

    def number(self, channel: str, contact_id: int) -> str:
        """Return the number of a contact on a channel."""
        return self._numbers[channel, contact_id]

    def of_address(self, address_id: int) -> Phone:
        """Return where an address leads: they were given out in the order of contacts, channel by channel."""
        rank, before = divmod(address_id - 1, PEOPLE)
        return CHANNELS[rank], self._numbers[CHANNELS[rank], before + 1]

    def of_person(self, number: str) -> frozenset[Phone]:
        """Return all that the person with this number can be reached at."""
        return self._people[number]

    def _find_people(self) -> None:
        """Put together what belongs to each person: all of a contact, and of whoever shares a number with it."""
        #: Contacts that have a number.
        self.contacts: dict[str, tuple[int, ...]] = {}
        for (_, contact), number in self._numbers.items():
            self.contacts[number] = (*self.contacts.get(number, ()), contact)
        people: dict[str, frozenset[Phone]] = {}
        for contact in range(1, PEOPLE + 1):
            mine = {(channel, self._numbers[channel, contact]) for channel in CHANNELS}
            person = frozenset(mine.union(*(people.get(number, frozenset()) for _, number in mine)))
            people |= {number: person for _, number in person}
        self._people = people


@dataclass(slots=True)
class Words:
    """What people said that reached us: who must not be written to, since when, and who ever had a reason."""

    book: AddressBook
    #: Since when a phone is withdrawn, in seconds since the world began.
    since: dict[Phone, float] = field(default_factory=dict)
    #: Phones that were withdrawn, or called dead by the provider, at any time.
    closed: set[Phone] = field(default_factory=set)
    #: When the last word was said that counts for a phone.
    _said_at: defaultdict[Phone, float] = field(default_factory=lambda: defaultdict(lambda: float("-inf")))

    def forget(self) -> None:
        """Forget who must not be written to, but not who ever had a reason."""
        self.since.clear()
        self._said_at.clear()

    def hear(self, phone: Phone, *, is_stop: bool, said_at: float, now: float) -> None:
        """See that what somebody said is kept; an earlier word than the last that was heard changes nothing.

        A stop is for the whole person, a start for the phone and channel that it comes from alone.
        """
        for each in self.book.of_person(phone[1]) if is_stop else (phone,):
            if said_at < self._said_at[each]:
                continue
            self._said_at[each] = said_at
            if is_stop:
                self.since.setdefault(each, now)
                self.closed.add(each)
            else:
                self.since.pop(each, None)
