"""Pages that have a worker beside them."""

from __future__ import annotations

import pytest

from campaigns.audience.figures import init_counts
from tests.web.pages import Pages


@pytest.fixture
def waiting(pages: Pages) -> Pages:
    """Pages that count nothing themselves, as beside a worker."""
    init_counts(pages.app)
    return pages
