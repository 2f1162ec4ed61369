"""While modules are imported nobody looks for garbage, and rarely afterwards."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from campaigns.core.processes.loading import loading
from campaigns.core.settings import PROJECT_ROOT


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
    """In a process of its own: it looks through all that is there, which is no place for what others left."""
    script = """
import gc
from campaigns.core.processes.loading import SERVING, collect_rarely

there = [object]
before = any(each is there for each in gc.get_objects())
collect_rarely(SERVING)
print(before, gc.get_threshold() == SERVING, any(each is there for each in gc.get_objects()))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["True", "True", "False"], "")
