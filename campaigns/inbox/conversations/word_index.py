"""Words of sealed texts are found again by keyed hashes, which are kept with the conversation and go with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.core.database import insert_or
from campaigns.core.folding import words_of
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Conversation, ConversationWord

#: Different words of one text that can be found; longer texts are nobody's question.
MOST_WORDS = 300
#: Letters of a word that are compared; nobody writes longer ones.
LONGEST_WORD = 60


def hashes_of(text: str, vault: Vault) -> list[int]:
    """Return the keyed hashes of the words of a text, each once."""
    words = dict.fromkeys(word[:LONGEST_WORD] for word in words_of(text))
    return [vault.word_hash(word) for word in list(words)[:MOST_WORDS]]


def index_text(session: Session, conversation: Conversation, text: str, *, vault: Vault) -> None:
    """Let a conversation be found by the words of a text that was written in it."""
    rows = [
        {"organisation_id": conversation.organisation_id, "word": word, "conversation_id": conversation.id}
        for word in hashes_of(text, vault)
    ]
    if rows:
        session.execute(insert_or(session, ConversationWord).on_conflict_do_nothing(), rows)


def with_words(statement: Select[*tuple[Any, ...]], organisation_id: int, words: Collection[int]) -> Select[Any]:
    """Restrict a statement over conversations to those that hold all of these words, by their hashes."""
    for word in words:
        written = select(ConversationWord.conversation_id).where(ConversationWord.word == word)
        found = written.where(ConversationWord.organisation_id == organisation_id)
        statement = statement.where(Conversation.id.in_(found))
    return statement
