"""Every word of the step's vocabularies has a name for readers."""

from __future__ import annotations

from campaigns.directory.labels import FOREIGN_SIM, KINDS, OPERATORS
from campaigns.directory.models import ForeignSim, OperatorType, ServiceKind
from campaigns.messages.labels import PLACEHOLDERS, THEMES
from campaigns.messages.text.placeholders import ALLOWED
from campaigns.messages.themes import Theme


def test_every_word_has_a_name() -> None:
    assert set(THEMES) == set(Theme)
    assert set(KINDS) == set(ServiceKind)
    assert set(OPERATORS) == set(OperatorType)
    assert set(FOREIGN_SIM) == set(ForeignSim)
    assert tuple(PLACEHOLDERS) == ALLOWED
