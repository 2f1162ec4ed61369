"""Names the benches: `python -m bench.plan`, `bench.dispatch`, `bench.cluster`, `bench.receipts`, `bench.sandbox`."""

from __future__ import annotations

from bench.harness import note

note("Run python -m bench.plan, bench.dispatch, bench.cluster, bench.receipts or bench.sandbox; each takes --help.")
