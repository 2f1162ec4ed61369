"""Every bench still fits the code that it measures: what nobody runs from day to day breaks without a word."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session, sessionmaker

import bench
from bench.bare_stages import keep_barely, merge_barely, plan_barely, roll_up_barely
from bench.calling_back import Address, Told, request_of
from bench.harness import DATABASES, fresh_database
from bench.large_instance import Size, seed_instance
from bench.million import run_stages
from bench.pages import LIMITS, measure, sign_in
from bench.stages import (
    MEASURED,
    Instance,
    Timed,
    keep_receipts,
    merge_receipts,
    roll_up,
    write_callbacks,
)
from bench.told import RECEIPTS_EACH, last_word_of
from bench.whole_campaign import measure_whole
from campaigns.audience.figures import init_counts
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import load_settings
from campaigns.delivery.models import Delivery
from campaigns.sandbox.callbacks.signing import sign
from tests.delivery.builders import a_running_run
from tests.sandbox.process import DEFAULTS
from tests.web.pages import make_pages

BENCHES = sorted(path.stem for path in Path(bench.__file__).parent.glob("*.py") if not path.stem.startswith("__"))


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_can_be_imported(name: str) -> None:
    importlib.import_module(f"bench.{name}")


def test_pages_are_measured_by_their_paths() -> None:
    """Every page is opened, in an instance with little in it; of a few the figures are whole."""
    found = measure(
        "sqlite",
        Size(people=40, campaigns=4, places=42),
        times=1,
        only="/campaigns/<",
        at_once=False,
        beside_run=False,
    )
    page = found["pages"]["/campaigns/<int:campaign_id>"]
    assert {*LIMITS} - {"beside_p95_ms"} <= {*page}
    assert found["counts"] > 0
    assert "/campaigns/<int:campaign_id>?tab=people" in found["pages"]
    assert set(found["outside"]) <= set(found["pages"])


#: A page may look once more whether there is something before or after what it lists.
MORE_QUERIES = 1


def queries_of(size: Size) -> dict[str, int]:
    """Return how many statements each page of staff takes once it was opened before."""
    with fresh_database("sqlite") as engine:
        seeded = seed_instance(engine, size)
        with make_pages(engine, owners_twilio="bench") as pages:
            init_counts(pages.app)
            reader = sign_in(pages, seeded, only="")
            return {path: min(reader.open(path).queries for _ in range(2)) for path in reader.addresses}


@pytest.mark.long
def test_no_page_asks_more_where_there_is_more() -> None:
    few, many = queries_of(Size(people=40, campaigns=5, places=45)), queries_of(Size(40, 30, 100))
    assert {path: (few[path], many[path]) for path in few if many[path] > few[path] + MORE_QUERIES} == {}


#: Stages that Fingerpost is measured by and that need no process of their own, each with its bare version.
PAIRS: dict[Callable[[Instance], int], Callable[[Instance], Timed]] = {
    keep_receipts: keep_barely,
    merge_receipts: merge_barely,
    roll_up: roll_up_barely,
}


def test_bare_stages_leave_the_same_rows(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault, tmp_path: Path
) -> None:
    """What stands beside a stage of a campaign does no less: its copies say of each message what ours say."""
    with sessions.begin() as session:
        a_running_run(session, vault, count=20)
        session.execute(text("UPDATE delivery SET send_state = 'accepted', provider_id = reference"))
    instance = Instance(load_settings({"FINGERPOST_MODE": "demo"}), engine, sessions, sessions, tmp_path)
    try:
        assert plan_barely(instance).count == 20
        assert write_callbacks(instance) == 20 * RECEIPTS_EACH
        for stage, barely in PAIRS.items():
            assert stage(instance) == barely(instance).count
        columns = "SELECT reference, status, error FROM"
        kept = "WHERE applied_at IS NOT NULL ORDER BY reference, status, error"
        with engine.connect() as connection:
            ours = connection.execute(text(f"{columns} receipt {kept}")).all()
            bare = connection.execute(text(f"{columns} bare_receipt {kept}")).all()
            told = connection.execute(select(Delivery.reference, Delivery.receipt_state)).all()
            held = connection.scalar(text("SELECT count(*) FROM bare_delivery WHERE receipt_state IS NOT NULL"))
        assert ours == bare
        assert held == 20
        assert all(last_word_of(reference).startswith(state or "never") for reference, state in told)
    finally:
        with engine.begin() as connection:
            for name in ("bare_delivery", "bare_receipt"):
                connection.execute(text(f"DROP TABLE IF EXISTS {name}"))


@pytest.mark.parametrize("reference", ["0f1a20", "0f1a21"])
def test_a_provider_that_costs_little_signs_as_the_sandbox_does(reference: str) -> None:
    address = Address(b"http://127.0.0.1:8001/hooks/status?m=", b"/hooks/status?m=", "127.0.0.1", 8001)
    told = Told(address, reference.encode(), b"SM" + b"1" * 32, b"FINGERPOST", b"380671234567", turn=1)
    head, body = request_of(told).decode().split("\r\n\r\n")
    form = parse_qsl(body, strict_parsing=True)
    assert dict(form)["To"] == "+380671234567"
    assert ("ErrorCode" in dict(form)) is reference.endswith("0")
    signature = sign(DEFAULTS.auth_token, f"http://127.0.0.1:8001/hooks/status?m={reference}", form)
    assert f"X-Twilio-Signature: {signature}\r\n" in head
    assert head.endswith(f"Content-Length: {len(body)}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", DATABASES)
def test_a_campaign_is_measured_beside_its_bare_version_and_with_its_receipts(kind: str) -> None:
    found = run_stages(kind, 300, beside_bare=True)
    assert all(found[name]["bare"]["seconds"] > 0 for name in MEASURED)
    assert measure_whole(kind, 300)["receipts"] == 300 * RECEIPTS_EACH
