"""Every public sentence is said somewhere: reviewers who vouch for a language read nothing that nobody sees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

import campaigns
from campaigns.directory.models import OperatorType, ServiceKind
from campaigns.directory.signposting.listed_helplines import Answering
from campaigns.inbox.conversations.models import ConversationState
from campaigns.inbox.unnamed.public import ABOUT_US
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.messages.themes import Theme as MessageTheme
from campaigns.web.people.public_words import SOURCE, public_languages, public_words

CODE = Path(campaigns.__file__).parent
PAGES = CODE.parent / "templates" / "people"
#: A module that makes pages for people, or names public sentences, says so.
_OF_PEOPLE = re.compile(r"people_pages|private_page_of|public_words|public sentences")
#: Names that pages put together, by how they begin.
COMPOSED: dict[str, Iterable[str]] = {
    "theme_": MessageTheme,
    "need_": ServiceKind,
    "by_": OperatorType,
    "about_": [*Theme, ABOUT_US],
    "told_": ConversationState,
    "": Answering,
}


def test_every_public_sentence_is_said_somewhere() -> None:
    templates = "".join(path.read_text() for path in PAGES.rglob("*.html"))
    modules = [text for path in CODE.rglob("*.py") if _OF_PEOPLE.search(text := path.read_text())]
    said = set(re.findall(r"""['"](\w+)['"]""", templates + "".join(modules)))
    said |= {f"{begins}{each}" for begins, values in COMPOSED.items() for each in values}
    assert set(public_words(SOURCE)) - said == set()


#: Forms by which a man alone is addressed, or a woman and a man in brackets, by language.
_ONE_OF_THEM = {
    "am": r"(?<!\w)(?:ውጣ|ላክ|ክፈት|አጥፋ)(?!\w)",
    "pl": r"\(-?a\w?\)",
    "ti": r"[ካኻ](?!\w)|(?<!\w)(?:ደውል|ፈትን|ስደድ|ክፈት|ደምስስ|ውጻእ)(?!\w)",
}


@pytest.mark.parametrize(("language", "form"), _ONE_OF_THEM.items())
def test_women_are_addressed_as_men_are(language: str, form: str) -> None:
    assert [text for text in public_words(language).values() if re.search(form, text)] == []


@pytest.mark.parametrize("language", public_languages())
def test_sentences_have_the_digits_that_are_filled_in(language: str) -> None:
    """A number beside them is in ASCII, as phones show and dial it."""
    assert [text for text in public_words(language).values() if re.search(r"[^\W\D0-9]", text)] == []
