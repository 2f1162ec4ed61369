"""Receipts are written in groups, in their order; what cannot be written fails alone and is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.database import make_engine
from campaigns.core.errors import UnavailableError
from campaigns.delivery.models import Receipt
from campaigns.delivery.receipts.merge import row_of
from campaigns.delivery.receipts.receipt_writer import ReceiptIntake, _Waiting
from campaigns.gateways.callbacks import StatusUpdate


def an_update(reference: str, **changes: object) -> StatusUpdate:
    return StatusUpdate(reference, "SM1", "sent", None, **changes)  # type: ignore[arg-type]


def references(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(Receipt.reference).order_by(Receipt.id)))


def keep_many(intake: ReceiptIntake, count: int) -> None:
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda n: intake.keep([an_update(str(n))], gateway="twilio"), range(count)))


def test_many_callbacks_share_few_statements(engine: Engine, sessions: sessionmaker[Session]) -> None:
    said: list[str] = []

    def listen(connection: object, cursor: object, statement: str, *_: object) -> None:
        said.append(statement.split(maxsplit=1)[0])

    event.listen(engine, "before_cursor_execute", listen)
    keep_many(ReceiptIntake(engine), 400)
    event.remove(engine, "before_cursor_execute", listen)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Receipt)) == 400
    # Each is a transaction by itself: no BEGIN or COMMIT is sent beside it.
    assert set(said) == {"INSERT"}
    assert len(said) < 200


def test_failing_database_answers_unavailable_then_recovers(engine: Engine) -> None:
    broken = make_engine("sqlite:////nowhere/at/all.db")
    intake = ReceiptIntake(broken)
    with pytest.raises(UnavailableError, match="could not be stored"):
        intake.keep([an_update("abc")], gateway="twilio")
    intake._engine = engine
    intake.keep([an_update("abc")], gateway="twilio")
    broken.dispose()


def test_order_and_letters_survive_the_group(engine: Engine, sessions: sessionmaker[Session]) -> None:
    names = [f"{number}-Łódź مرحبا 👩\u200d👧 \\ ' %" for number in range(50)]
    raw = {"Empty": "", "Text": names[0]}
    ReceiptIntake(engine).keep([an_update(name, raw=raw) for name in names], gateway="twilio")
    assert references(sessions) == names
    with sessions() as session:
        receipt = session.scalars(select(Receipt)).first()
        assert receipt is not None
        assert (receipt.raw, receipt.error, receipt.action, receipt.applied_at) == (raw, None, None, None)


class Gate:
    """Holds every commit back until it is opened."""

    def __init__(self, engine: Engine) -> None:
        self.opened, self.reached = Event(), Event()
        event.listen(engine, "begin", self._wait)

    def _wait(self, connection: object) -> None:
        self.reached.set()
        self.opened.wait(10)


def test_no_more_than_the_limit_may_wait(engine: Engine, sessions: sessionmaker[Session]) -> None:
    gate, intake = Gate(engine), ReceiptIntake(engine, most_waiting=1)
    threads = [Thread(target=intake.keep, args=([an_update(name)],), kwargs={"gateway": "x"}) for name in "ab"]
    threads[0].start()
    assert gate.reached.wait(10)
    threads[1].start()
    while intake._waiting.qsize() < 1:
        pass
    with pytest.raises(UnavailableError, match="Too many"):
        intake.keep([an_update("c")], gateway="x")
    gate.opened.set()
    for thread in threads:
        thread.join()
    event.remove(engine, "begin", gate._wait)
    assert references(sessions) == ["a", "b"]


def test_slow_commit_is_not_waited_for_ever(engine: Engine) -> None:
    gate = Gate(engine)
    with pytest.raises(UnavailableError, match="in time"):
        ReceiptIntake(engine, patience_seconds=0.01).keep([an_update("a")], gateway="x")
    gate.opened.set()
    event.remove(engine, "begin", gate._wait)


def test_one_poison_row_fails_alone(engine: Engine, sessions: sessionmaker[Session]) -> None:
    def refuse(connection: object, statement: object, many: object, one: dict[str, str], _: object) -> None:
        if "poison" in one["rows"]:
            raise DataError("insert", one, Exception("cannot be stored"))

    event.listen(engine, "before_execute", refuse)
    group = [_Waiting([row_of(an_update(name), "x")], lambda is_kept: None) for name in ("a", "poison", "b")]
    ReceiptIntake(engine)._write_or_split(group)
    event.remove(engine, "before_execute", refuse)
    assert [waiting.is_kept for waiting in group] == [True, False, True]
    assert references(sessions) == ["a", "b"]
