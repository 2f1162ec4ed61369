"""Fixtures of restores: one sandbox for all, which keeps the list that a restored database is held against."""

from __future__ import annotations

import pytest

from tests.sandbox.process import SandboxProcess


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    sandbox_process.reset()
    sandbox_process.fixture(suffixes=False, keep_requests=0)
    return sandbox_process
