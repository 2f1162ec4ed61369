"""Fixtures of the walks over what must not depend on how few people are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from campaigns.core import clock
from campaigns.core.database import make_engine
from campaigns.core.keys.crypto import Vault
from campaigns.schema import metadata
from tests.architecture.worlds import FEW, HOUR, NOBODY, OTHERS, World, build, inhabit
from tests.factories import (
    NOON,
)
from tests.web.pages import let_go, make_pages


@pytest.fixture(scope="module")
def at_one_moment() -> Iterator[None]:
    with clock.running_on(lambda: NOON + HOUR):
        yield


@pytest.fixture(scope="module")
def worlds(at_one_moment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, ...]]:
    folder, vault = tmp_path_factory.mktemp("worlds"), Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)
    first = make_engine(f"sqlite:///{folder / 'first.db'}")
    metadata.create_all(first)
    with make_pages(first) as pages:
        members, token, values = build(pages, vault)
    first.dispose()
    names = ("first", "second", "third")
    for name in names[1:]:
        shutil.copy(folder / "first.db", folder / f"{name}.db")
    engines = [make_engine(f"sqlite:///{folder / name}.db") for name in names]
    made = tuple(
        inhabit(engine, few, pages, members, token, values)
        for engine, few in zip(engines, (NOBODY, FEW, OTHERS), strict=True)
    )
    yield made
    for world in made:
        let_go(world.app)
    for engine in engines:
        engine.dispose()
