"""A front of a test looks at its deadlines often, so that nobody waits for the next look."""

from __future__ import annotations

import pytest

from campaigns.front import house


@pytest.fixture(autouse=True)
def frequent_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "LOOK_EVERY", 0.05)
