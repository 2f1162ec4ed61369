"""Fixtures of fault tests: one sandbox for all, a scene for each, and a table of what was done and found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from campaigns.core.database import make_engine
from campaigns.schema import metadata
from tests.faults.scene import Scene
from tests.postgres import empty_tables
from tests.sandbox.process import SandboxProcess

FAULT = "fault"


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    sandbox_process.reset()
    # Numbers of thousands of people would meet those that say how their message ends.
    sandbox_process.fixture(suffixes=False, keep_requests=0)
    return sandbox_process


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    """An engine with all tables on a file, for faults that only a file can have."""
    engine = make_engine(f"sqlite:///{tmp_path / 'fault.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_alone(postgres_engine: Engine) -> Iterator[Engine]:
    """The tests' PostgreSQL, for faults that only a server can have."""
    yield postgres_engine
    empty_tables(postgres_engine)


@pytest.fixture
def scene(engine: Engine, sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Scene]:
    with Scene(engine, sandbox, tmp_path) as scene:
        yield scene


@pytest.fixture
def found(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Write down figures for the table of faults, by name."""

    def write(**figures: float) -> None:
        words = (f"{name.replace('_', ' ')} {round(figure, 2)}" for name, figure in figures.items())
        record_property(FAULT, ", ".join(words))

    return write


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each fault test did and found."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    lines = sorted(
        (report.nodeid.rpartition("/")[2], report.outcome, figures)
        for report in reports
        for name, figures in report.user_properties
        if report.when == "call" and name == FAULT
    )
    if lines:
        terminalreporter.section("faults")
    for test, outcome, figures in lines:
        terminalreporter.line(f"{outcome} {test}: {figures}")
