"""What people write: posted to us once, and kept in the provider's list, where the workers ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random

from campaigns.core.errors import UnavailableError
from campaigns.gateways.callbacks import Inbound
from campaigns.gateways.connecting import KeptInbound
from campaigns.inbox.service import receive_inbound
from tests.inbox.builders import came_over
from tests.simulation.database import SMS_SENDER, VAULT, WHATSAPP_SENDER, Database
from tests.simulation.oracle import Oracle
from tests.simulation.phones import Phone
from tests.simulation.plan import Plan, Word
from tests.simulation.processes import Process, Timeline

#: In which words people say it.
SAYINGS = {
    Word.STOP: ("STOP", "стоп", "Stop!!! stop", "СТОП\n--\nSent from my iPhone"),
    Word.HOLD: ("стоп поїзд", "please leave me alone"),
    Word.START: ("START",),
}
#: A provider that keeps no list posts again after so many seconds, until it is answered.
POSTS_AGAIN = 5.0
#: What must be queued for nobody who said stop. A hold takes out what is for addresses on hold: one that had opted
#: out before has nothing queued but what came back uncalled since, which the claim takes out.
_LEFT = (
    "SELECT count(*) FROM delivery JOIN run ON run.id = run_id JOIN address ON address.id = address_id"
    " WHERE delivery.contact_id = ? AND send_state = 'queued'"
    " AND CASE ? WHEN 'hold' THEN address.state = 'held' ELSE address.state <> 'active' END"
    " AND run.state NOT IN ('stopped', 'done')"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """Something that a person wrote."""

    phone: Phone
    word: Word
    said_at: float
    kept: KeptInbound


class Mailbox:
    """Everything that people wrote, as their providers have it."""

    def __init__(
        self,
        plan: Plan,
        chance: Random,
        *,
        timeline: Timeline,
        database: Database,
        oracle: Oracle,
        now: Callable[[], datetime],
        is_cut_off: Callable[[], bool],
    ) -> None:
        self._plan, self._chance = plan, chance
        self._timeline, self._database, self._oracle = timeline, database, oracle
        self._now, self._is_cut_off = now, is_cut_off
        self._letters: dict[str, Letter] = {}
        self.is_used = bool(plan.words)
        #: Nothing goes wrong any more.
        self.is_calm = False
        database.on_reply = self._hear

    def schedule(self) -> None:
        """Put in store what the plan lets people say."""
        for when, contact, channel, word in self._plan.words:
            self._timeline.at(when, partial(self._write, contact, channel, word))

    def begins(self, process: Process) -> None:
        """See a worker begin, which asks for what people wrote before it calls anybody."""
        self._oracle.began_at[process.name] = self._timeline.now
        self._oracle.deaf.discard(process.name)

    def is_deaf(self, process: Process) -> None:
        """See that a worker cannot hear all that people wrote."""
        self._oracle.deaf.add(process.name)

    def forget(self, kept: Collection[str]) -> None:
        """Take for unheard what we have kept no longer: what was said must be asked for again."""
        words, now = self._oracle.words, self._timeline.now
        words.forget()
        for number, letter in self._letters.items():
            is_stop = letter.word is not Word.START
            if number in kept:
                words.hear(letter.phone, is_stop=is_stop, said_at=letter.said_at, now=now)
            else:
                self._oracle.unheard[number] = letter.phone, is_stop, letter.said_at

    def list_for(self, receiver: str, since: datetime, until: datetime) -> list[KeptInbound]:
        """Return what came to a sender of ours within a time, oldest first. Raises UnavailableError."""
        if not self._plan.provider.keeps_list or (not self.is_calm and self._chance.random() < 0.1):
            raise UnavailableError("The list cannot be read.")
        kept = [letter.kept for letter in self._letters.values()]
        return [each for each in kept if each.inbound.to_handle == receiver and since <= each.received_at < until]

    def _write(self, contact_id: int, channel: str, word: Word) -> None:
        phone = channel, self._oracle.book.number(channel, contact_id)
        number = f"IN{len(self._letters) + 1}"
        receiver = SMS_SENDER if channel == "sms" else WHATSAPP_SENDER
        said_at = self._now().replace(microsecond=0)
        # Who posts again says of when it is; who keeps a list does not, for there it stands.
        told = None if self._plan.provider.keeps_list else said_at
        inbound = Inbound(number, phone[1], receiver, self._chance.choice(SAYINGS[word]), channel, said_at=told)
        kept = KeptInbound(inbound, said_at)
        letter = self._letters[number] = Letter(phone, word, self._timeline.now, kept)
        self._oracle.unheard[number] = phone, word is not Word.START, self._timeline.now
        self._oracle.note(f"SAYS {word}", f"person {contact_id} on {channel}")
        self._oracle.faults[f"says {word}"] += 1
        self._post(letter)

    def _post(self, letter: Letter) -> None:
        """Post it, once; who keeps no list posts it until we answer."""
        if self._is_cut_off():
            self._oracle.faults["unanswered inbound"] += 1
            self._oracle.note("nobody answers", letter.kept.inbound.provider_id)
            if not self._plan.provider.keeps_list:
                self._timeline.after(POSTS_AGAIN, partial(self._post, letter))
            return
        with self._database.sessions.begin() as session:
            receive_inbound(session, letter.kept.inbound, VAULT, account=came_over(session, "memory"))
        if letter.word is not Word.START:
            self._check_queue(letter)

    def _check_queue(self, letter: Letter) -> None:
        """D5: an opt-out leaves nothing queued, on whatever channel and in whatever contact of the person."""
        book = self._oracle.book
        numbers = {number for _, number in book.of_person(letter.phone[1])}
        for contact_id in {contact for number in numbers for contact in book.contacts[number]}:
            left = self._database.one(_LEFT, contact_id, letter.word.value)[0]
            if left:
                self._oracle.blame(f"D5: {left} deliveries to person {contact_id} are queued after their opt-out")

    def _hear(self, provider_id: str) -> None:
        """See a letter kept by us, whoever brought it."""
        letter = self._letters[provider_id]
        if self._oracle.unheard.pop(provider_id, None) is None:
            self._oracle.blame(f"D9: {provider_id} is kept twice")
        self._oracle.note(f"heard {letter.word}", f"{letter.phone[1]} on {letter.phone[0]}")
        is_stop = letter.word is not Word.START
        self._oracle.words.hear(letter.phone, is_stop=is_stop, said_at=letter.said_at, now=self._timeline.now)


class InboundOnly:
    """Implements Gateway and InboundList, as far as reading what people wrote goes, for one process."""

    def __init__(self, mailbox: Mailbox, process: Process) -> None:
        self._mailbox, self._process = mailbox, process

    async def list_inbound(self, receiver: str, since: datetime, until: datetime) -> list[KeptInbound]:
        await asyncio.sleep(0.02)
        try:
            return self._mailbox.list_for(receiver, since, until)
        except UnavailableError:
            self._mailbox.is_deaf(self._process)
            raise

    async def close(self) -> None:
        pass
