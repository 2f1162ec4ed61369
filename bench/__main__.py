"""Names the benches: `python -m bench.plan`, `python -m bench.dispatch`."""

from __future__ import annotations

from bench.harness import note

note("Run python -m bench.plan or python -m bench.dispatch; each takes --help.")
