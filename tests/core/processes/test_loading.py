"""While modules are imported nobody looks for garbage, and rarely afterwards."""

from __future__ import annotations

import gc

import pytest

from campaigns.core.processes.loading import SERVING, collect_rarely, loading


def test_nobody_looks_for_garbage_until_all_is_loaded() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.unfreeze()


def test_collector_is_back_when_a_module_is_missing() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()


def test_what_is_there_is_not_looked_through_again() -> None:
    before = gc.get_threshold()
    there = [object]
    try:
        collect_rarely(SERVING)
        assert gc.get_threshold() == SERVING
        assert not any(each is there for each in gc.get_objects())
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
