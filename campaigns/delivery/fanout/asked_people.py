"""A run to those who are silent asks each of them once whether to go on, however many such runs there are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Table, exists, literal, select
from sqlalchemy.orm import Session

from campaigns.audience.models import AskedContact
from campaigns.core.database import UTCDateTime, insert_or
from campaigns.planning.models import Run


def asked_by_others(session: Session, run: Run, people: Table, *, at: datetime) -> ColumnElement[bool] | None:
    """Note that a run asks those of `people` who are written to; match those whom another run asks already.

    Of two runs that are planned at once the second waits here. None: the run is not to those who are silent.
    """
    if run.is_rehearsal or not run.frozen.get("rule", {}).get("silent_days"):
        return None
    ids = (literal(value, BigInteger()) for value in (run.organisation_id, run.id))
    asked = select(people.c.contact_id, *ids, literal(at, UTCDateTime()))
    asked = asked.where(people.c.reason.is_(None)).order_by(people.c.contact_id)
    names = ["contact_id", "organisation_id", "run_id", "asked_at"]
    session.execute(insert_or(session, AskedContact).from_select(names, asked).on_conflict_do_nothing())
    return ~exists().where(AskedContact.contact_id == people.c.contact_id, AskedContact.run_id == run.id)
