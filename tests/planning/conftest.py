"""The story of a campaign that most tests of planning tell, and its day."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from tests.planning.story import START, Story, a_story


@pytest.fixture
def at_the_start() -> Iterator[None]:
    """It is the day of the story, before anything is due."""
    with clock.running_on(lambda: START):
        yield


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    """A campaign that is ready to be sent."""
    return a_story(session, vault)
