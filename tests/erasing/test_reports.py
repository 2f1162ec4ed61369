"""Nothing of a report without a name that was erased stays in the files of the database."""

from __future__ import annotations

import time
from collections.abc import Collection

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from campaigns.audience.models import UncleanPages
from campaigns.core.keys.crypto import Vault
from campaigns.erasing.leftovers import go_on
from campaigns.inbox.conversations.models import Answer, UnnamedReport
from campaigns.inbox.models import Reply
from tests.erasing.test_canaries import files_of, overwrite
from tests.inbox.unnamed.test_likeness import answer, waiting
from tests.inbox.unnamed.test_whole_way import act, tell
from tests.web.pages import Pages

TEXT = "They took our passports, Jaworzno, the white house"


@pytest.mark.both_databases
def test_nothing_of_an_erased_report_is_in_the_files(
    pages: Pages, people: FlaskClient, engine: Engine, vault: Vault
) -> None:
    code = tell(people, TEXT)
    answer(pages, waiting(pages)[0])
    act(people, code, "reach", text="anna@example.org")
    with pages.sessions() as session:
        sealed = {*session.scalars(select(Reply.sealed_text)), *session.scalars(select(Answer.sealed_text))}
        hashes = set(session.scalars(select(UnnamedReport.code)))
    assert (len(sealed), len(hashes)) == (3, 1)
    act(people, code, "erase")
    go_on(pages.sessions, vault)
    with pages.sessions() as session:
        assert session.scalars(select(UncleanPages)).all() == []
    if engine.dialect.name == "sqlite":
        # At once, in the file and in its log.
        assert found(engine, sealed | hashes) == {}
    # Bytes of PostgreSQL's dead rows stay until their pages are used again, or until an operator does this.
    deadline = time.monotonic() + 60
    while found(engine, sealed | hashes) and time.monotonic() < deadline:
        overwrite(engine)
    assert found(engine, sealed | hashes) == {}


def found(engine: Engine, canaries: Collection[bytes | None]) -> dict[str, int]:
    known = [each for each in canaries if each]
    counted = {str(path): sum(each in content for each in known) for path, content in files_of(engine)}
    return {path: count for path, count in counted.items() if count}
