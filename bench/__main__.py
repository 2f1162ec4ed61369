"""Says which benches there are."""

from __future__ import annotations

from bench.harness import note

note(
    "Run python -m bench.plan, .dispatch, .whole_worker, .latency, .million, .whole_campaign, .growth, .importing"
    ", .cluster, .receipts, .merging, .correction, .reach, .inbox, .pages, .public, .restore or .sandbox; "
    "each takes --help."
)
