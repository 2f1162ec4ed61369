"""What people write about is one of a closed list of themes; pure. The word lists find some of them."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Theme(StrEnum):
    """What somebody writes about; the gravest first, which counts where a person may count only once."""

    VIOLENCE = "violence"
    CHILDREN = "children"
    HEALTH = "health"
    SUSPICION = "suspicion"
    SHELTER = "shelter"
    FOOD = "food"
    PAPERS = "papers"
    WORK = "work"
    MONEY = "money"
    TRANSPORT = "transport"
    FAMILY = "family"
    OTHER = "other"


#: What is found under a heading of the word lists tells of a theme.
_OF_HEADING = {
    "urgent_violence": Theme.VIOLENCE,
    "urgent_trapped": Theme.VIOLENCE,
    "urgent_child": Theme.CHILDREN,
    "urgent_selfharm": Theme.HEALTH,
    "need_medical": Theme.HEALTH,
    "report_suspicion": Theme.SUSPICION,
    "need_shelter": Theme.SHELTER,
    "need_food_water": Theme.FOOD,
    "need_legal_documents": Theme.PAPERS,
    "need_money_job": Theme.WORK,
    "need_transport": Theme.TRANSPORT,
}


def themes_of(headings: Collection[str]) -> list[Theme]:
    """Return the themes of which headings of the word lists tell, in the order of the list."""
    told = {_OF_HEADING.get(heading) for heading in headings}
    return [theme for theme in Theme if theme in told]
