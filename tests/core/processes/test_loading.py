"""While modules are imported nobody looks for garbage."""

from __future__ import annotations

import gc

import pytest

from campaigns.core.processes.loading import loading


def test_nobody_looks_for_garbage_until_all_is_loaded() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.unfreeze()


def test_collector_is_back_when_a_module_is_missing() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()
