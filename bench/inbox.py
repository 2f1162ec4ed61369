"""How long a responder waits for a page of a full inbox, and how soon an answer leaves beside a large run.

`--conversations` people wrote ten messages each; half of them wait. A responder opens the queue (by shelves and
filters), threads, searches words and full numbers, and answers; `queue_p50_ms` and so on are what the page takes
on the server, with the database but without a network. Then a run of `--people` is in full flight over the same
sender, and answers are written one after another: `leaves_s` is the longest from the commit of one until the
sandbox has it.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import click
from flask.testing import FlaskClient
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bench.flight import Flight, flight
from bench.harness import DATABASES, fresh_database, note, report
from campaigns.audience.consent.handles import number_key
from campaigns.audience.consent.person import lock_addresses
from campaigns.audience.models import Address, AddressState, Channel, Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.answers.answer_runs import AnswerText, queue_answer
from campaigns.gateways.callbacks import Happening
from campaigns.inbox.conversations.models import Conversation, ConversationState, ConversationTag, ConversationWord
from campaigns.inbox.conversations.word_index import hashes_of
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.urgency.levels import Urgency
from campaigns.planning.models import Sender
from campaigns.staff.models import Role
from tests.factories import a_sender
from tests.web.pages import make_pages

#: Messages that each person wrote.
EACH = 10
#: Rows of one insert.
CHUNK = 5_000
#: Words of what people write; each conversation has some of them.
WORDS = (
    *("sleep", "child", "station", "help", "passport", "border", "doctor", "food"),
    *("job", "train", "water", "visa", "night", "police", "hotel", "bus"),
)
LANGUAGES = ("uk", "ru", "ar", "en", "pl", None)
#: The limits that are wanted, in milliseconds and seconds.
P50_MS, P99_MS, LEAVES_S = 100, 300, 2.0
#: How long an answer may wait for its call.
_LIVES = timedelta(hours=1)


@dataclass
class Desk:
    """A responder before a full inbox."""

    client: FlaskClient
    conversation_ids: Sequence[int]

    def time(
        self, send: Callable[[FlaskClient, int, dict[str, str]], Any], *, times: int, answers: bool = False
    ) -> list[float]:
        """Return how long each of some requests took, in milliseconds; who answers has read the page before."""
        took = []
        for _ in range(times):
            which = random.choice(self.conversation_ids)
            seen = _seen(self.client.get(f"/inbox/{which}").text) if answers else {}
            began = time.perf_counter()
            answer = send(self.client, which, seen)
            took.append(1000 * (time.perf_counter() - began))
            if answer.status_code not in (200, 302):
                raise AssertionError(f"{answer.request.path} answers {answer.status_code}")
        return took


def measure(kind: str, conversations: int, people: int, times: int) -> dict[str, Any]:
    """Return the figures of one database."""
    with a_full_desk(kind, conversations) as desk:
        figures = measure_pages(desk, times)
    note(f"{kind}: {figures}")
    with flight(kind) as instance:
        figures["leaves_s"] = measure_leaving(instance, people)
    return figures


def measure_pages(desk: Desk, times: int) -> dict[str, float]:
    """Return median and 99th percentile of each kind of page."""
    shelves = [
        "",
        "?shelf=mine",
        "?shelf=answered",
        "?shelf=closed",
        "?shelf=all",
        "?channel=sms",
        "?tag=need_shelter",
    ]
    number = f"+38067{random.randrange(1, len(desk.conversation_ids)):07}"
    kinds: dict[str, Callable[[FlaskClient, int, dict[str, str]], Any]] = {
        "queue": lambda client, *_: client.get(f"/inbox{random.choice(shelves)}"),
        "thread": lambda client, which, _: client.get(f"/inbox/{which}"),
        "answer": _answer,
        "search": lambda client, *_: client.get(
            "/inbox", query_string={"shelf": "all", "text": random.choice([*WORDS, "sleep child", number])}
        ),
    }
    figures: dict[str, float] = {}
    for name, send in kinds.items():
        desk.time(send, times=5, answers=name == "answer")
        took = desk.time(send, times=times, answers=name == "answer")
        figures |= {f"{name}_p50_ms": round(statistics.median(took), 1), f"{name}_p99_ms": round(_p99(took), 1)}
    return figures


def _seen(page: str) -> dict[str, str]:
    """Return the hidden fields by which a page says what was seen."""
    values = {
        name: page.partition(f'name="{name}"')[2].partition('value="')[2] for name in ("seen_reply", "seen_answer")
    }
    return {name: value.partition('"')[0] for name, value in values.items()}


def _answer(client: FlaskClient, which: int, seen: dict[str, str]) -> Any:
    return client.post(f"/inbox/{which}/answer", data={"words": "You can sleep at the station."} | seen)


def _p99(took: list[float]) -> float:
    return sorted(took)[math.ceil(0.99 * len(took)) - 1]


@contextmanager
def a_full_desk(kind: str, conversations: int) -> Iterator[Desk]:
    """Yield a responder of an organisation to which many people wrote."""
    with fresh_database(kind) as engine, make_pages(engine) as pages:
        vault = Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)
        began = time.monotonic()
        with pages.sessions.begin() as session:
            sender = a_sender(session, organisation_id=pages.ours.id)
            ids = list(_fill(session, vault, pages.ours.id, sender.id, conversations))
        note(f"{kind}: {conversations} conversations in {time.monotonic() - began:.0f} s")
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
        yield Desk(pages.client(pages.member(Role.RESPONDER)), ids)


def _fill(session: Session, vault: Vault, organisation_id: int, sender_id: int, count: int) -> Iterator[int]:
    now, chance = clock.now(), random.Random(2022)
    hashes = {word: hashes_of(word, vault)[0] for word in WORDS}
    for first in range(1, count + 1, CHUNK):
        rows: dict[Any, list[dict[str, Any]]] = {
            kind: [] for kind in (Contact, Address, Reply, Conversation, ConversationWord, ConversationTag)
        }
        for which in range(first, min(first + CHUNK, count + 1)):
            _add_person(rows, vault, chance, which, organisation_id=organisation_id, sender_id=sender_id, now=now)
            spoken = chance.sample(WORDS, 5)
            rows[ConversationWord] += [
                {"organisation_id": organisation_id, "word": hashes[word], "conversation_id": which}
                for word in spoken
            ]
            yield which
        for kind, values in rows.items():
            if values:
                session.execute(insert(kind), values)


def _add_person(
    rows: dict[Any, list[dict[str, Any]]],
    vault: Vault,
    chance: random.Random,
    which: int,
    *,
    organisation_id: int,
    sender_id: int,
    now: datetime,
) -> None:
    """Add one person with their messages and where the conversation stands."""
    language, at = chance.choice(LANGUAGES), now - timedelta(minutes=chance.randrange(1, 60 * 24 * 30))
    rows[Contact].append(
        {"id": which, "organisation_id": organisation_id, "language": language or "und", "created_at": at}
    )
    address = _address(vault, which, at) | {"organisation_id": organisation_id}
    rows[Address].append(address)
    ours = {
        "organisation_id": organisation_id,
        "contact_id": which,
        "sender_id": sender_id,
        "channel": Channel.SMS,
    }
    said = ours | {"lookup": address["lookup"], "number": address["number"], "received_at": at}
    ids = range((which - 1) * EACH + 1, which * EACH + 1)
    rows[Reply] += [said | _message(vault, reply_id, " ".join(chance.sample(WORDS, 6))) for reply_id in ids]
    stands = {"language": language, "last_reply_id": ids[-1], "last_at": at, "created_at": at}
    rows[Conversation].append(ours | stands | _standing(chance, which, at))
    tag = chance.choice(["need_shelter", "need_medical"])
    rows[ConversationTag].append({"conversation_id": which, "tag": tag})


def _address(vault: Vault, which: int, at: datetime) -> dict[str, Any]:
    handle = f"+38067{which:07}"
    return {
        "id": which,
        "contact_id": which,
        "channel": Channel.SMS,
        "ciphertext": vault.seal(handle, table="address", column="ciphertext", row_id=which),
        "lookup": vault.lookup_hash(Channel.SMS, handle),
        "number": number_key(vault, Channel.SMS, handle),
        "country": "UA",
        "state": AddressState.PENDING,
        "heard_at": at,
        "created_at": at,
    }


def _message(vault: Vault, reply_id: int, words: str) -> dict[str, Any]:
    return {
        "id": reply_id,
        "gateway": "twilio",
        "provider_id": f"SM{reply_id:032}",
        "kind": ReplyKind.TEXT,
        "happening": Happening.WROTE,
        "is_unheeded": False,
        "sealed_text": vault.seal(words, table="reply", column="sealed_text", row_id=reply_id),
    }


def _standing(chance: random.Random, which: int, at: datetime) -> dict[str, Any]:
    state = chance.choice([ConversationState.NEW, ConversationState.NEW, *list(ConversationState)[2:]])
    return {
        "id": which,
        "state": state,
        "urgency": chance.choice([30, 30, 30, 40, 20, Urgency.DANGER.value]),
        "reasons": [],
        "waiting_since": at if state is ConversationState.NEW else None,
    }


def measure_leaving(instance: Flight, people: int, *, answers: int = 20) -> float:
    """Return the longest that an answer took to leave beside a run in full flight, in seconds."""
    run_id = instance.add_run(instance.sending, people=people)
    instance.start(run_id)
    instance.fly(2_000)
    took = []
    handles = list(instance.correcting.addresses.items())[:answers]
    for handle, address_id in handles:
        with instance.sessions.begin() as session:
            [address] = lock_addresses(session, [address_id])
            sender = session.scalars(select(Sender).order_by(Sender.id).limit(1)).one()
            until = clock.now() + _LIVES
            queue_answer(
                session,
                address,
                sender,
                AnswerText("en", f"Answer to {handle}"),
                vault=instance.vault,
                until=until,
            )
        began = time.monotonic()
        instance.wait(partial(_has_arrived, instance, handle))
        took.append(time.monotonic() - began)
    return round(max(took), 2)


def _has_arrived(instance: Flight, handle: str) -> bool:
    return bool(instance.sandbox.truth(to=handle))


@click.command()
@click.option("--conversations", default=100_000, show_default=True)
@click.option("--people", default=100_000, show_default=True, help="People of the run beside which answers leave.")
@click.option("--times", default=200, show_default=True, help="Requests of each kind.")
@click.option("--database", type=click.Choice([*DATABASES, "both"]), default="both", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(conversations: int, people: int, times: int, database: str, as_json: bool) -> None:
    """Measure the pages of a full inbox, and how soon answers leave."""
    chosen = DATABASES if database == "both" else (database,)
    report(lambda kind: measure(kind, conversations, people, times), databases=chosen, as_json=as_json)


if __name__ == "__main__":
    main()
