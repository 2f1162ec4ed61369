"""A complaint about us is read by others than those whom it is about, and never by nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.commands import operating
from campaigns.core.errors import InputError, NotFoundError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import RunText
from campaigns.delivery.sealed_texts import open_body
from campaigns.inbox.automatic.chosen_texts import choose
from campaigns.inbox.complaints import service
from campaigns.inbox.complaints.models import Complaint
from campaigns.inbox.complaints.readers import readers_of
from campaigns.inbox.complaints.service import ReadBy, choose_readers, complain, find_unread, give
from campaigns.inbox.conversations import addressees
from campaigns.inbox.conversations.models import Answer, Conversation, Occasion
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.handing_over.service import refuse_second
from campaigns.readiness.health import HealthLook, Report
from campaigns.staff.models import AuditEntry, Member, Membership, Organisation, Role
from tests.factories import a_member, a_message, a_sender
from tests.inbox.builders import OURS
from tests.inbox.conversations.test_pages import fields_of, hear
from tests.web.pages import Pages, page_settings

pytestmark = pytest.mark.one_database

Clients = Callable[..., FlaskClient]
#: What is said of us, and to whoever says it.
WORDS, TOLD = "Your colleague shouted at me on the phone.", "The safeguarding lead reads this."


@pytest.fixture
def which(pages: Pages, vault: Vault) -> int:
    """A conversation in which somebody complains."""
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, identity=OURS)
    return hear(pages, vault, WORDS)


@pytest.fixture
def answering(pages: Pages, which: int) -> Member:
    """The member who answered it."""
    member = pages.member(Role.RESPONDER)
    client = pages.client(member)
    seen = fields_of(client.get(f"/inbox/{which}").text)
    assert client.post(f"/inbox/{which}/answer", data={"words": "Calm down."} | seen).status_code == 302
    return member


def name_readers(pages: Pages, *members: Member, other: Organisation | None = None) -> None:
    with pages.sessions.begin() as session:
        ours, by = session.merge(pages.ours), a_member(session, pages.ours, Role.ADMIN).id
        ids, other_id = [each.id for each in members], other.id if other else None
        choose_readers(session, ours, members=ids, receiver_id=other_id, by=by)


def mark(pages: Pages, which: int, by: Member, reader: str = "setting") -> None:
    answer = pages.client(by).post(f"/complaints/mark/{which}", data={"reader": reader})
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/inbox")
    with pages.sessions() as session:
        assert session.get_one(Conversation, which).is_complaint


@pytest.mark.both_databases
def test_complaint_goes_to_who_is_named_and_leaves_the_team(
    pages: Pages, vault: Vault, which: int, answering: Member
) -> None:
    lead, colleague = pages.member(Role.VIEWER), pages.member(Role.RESPONDER)
    name_readers(pages, lead, answering)
    hear(pages, vault, "I want to complain about it.")
    mark(pages, which, answering)
    for member in (answering, colleague, pages.member(*Role)):
        client = pages.client(member)
        assert f"/inbox/{which}" not in client.get("/inbox?shelf=all&languages=all").text
        assert client.get(f"/inbox/{which}").status_code == 404
        assert client.post(f"/inbox/{which}/take").status_code == 404
        assert client.get(f"/inbox/{which}/hand-over").status_code == 404
        assert "complain" not in client.get("/inbox/history").text
        assert "No complaint is for you" in client.get("/complaints").text
        assert client.get("/complaints/1").status_code == 404
    reader = pages.client(lead)
    assert "1 complaint waits for you" in reader.get("/reach").text
    assert "/complaints/1" in reader.get("/complaints").text
    page = reader.get("/complaints/1").text
    assert WORDS in page
    assert "I want to complain about it." in page
    sent = reader.post("/complaints/1/answer", data={"words": "I am sorry. I look into it."} | fields_of(page))
    assert sent.status_code == 302
    page = reader.get("/complaints/1").text
    assert "I am sorry." in page
    closed = reader.post("/complaints/1/close", data={"outcome": "informed"} | fields_of(page))
    assert closed.status_code == 302
    assert "complaint waits for you" not in reader.get("/reach").text
    # Whoever answers it as a reader goes on reading it, and what comes next is theirs too.
    hear(pages, vault, "Thank you.")
    assert "Thank you." in reader.get("/complaints/1").text
    assert pages.client(colleague).get(f"/inbox/{which}").status_code == 404


def test_hold_list_keeps_the_person_without_their_words(
    pages: Pages, vault: Vault, which: int, answering: Member
) -> None:
    hear(pages, vault, "leave me alone")
    client = pages.client(answering)
    assert "leave me alone" in client.get("/inbox").text
    name_readers(pages, pages.member(Role.VIEWER))
    mark(pages, which, answering)
    queue = client.get("/inbox").text
    assert "leave me alone" not in queue
    assert "What they wrote is with those who read complaints about you." in queue
    assert "It was no opt-out" in queue


@pytest.mark.parametrize(
    ("page", "told", "act"),
    [
        ("hand-over-unasked", {"summary": "A bed.", "override": "life"}, "agree"),
        ("hand-over", {"summary": "A bed.", "consent": "Yes."}, "take-back"),
        ("hand-over-within", {"note": "I am ill."}, "accept"),
    ],
)
def test_offer_ends_with_a_complaint_and_leaves_the_team(
    pages: Pages, which: int, answering: Member, page: str, told: dict[str, str], act: str
) -> None:
    colleague, partner = pages.member(Role.RESPONDER), pages.member(Role.RESPONDER, organisation=pages.theirs)
    name_readers(pages, pages.member(Role.VIEWER))
    to = {"receiver": str(pages.theirs.id), "to": f"member-{colleague.id}"}
    assert pages.client(answering).post(f"/inbox/{which}/{page}", data=told | to).status_code == 302
    client = pages.client(colleague)
    assert "/inbox/handed-over/1" in client.get("/inbox/handed-over").text
    mark(pages, which, answering)
    for member in (colleague, answering):
        client = pages.client(member)
        assert "/inbox/handed-over/1" not in client.get("/inbox/handed-over").text
        assert client.get("/inbox/handed-over/1").status_code == 404
        for each in (act, "review"):
            assert client.post(f"/inbox/handed-over/1/{each}").status_code == 404
    assert pages.client(partner).get("/inbox/handed-over/1").status_code == 404
    with pages.sessions() as session:
        assert session.scalars(select(HandOver.state)).one() == OfferState.TAKEN_BACK
        conversation = session.get_one(Conversation, which)
        assert conversation.owner_id is None
        # Whoever had the page open before cannot offer it any more.
        with pytest.raises(TransitionError, match="a complaint already"):
            refuse_second(session, conversation)


def test_accepted_offer_stays_with_who_acts_on_it(pages: Pages, which: int, answering: Member) -> None:
    partner = pages.client(pages.member(Role.RESPONDER, organisation=pages.theirs))
    name_readers(pages, pages.member(Role.VIEWER))
    told = {"receiver": str(pages.theirs.id), "summary": "A bed.", "consent": "Yes."}
    pages.client(answering).post(f"/inbox/{which}/hand-over", data=told)
    partner.post("/inbox/handed-over/1/accept")
    mark(pages, which, answering)
    assert "A bed." in partner.get("/inbox/handed-over/1").text
    assert pages.client(answering).post("/inbox/handed-over/1/take-back").status_code == 404


def test_another_organisation_reads_it_and_nothing_else(pages: Pages, which: int, answering: Member) -> None:
    partner = pages.client(pages.member(Role.RESPONDER, organisation=pages.theirs))
    name_readers(pages, other=pages.theirs)
    mark(pages, which, answering)
    assert WORDS in partner.get("/complaints/1").text
    assert partner.get(f"/inbox/{which}").status_code == 404
    assert WORDS not in partner.get("/inbox/history").text
    assert (
        pages.client(pages.member(Role.VIEWER, organisation=pages.theirs)).get("/complaints/1").status_code == 404
    )
    assert pages.client(pages.member(*Role)).get("/complaints/1").status_code == 404


def test_nobody_named_asks_to_choose(pages: Pages, which: int, answering: Member) -> None:
    admin = pages.client(pages.member(Role.ADMIN))
    assert "Nobody reads complaints about you." in admin.get("/complaints/readers").text
    name_readers(pages, answering)
    assert "Nobody reads complaints about you." not in admin.get("/complaints/readers").text
    lead, client = pages.member(Role.VIEWER), pages.client(answering)
    page = client.get(f"/complaints/mark/{which}").text
    assert "all of them answered this person" in page
    assert f'value="member:{lead.id}"' in page
    assert f'value="member:{answering.id}"' not in page
    for refused in ("setting", f"member:{answering.id}", "member:x", "organisation:0", ""):
        assert client.post(f"/complaints/mark/{which}", data={"reader": refused}).status_code == 422
    mark(pages, which, answering, f"member:{lead.id}")
    assert WORDS in pages.client(lead).get("/complaints/1").text


def test_service_refuses_whom_it_is_about(pages: Pages, which: int, answering: Member) -> None:
    with pages.sessions.begin() as session:
        conversation = session.get_one(Conversation, which)
        for chosen in (None, ReadBy(member_id=answering.id)):
            with pytest.raises(InputError):
                complain(session, conversation, chosen=chosen)
        assert not conversation.is_complaint
        complain(session, conversation, chosen=ReadBy())
        with pytest.raises(TransitionError, match="a complaint already"):
            complain(session, conversation, chosen=ReadBy())


def test_administrator_chooses(pages: Pages) -> None:
    lead, admin = pages.member(Role.VIEWER), pages.client(pages.member(Role.ADMIN))
    admin.post("/complaints/readers", data={"members": [str(lead.id)], "receiver": ""})
    assert re.search(rf'checked[^>]*value="{lead.id}"', admin.get("/complaints/readers").text)
    stranger = pages.member(organisation=pages.theirs)
    assert admin.post("/complaints/readers", data={"members": [str(stranger.id)]}).status_code == 422
    admin.post("/complaints/readers", data={"receiver": str(pages.theirs.id)})
    assert f'<option selected value="{pages.theirs.id}"' in admin.get("/complaints/readers").text


def test_person_is_told_in_their_language_who_reads(
    pages: Pages, vault: Vault, which: int, answering: Member
) -> None:
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        message = a_message(session, ours, {"en": TOLD, "uk": "Це читає керівниця."}, title="Complaint")
        choose(session, ours, {Occasion.COMPLAINT: message.id}, by=answering.id)
        session.execute(update(Conversation).values(language="uk"))
    name_readers(pages, pages.member(Role.VIEWER))
    mark(pages, which, answering)
    with pages.sessions() as session:
        told = session.scalars(select(Answer).where(Answer.occasion == Occasion.COMPLAINT)).one()
        text = session.scalars(select(RunText).where(RunText.run_id == told.run_id)).one()
        assert open_body(text.body, text.sealed_body, text.id, vault) == "Це читає керівниця."
        assert told.member_id is None
        # It waits all the same.
        assert session.get_one(Conversation, which).waiting_since is not None


@pytest.mark.both_databases
def test_marking_locks_the_address_before_the_conversation_as_answering_does(
    pages: Pages, which: int, answering: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[str] = []
    for module, name in ((addressees, "lock_addresses"), (service, "hold_kept")):
        monkeypatch.setattr(module, name, noting(locked, getattr(module, name)))
    name_readers(pages, pages.member(Role.VIEWER))
    mark(pages, which, answering)
    assert locked == ["lock_addresses", "hold_kept"]


def noting(called: list[str], verb: Callable[..., object]) -> Callable[..., object]:
    def call(*given: object) -> object:
        called.append(verb.__name__)
        return verb(*given)

    return call


def test_audit_says_who_and_when_and_nothing_of_it(pages: Pages, which: int, answering: Member) -> None:
    lead = pages.member(Role.VIEWER)
    name_readers(pages, lead)
    mark(pages, which, answering)
    pages.client(lead).get("/complaints/1")
    with pages.sessions() as session:
        found = select(AuditEntry).where(AuditEntry.action.startswith("complaint.")).order_by(AuditEntry.id)
        entries = session.scalars(found).all()
    assert [each.action for each in entries] == ["complaint.readers", "complaint.mark", "complaint.read"]
    assert "shouted" not in str([each.detail for each in entries])


def test_who_is_named_and_did_not_answer_reads_it_until_they_leave(
    pages: Pages, which: int, answering: Member
) -> None:
    lead = pages.member(Role.VIEWER)
    name_readers(pages, lead, answering)
    mark(pages, which, answering)
    with pages.sessions.begin() as session:
        assert readers_of(session, [which]) == {which: {lead.id}}
        assert find_unread(session) == []
        session.get_one(Member, lead.id).active = False
    with pages.sessions() as session:
        assert [each.conversation_id for each in find_unread(session)] == [which]


@pytest.mark.parametrize("chosen", [True, False])
def test_complaint_whose_reader_left_is_counted_for_operators_and_can_be_given(
    pages: Pages, which: int, answering: Member, chosen: bool
) -> None:
    lead = pages.member(Role.VIEWER)
    if not chosen:
        name_readers(pages, lead)
    mark(pages, which, answering, f"member:{lead.id}" if chosen else "setting")
    assert look(pages).unread_complaints == 0
    with pages.sessions.begin() as session:
        session.execute(delete(Membership).where(Membership.member_id == lead.id))
    pages.member(Role.RESPONDER, organisation=pages.theirs)
    assert "Complaints that nobody reads: 1." in " ".join(look(pages).sentences())
    with pages.sessions.begin() as session:
        assert [each.conversation_id for each in find_unread(session)] == [which]
        # One that was answered rings no more.
        session.execute(update(Conversation).values(waiting_since=None))
    assert look(pages).unread_complaints == 0
    with pages.sessions.begin() as session:
        give(session, session.get_one(Complaint, 1), session.merge(pages.theirs))
        assert not find_unread(session)


def look(pages: Pages) -> Report:
    engine = pages.sessions.kw["bind"]
    return HealthLook(engine, page_settings(engine)).report()


def test_organisation_in_which_nobody_answers_is_not_chosen_to_read(
    pages: Pages, which: int, answering: Member
) -> None:
    client, there = pages.client(answering), f"organisation:{pages.theirs.id}"
    pages.member(Role.VIEWER, organisation=pages.theirs)
    assert there not in client.get(f"/complaints/mark/{which}").text
    with pages.sessions() as session:
        conversation, chosen = session.get_one(Conversation, which), ReadBy(organisation_id=pages.theirs.id)
        with pytest.raises(NotFoundError, match="nobody answers there"):
            complain(session, conversation, chosen=chosen)
    pages.member(Role.RESPONDER, organisation=pages.theirs)
    mark(pages, which, answering, there)


@pytest.mark.both_databases
def test_complaint_that_nobody_reads_is_given_by_whoever_runs_the_instance(
    pages: Pages, which: int, answering: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(pages, which, answering, "instance")
    monkeypatch.setattr(operating, "_opened", opened(pages.sessions))
    run = CliRunner().invoke
    assert "about ours" in run(operating.complaints, ["list"]).output
    refused = run(operating.complaints, ["give", "1", "ours"])
    assert isinstance(refused.exception, InputError)
    assert run(operating.complaints, ["give", "1", "theirs"]).exit_code == 0
    assert "read by somebody" not in run(operating.complaints, ["list"]).output
    partner = pages.member(Role.RESPONDER, organisation=pages.theirs)
    assert "read by somebody" in run(operating.complaints, ["list"]).output
    assert WORDS in pages.client(partner).get("/complaints/1").text
    with pages.sessions() as session, pytest.raises(TransitionError):
        give(session, session.get_one(Complaint, 1), session.merge(pages.theirs))


def opened(sessions: sessionmaker[Session]) -> Callable[[], object]:
    @contextmanager
    def give_sessions() -> Iterator[tuple[None, sessionmaker[Session]]]:
        yield None, sessions

    return give_sessions


def test_word_lists_suggest_it_and_mark_nothing(pages: Pages, vault: Vault, which: int) -> None:
    client, suggested = pages.client(pages.member(Role.RESPONDER)), "They may complain about us."
    assert suggested not in client.get(f"/inbox/{which}").text
    hear(pages, vault, "Хочу поскаржитися на вас")
    page = client.get(f"/inbox/{which}").text
    assert suggested in page
    assert f"/complaints/mark/{which}" in page
