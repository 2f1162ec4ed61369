"""Says which benches there are."""

from __future__ import annotations

from bench.harness import note

note(
    "Run python -m bench.plan, bench.dispatch, bench.latency, bench.cluster, bench.receipts or bench.sandbox; each "
    "takes --help."
)
