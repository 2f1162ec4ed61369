"""Pages are tested on SQLite: what differs between the databases is tested below them."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """The one database of these tests."""
    return sqlite_engine
