"""Who answers plays and looks at what was sent; what is locked data managers alone see, and each look counts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from campaigns.audience.models import Address, AddressState
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Inbound, InboundMedia, MediaKind
from campaigns.inbox.complaints.service import ReadBy, complain
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.media.models import Media, MediaState
from campaigns.inbox.media.service import keep
from campaigns.inbox.service import receive_inbound
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.inbox.builders import came_over
from tests.inbox.conversations.test_pages import fields_of
from tests.inbox.media.files import POSITION, archive, jpeg, ogg
from tests.web.pages import Pages

pytestmark = pytest.mark.both_databases

Clients = Callable[..., FlaskClient]
OURS, THEM = "+48500100100", "+380670000001"
VOICE = InboundMedia(MediaKind.VOICE, f"MM{'1' * 32}/ME{'1' * 32}", 7)
PICTURE = InboundMedia(MediaKind.PICTURE, f"MM{'2' * 32}/ME{'2' * 32}")
_numbers = count(1)


def hear(
    pages: Pages,
    vault: Vault,
    *media: InboundMedia,
    text: str = "",
    content: bytes | None = None,
    to: Organisation | None = None,
    who: str = THEM,
) -> tuple[int, int]:
    """Let somebody send files; return their conversation and the id of the first, kept where it has a content."""
    with pages.sessions.begin() as session:
        inbound = Inbound(f"MM{next(_numbers):032}", who, OURS, text, "whatsapp", media=media)
        account = came_over(session, owners=[(to or pages.ours).id])
        reply = receive_inbound(session, inbound, vault, account=account)
        assert reply is not None
        rows = session.scalars(select(Media).where(Media.reply_id == reply.id).order_by(Media.number)).all()
        if content is not None:
            keep(rows[0], content, vault=vault)
        found = select(Conversation.id).where(Conversation.contact_id == reply.contact_id)
        return session.scalars(found).one(), rows[0].id


def state_of(pages: Pages, media_id: int) -> MediaState:
    with pages.sessions() as session:
        return MediaState(session.get_one(Media, media_id).state)


def acts(pages: Pages) -> list[str]:
    with pages.sessions() as session:
        made = select(AuditEntry.action).where(AuditEntry.action.startswith("media.")).order_by(AuditEntry.id)
        return list(session.scalars(made))


def test_voice_note_and_picture_arrive_one_level_up(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, _ = hear(pages, vault, VOICE, PICTURE)
    client = client_for(Role.RESPONDER)
    queue, page, history = (client.get(path).text for path in ("/inbox", f"/inbox/{which}", "/inbox/history"))
    for text in (queue, page, history):
        assert "A voice note" in text
        assert "A picture" in text
        assert "No text" not in text
    assert "7 seconds" in page
    assert "It is being fetched" in page
    with pages.sessions() as session:
        conversation = session.get_one(Conversation, which)
        assert (conversation.urgency, conversation.reasons[0]["heading"]) == (Urgency.DAY, "no_words")
        row = session.scalars(select(Media).order_by(Media.id)).first()
        assert row is not None
        assert VOICE.source.encode() not in (row.sealed_source or b"")


def test_caption_is_read_as_any_text(pages: Pages, vault: Vault) -> None:
    which, _ = hear(pages, vault, PICTURE, text="Where can we sleep?")
    with pages.sessions() as session:
        assert session.get_one(Conversation, which).urgency == Urgency.QUESTION


@pytest.mark.one_database
def test_file_that_cannot_be_had_is_said(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, media_id = hear(pages, vault, InboundMedia(MediaKind.PICTURE, ""))
    assert state_of(pages, media_id) is MediaState.GONE
    assert "Ask them to send it again" in client_for(Role.RESPONDER).get(f"/inbox/{which}").text


@pytest.mark.one_database
def test_picture_is_behind_a_click_and_tells_no_position(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, media_id = hear(pages, vault, PICTURE, content=jpeg(width=8000, height=5000))
    page = client_for(Role.RESPONDER).get(f"/inbox/{which}").text
    img = f'<img loading="lazy" src="/inbox/media/{media_id}"'
    assert page.index("<details") < page.index(img) < page.index("</details>", page.index(img))
    assert "very many pixels" in page
    given = client_for(Role.RESPONDER).get(f"/inbox/media/{media_id}")
    assert given.content_type == "image/jpeg"
    assert POSITION not in given.data
    assert given.headers["Cache-Control"] == "no-store"
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in given.headers["Content-Security-Policy"]
    with pages.sessions() as session:
        row = session.get_one(Media, media_id)
        assert POSITION not in (row.sealed_content or b"")
        assert (row.size, row.pixels) == (len(jpeg()), 40_000_000)


@pytest.mark.one_database
def test_sound_is_given_in_parts(pages: Pages, vault: Vault, client_for: Clients) -> None:
    _, media_id = hear(pages, vault, VOICE, content=ogg())
    part = client_for(Role.RESPONDER).get(f"/inbox/media/{media_id}", headers={"Range": "bytes=4-9"})
    assert (part.status_code, part.data) == (206, ogg()[4:10])
    assert part.headers["Content-Range"] == f"bytes 4-9/{len(ogg())}"


@pytest.mark.one_database
def test_archive_that_calls_itself_a_voice_note_is_not_kept(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    which, media_id = hear(pages, vault, VOICE, content=archive())
    client = client_for(Role.RESPONDER)
    assert "It is no picture, sound or video" in client.get(f"/inbox/{which}").text
    assert client.get(f"/inbox/media/{media_id}").status_code == 404
    with pages.sessions() as session:
        row = session.get_one(Media, media_id)
        assert (row.sealed_content, row.kind, row.size) == (None, MediaKind.FILE, len(archive()))


@pytest.mark.one_database
def test_others_and_other_roles_get_nothing(pages: Pages, vault: Vault, client_for: Clients) -> None:
    _, theirs = hear(pages, vault, VOICE, content=ogg(), to=pages.theirs)
    client = client_for(Role.RESPONDER)
    assert client.get(f"/inbox/media/{theirs}").status_code == 404
    assert client.post(f"/inbox/media/{theirs}/lock").status_code == 404
    assert client_for(Role.STEWARD).post(f"/inbox/media/{theirs}/open").status_code == 404
    _, ours = hear(pages, vault, VOICE, content=ogg())
    for role in (Role.VIEWER, Role.AUTHOR, Role.APPROVER, Role.STEWARD, Role.ADMIN):
        assert client_for(role).get(f"/inbox/media/{ours}").status_code == 403


def test_locked_file_is_a_data_managers(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, media_id = hear(pages, vault, PICTURE, content=jpeg())
    responder, manager = client_for(Role.RESPONDER), client_for(Role.STEWARD)
    assert manager.post(f"/inbox/media/{media_id}/open").status_code == 404
    responder.post(f"/inbox/media/{media_id}/lock")
    page = responder.get(f"/inbox/{which}").text
    assert "Data managers alone see it" in page
    assert f'src="/inbox/media/{media_id}"' not in page
    assert responder.get(f"/inbox/media/{media_id}").status_code == 404
    assert responder.post(f"/inbox/media/{media_id}/words", data={"words": "x"}).status_code == 404
    assert responder.get("/inbox/media").status_code == 403
    assert "1 file may show a child or sexual content" in manager.get("/").text
    assert "may show a child" not in responder.get("/").text
    listed = manager.get("/inbox/media").text
    assert f"/inbox/media/{media_id}/open" in listed
    assert THEM not in listed
    opened = manager.post(f"/inbox/media/{media_id}/open")
    assert (opened.status_code, opened.content_type) == (200, "image/jpeg")
    manager.post(f"/inbox/media/{media_id}/unlock")
    assert responder.get(f"/inbox/media/{media_id}").status_code == 200
    assert acts(pages) == ["media.lock", "media.open", "media.unlock"]


@pytest.mark.one_database
def test_reader_of_a_complaint_locks_a_picture_and_whom_it_is_about_never_sees_it(
    pages: Pages, vault: Vault
) -> None:
    which, media_id = hear(pages, vault, PICTURE, content=jpeg())
    reader, about = pages.member(Role.VIEWER), pages.member(Role.RESPONDER, Role.STEWARD)
    with pages.sessions.begin() as session:
        conversation = session.get_one(Conversation, which)
        conversation.owner_id = about.id
        complaint_id = complain(session, conversation, chosen=ReadBy(member_id=reader.id)).id
    url, client = f"/complaints/{complaint_id}/media/{media_id}", pages.client(reader)
    assert f'action="{url}/lock"' in client.get(f"/complaints/{complaint_id}").text
    assert pages.client(about).post(f"{url}/lock").status_code == 404
    _, other = hear(pages, vault, PICTURE, content=jpeg(), who="+380670000002")
    assert client.post(f"/complaints/{complaint_id}/media/{other}/lock").status_code == 404
    assert client.post(f"{url}/lock").status_code == 302
    page = client.get(f"/complaints/{complaint_id}").text
    assert ("Data managers alone see it" in page, f"{url}/lock" in page) == (True, False)
    assert client.get(url).status_code == 404
    listed, manager = f"/inbox/media/{media_id}/open", pages.client(about)
    assert listed not in manager.get("/inbox/media").text
    for verb in ("open", "unlock", "remove"):
        assert manager.post(f"/inbox/media/{media_id}/{verb}").status_code == 404
    another = pages.client(pages.member(Role.STEWARD))
    assert listed in another.get("/inbox/media").text
    assert another.post(listed).status_code == 200
    assert acts(pages) == ["media.lock", "media.open"]


def test_closing_deletes_files_but_those_that_are_locked(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, voice = hear(pages, vault, VOICE, content=ogg())
    _, picture = hear(pages, vault, PICTURE, content=jpeg())
    _, waiting = hear(pages, vault, PICTURE)
    responder, manager = client_for(Role.RESPONDER), client_for(Role.STEWARD)
    responder.post(f"/inbox/media/{picture}/lock")
    page = responder.get(f"/inbox/{which}").text
    assert "deleted then" in page
    responder.post(f"/inbox/{which}/close", data={"outcome": "informed"} | fields_of(page))
    assert (state_of(pages, voice), state_of(pages, waiting)) == (MediaState.REMOVED, MediaState.REMOVED)
    assert state_of(pages, picture) is MediaState.KEPT
    assert responder.get(f"/inbox/media/{voice}").status_code == 404
    manager.post(f"/inbox/media/{picture}/remove")
    assert state_of(pages, picture) is MediaState.REMOVED
    with pages.sessions() as session:
        rows = session.scalars(select(Media)).all()
        assert [row.sealed_content for row in rows] == [None] * 3
        # The worker deletes at the provider next what was never fetched, too.
        assert all(row.due_at is not None for row in rows)


def test_many_closed_at_once_lose_their_files(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, picture = hear(pages, vault, PICTURE, text="spam", content=jpeg())
    with pages.sessions() as session:
        seen = session.get_one(Conversation, which).last_reply_id
    asked = {"conversation": [which], f"seen-{which}": seen, "outcome": "abuse"}
    client_for(Role.RESPONDER).post("/inbox/close", data=asked)
    assert state_of(pages, picture) is MediaState.REMOVED


def test_what_was_heard_is_read_by_the_lists_and_found(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, media_id = hear(pages, vault, VOICE, content=ogg())
    client = client_for(Role.RESPONDER)
    client.post(f"/inbox/media/{media_id}/words", data={"words": "  They locked me in, help me now  "})
    page = client.get(f"/inbox/{which}").text
    assert "They locked me in, help me now" in page
    assert "Written down by" in page
    assert f'/inbox/{which}"' in client.get("/inbox", query_string={"text": "locked"}).text
    with pages.sessions() as session:
        conversation = session.get_one(Conversation, which)
        assert conversation.urgency == Urgency.DANGER
        assert b"locked" not in (session.get_one(Media, media_id).sealed_transcript or b"")
    assert acts(pages) == ["media.transcribe"]


@pytest.mark.parametrize(
    ("words", "before", "after"),
    [
        ("Please stop sending me messages", AddressState.ACTIVE, AddressState.HELD),
        ("STOP", AddressState.ACTIVE, AddressState.HELD),
        ("Where is the bus stop?", AddressState.ACTIVE, AddressState.ACTIVE),
        ("STOP", AddressState.OPTED_OUT, AddressState.OPTED_OUT),
        ("Stop, he is beating me", AddressState.PENDING, AddressState.HELD),
    ],
)
def test_stop_that_was_heard_waits_for_a_decision(
    pages: Pages, vault: Vault, client_for: Clients, words: str, before: AddressState, after: AddressState
) -> None:
    which, media_id = hear(pages, vault, VOICE, content=ogg())
    with pages.sessions.begin() as session:
        session.execute(update(Address).values(state=before))
    client = client_for(Role.RESPONDER)
    client.post(f"/inbox/media/{media_id}/words", data={"words": words})
    assert words in client.get(f"/inbox/{which}").text
    with pages.sessions() as session:
        assert session.scalars(select(Address.state)).all() == [after]


@pytest.mark.one_database
@pytest.mark.parametrize("words", [" ", "x" * 10_001])
def test_nothing_and_too_much_are_refused(pages: Pages, vault: Vault, client_for: Clients, words: str) -> None:
    _, media_id = hear(pages, vault, VOICE, content=ogg())
    client_for(Role.RESPONDER).post(f"/inbox/media/{media_id}/words", data={"words": words})
    assert acts(pages) == []


def test_doubled_message_has_its_files_once(pages: Pages, vault: Vault) -> None:
    inbound = Inbound("MM1", THEM, OURS, "", "whatsapp", media=(PICTURE,))
    for _ in range(2):
        with pages.sessions.begin() as session:
            receive_inbound(session, inbound, vault, account=came_over(session, owners=[pages.ours.id]))
    with pages.sessions() as session:
        assert len(session.scalars(select(Media)).all()) == 1
