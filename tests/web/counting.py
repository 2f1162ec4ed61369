"""What pages count, and what a worker counts for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from campaigns.delivery.monitoring.tally_renewal import TallyRenewal
from campaigns.web.session import database
from tests.web.pages import Pages

OF_PEOPLE = re.compile(r"\b(FROM|JOIN)\s+(contact|address)\b", re.IGNORECASE)
#: A list reads one page, and what stands in it is looked up by its ids.
OF_A_PAGE = re.compile(r"contact_id IN \(|ORDER BY contact.id DESC\s+LIMIT", re.IGNORECASE)


@contextmanager
def counting(pages: Pages, what: re.Pattern[str] = OF_PEOPLE) -> Iterator[list[str]]:
    """Record the statements that read contacts or addresses beyond one page of them, or something else."""
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if what.search(statement) and not OF_A_PAGE.search(statement):
            found.append(statement)

    with pages.app.app_context():
        engine = database.engine
    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def count_runs(pages: Pages) -> int:
    return TallyRenewal(pages.sessions, lambda: False).renew()
