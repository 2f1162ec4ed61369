"""What a member heard in a file is kept, and read by the word lists as if it had been written, a stop too.

Nothing here commits.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import HashedHandle
from campaigns.audience.consent.person import lock_person
from campaigns.core.errors import NotFoundError
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.hear import hear_words_of
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.service import hold_kept
from campaigns.inbox.holds.settling import hold_for_words
from campaigns.inbox.media.models import Media
from campaigns.inbox.media.queries import get_media
from campaigns.inbox.media.service import check_heard, transcribe
from campaigns.inbox.models import Reply


def write_down(
    session: Session,
    media: Media,
    conversation: Conversation | None,
    words: str,
    *,
    by: int,
    organisation_id: int,
    vault: Vault,
) -> bool:
    """Keep what a member heard in a file of a conversation, if it has one, and heed it.

    Returns whether members have to decide now if it was a stop. Raises NotFoundError for a file that is locked
    for data managers, and what `transcribe` does.
    """
    said, reply = check_heard(words), session.get_one(Reply, media.reply_id)
    handle = HashedHandle.of(reply)
    # Addresses before conversations, as whoever answers has it, files after these, as whoever closes, and the
    # audit last: an import or a stop that waits for this person may have the next lock already.
    lock_person(session, [handle.phone], [handle.lookup])
    held = hold_kept(session, conversation) if conversation is not None else None
    media = get_media(session, organisation_id, media.id, locked=True)
    if media.locked_at is not None:
        raise NotFoundError
    if held is not None:
        hear_words_of(session, held, said, vault=vault)
    waits = hold_for_words(session, reply, said, by=by, vault=vault)
    transcribe(session, media, said, by=by, organisation_id=organisation_id, vault=vault)
    return waits
