"""A cluster needs PostgreSQL: its tests run on that alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.postgres import empty_tables


@pytest.fixture
def engine(postgres_engine: Engine) -> Iterator[Engine]:
    yield postgres_engine
    empty_tables(postgres_engine)
