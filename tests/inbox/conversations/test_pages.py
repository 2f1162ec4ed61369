"""Responders of the organisation read and answer conversations, and nobody sees a number."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.audience.by_hand.number_search import MOST_NUMBERS
from campaigns.audience.models import Address, Channel, Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.written_text import digest_of
from campaigns.delivery.models import Delivery, RunText
from campaigns.inbox.conversations.models import Conversation, ConversationState, Draft
from campaigns.messages.models import Message
from campaigns.messages.service import save_translation
from campaigns.messages.text.how_to_stop import with_stop_said
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.planning.models import TemplateCategory, TemplateState, WhatsAppTemplate
from campaigns.planning.whatsapp.template_text import template_of
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.factories import a_contact, a_member, a_message, a_region, a_sender, a_service, add, an_address
from tests.inbox.builders import OURS, THEM, write
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]


@pytest.fixture
def sender(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, identity=OURS)


def hear(
    pages: Pages, vault: Vault, text: str, *, who: str = THEM, to: Organisation | None = None, channel: str = "sms"
) -> int:
    """Let somebody write, and return the id of their conversation."""
    with pages.sessions.begin() as session:
        organisation_id = (to or pages.ours).id
        reply = write(session, vault, organisation_id, text, options={}, from_handle=who, channel=channel)
        assert reply is not None
        found = select(Conversation.id).where(Conversation.contact_id == reply.contact_id)
        return session.scalars(found).one()


def fields_of(page: str) -> dict[str, str]:
    """Return the hidden fields by which a page says what was seen."""
    values = {}
    for name in ("seen_reply", "seen_answer"):
        tag = page[page.index(f'name="{name}"') :].partition(">")[0]
        values[name] = tag.partition('value="')[2].partition('"')[0]
    return values


def mark_in(page: str) -> dict[str, str]:
    """Return the mark of the form in which an answer is written."""
    return {"typed_mark": page.partition('name="typed_mark" value="')[2].partition('"')[0]}


@pytest.mark.usefixtures("sender")
def test_question_is_answered_on_its_page(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    assert f"/inbox/{which}" in client.get("/inbox").text
    page = client.get(f"/inbox/{which}").text
    assert "Where can we sleep?" in page
    assert THEM not in page
    sent = client.post(f"/inbox/{which}/answer", data={"words": "At the station."} | fields_of(page))
    assert sent.status_code == 302
    page = client.get(f"/inbox/{which}").text
    assert "At the station." in page
    assert "Queued" in page
    assert "Nobody waits for an answer." in client.get("/inbox").text


@pytest.mark.usefixtures("sender")
def test_second_answer_is_refused_and_kept(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    seen = fields_of(client.get(f"/inbox/{which}").text)
    client.post(f"/inbox/{which}/answer", data={"words": "At the station."} | seen)
    second = client.post(f"/inbox/{which}/answer", data={"words": "In the church."} | seen)
    assert second.status_code == 409
    assert "Somebody of the team answered meanwhile" in second.text
    assert "In the church." in second.text
    with pages.sessions() as session:
        assert len(session.scalars(select(Delivery)).all()) == 1


@pytest.mark.usefixtures("sender")
def test_helpline_is_put_into_the_answer_and_remembered(pages: Pages, vault: Vault, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        service = a_service(
            session, session.get_one(Organisation, pages.ours.id), country="UA", verified_on=clock.now().date()
        )
        number, kind = service.number_national, service.kind
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    page = client.get(f"/inbox/{which}").text
    assert f"/inbox/{which}/insert/{kind}" in page
    page = client.post(f"/inbox/{which}/insert/{kind}", data={"words": "Call them:"}).text
    assert f"Call them:\n{service.name}: {number}" in page
    client.post(f"/inbox/{which}/answer", data={"words": f"{service.name}: {number}"} | fields_of(page))
    with pages.sessions() as session:
        assert session.scalars(select(RunText.service_ids)).all() == [[service.id]]


@pytest.mark.usefixtures("sender")
def test_number_that_nobody_knows_has_to_be_meant(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    seen = fields_of(client.get(f"/inbox/{which}").text)
    data = {"words": "Call +48 600 700 800"} | seen
    refused = client.post(f"/inbox/{which}/answer", data=data)
    assert refused.status_code == 422
    assert "I mean this number" in refused.text
    assert client.post(f"/inbox/{which}/answer", data=data | {"numbers_are_meant": "y"}).status_code == 302


def test_others_and_other_roles_see_nothing(pages: Pages, vault: Vault, client_for: Clients) -> None:
    theirs = hear(pages, vault, "for others", to=pages.theirs)
    assert client_for(Role.RESPONDER).get(f"/inbox/{theirs}").status_code == 404
    assert "for others" not in client_for(Role.RESPONDER).get("/inbox").text
    ours = hear(pages, vault, "for us", who="+380670000002")
    for role in (Role.VIEWER, Role.AUTHOR, Role.APPROVER, Role.STEWARD, Role.ADMIN):
        assert client_for(role).get(f"/inbox/{ours}").status_code == 403


@pytest.mark.parametrize(
    ("looked", "found"), [("sleep", True), ("SLEEPING", False), (THEM, True), ("+380670000009", False)]
)
def test_found_by_word_and_by_full_number(
    pages: Pages, vault: Vault, client_for: Clients, looked: str, found: bool
) -> None:
    which = hear(pages, vault, "Where can we sleep?")
    answer = client_for(Role.RESPONDER).post("/inbox/search", data={"text": looked}, follow_redirects=True)
    assert (f'/inbox/{which}"' in answer.text) is found


@pytest.mark.parametrize("typed", [THEM, "+380670000009", "067 000 00 01", "Call 0670000001"])
def test_number_that_is_looked_for_is_in_no_address(
    pages: Pages, vault: Vault, client_for: Clients, typed: str
) -> None:
    hear(pages, vault, "Where can we sleep?")
    client = client_for(Role.RESPONDER)
    answer = client.post("/inbox/search", data={"text": typed, "channel": "sms"})
    page = client.get(answer.location) if answer.status_code == 302 else answer
    digits = "".join(filter(str.isdigit, typed))[-7:]
    assert digits not in f"{answer.location}"
    addresses = re.findall(r'(?:href|action)="([^"]*)"', page.text)
    assert not [each for each in addresses if digits in re.sub(r"[^0-9]", "", each)]
    # No whole number is told to be none, and stands in its field for its digits to be mended.
    assert (typed in page.text, page.status_code) == ((False, 200) if typed.startswith("+") else (True, 422))
    assert ("Write a number whole, with + and its country code." in page.text) is not typed.startswith("+")
    assert "channel=sms" in (answer.location or "channel=sms")


def test_no_page_of_everybody_follows_what_was_found_by_half_a_number(
    pages: Pages, vault: Vault, client_for: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.inbox.conversations.queries.PER_PAGE", 1)
    for number in range(2):
        hear(pages, vault, "The man is 600 123 456", who=f"+38067000000{number}")
    hear(pages, vault, "Where can we sleep?", who="+380670000009")
    client = client_for(Role.RESPONDER)
    assert 'class="pager"' in client.get("/inbox").text
    page = client.post("/inbox/search", data={"text": "600 123 456"}).text
    assert "The man is" in page
    assert 'class="pager"' not in page
    assert "Only the first ones are shown." in page


def test_numbers_that_a_member_looks_for_are_counted(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    for _ in range(MOST_NUMBERS):
        assert client.post("/inbox/search", data={"text": THEM}).status_code == 302
    refused = client.post("/inbox/search", data={"text": THEM})
    assert refused.status_code == 422
    assert "Go on later." in refused.text
    assert f'/inbox/{which}"' not in refused.text
    # Words are not counted.
    found = client.post("/inbox/search", data={"text": "sleep"}, follow_redirects=True)
    assert f'/inbox/{which}"' in found.text


def test_who_looks_for_a_number_is_in_the_audit_and_the_number_is_not(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    client.post("/inbox/search", data={"text": "sleep"})
    for looked in (THEM, "+380670000009"):
        client.post("/inbox/search", data={"text": looked})
    with pages.sessions() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "contact.find")).all()
        contact_id = session.get_one(Conversation, which).contact_id
    assert [each.detail for each in entries] == [{"contacts": [contact_id]}, {"contacts": []}]
    assert {each.organisation_id for each in entries} == {pages.ours.id}
    assert None not in {each.member_id for each in entries}


def test_of_a_phone_that_people_share_each_is_found(pages: Pages, vault: Vault, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        other = a_contact(session, session.merge(pages.ours))
        an_address(session, other, vault, number=THEM, channel=Channel.WHATSAPP)
        an_address(session, other, vault, number="+380670000002")
    which = hear(pages, vault, "Where can we sleep?")
    answer = client_for(Role.RESPONDER).post("/inbox/search", data={"text": THEM}, follow_redirects=True)
    assert f'/inbox/{which}"' in answer.text


def test_draft_is_kept_and_offered(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    client.post(f"/inbox/{which}/draft", data={"words": "At the station."})
    assert "At the station." in client.get(f"/inbox/{which}").text
    with pages.sessions() as session:
        assert len(session.scalars(select(Draft)).all()) == 1


def test_an_answer_keeps_itself_while_it_is_typed(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    silently = f"/inbox/{which}/draft?silently=1"
    assert f'data-keep="{silently}"' in client.get(f"/inbox/{which}").text
    form = mark_in(client.get(f"/inbox/{which}").text)
    assert client.post(silently, data=form | {"words": "At the station."}).status_code == 204
    page = client.get(f"/inbox/{which}").text
    assert "At the station." in page
    assert "It is kept." not in page
    client.post(silently, data=form | {"words": " "})
    assert "At the station." not in client.get(f"/inbox/{which}").text


@pytest.mark.usefixtures("sender")
def test_what_was_typed_before_an_answer_does_not_come_back_after_it(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    page = client.get(f"/inbox/{which}").text
    form = fields_of(page) | mark_in(page) | {"words": "At the station."}
    assert client.post(f"/inbox/{which}/answer", data=form).status_code == 302
    assert client.post(f"/inbox/{which}/draft?silently=1", data=form).status_code == 409
    with pages.sessions() as session:
        assert session.scalars(select(Draft)).all() == []


def test_answer_after_the_sign_in_has_expired_is_kept_as_a_draft(own_pages: Pages, vault: Vault) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    which, member = hear(own_pages, vault, "Where can we sleep?"), own_pages.member(Role.RESPONDER)
    form = mark_in(own_pages.client(member).get(f"/inbox/{which}").text) | {"words": "At the station."}
    other = hear(own_pages, vault, "And we?", who="+380671234568")
    for path, is_theirs in ((f"/inbox/{which}/answer", True), (f"/inbox/{other}/answer", False)):
        assert own_pages.client().post(path, data=form).status_code == 302
        page = own_pages.client(member).get(path.removesuffix("/answer")).text
        assert ("At the station." in page) == is_theirs
    stranger = own_pages.member(Role.RESPONDER)
    assert "At the station." not in own_pages.client(stranger).get(f"/inbox/{which}").text


def test_taken_put_off_closed_and_opened_again(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)

    def state() -> ConversationState:
        with pages.sessions() as session:
            return ConversationState(session.get_one(Conversation, which).state)

    client.post(f"/inbox/{which}/take")
    assert state() is ConversationState.OPEN
    client.post(f"/inbox/{which}/put-off", data={"hours": "4"})
    assert f'/inbox/{which}"' not in client.get("/inbox").text
    assert f'/inbox/{which}"' in client.get("/inbox?shelf=snoozed").text
    seen = fields_of(client.get(f"/inbox/{which}").text)
    client.post(f"/inbox/{which}/close", data={"outcome": "informed"} | seen)
    assert state() is ConversationState.CLOSED
    client.post(f"/inbox/{which}/open-again")
    assert state() is ConversationState.OPEN


def test_several_are_closed_at_once(pages: Pages, vault: Vault, client_for: Clients) -> None:
    ids = [hear(pages, vault, "Hello", who=f"+38067000000{number}") for number in range(3)]
    client = client_for(Role.RESPONDER)
    queue = client.get("/inbox").text
    seen = dict(re.findall(r'name="(seen-\d+)" value="(\d+)"', queue))
    assert len(seen) == 3
    client.post("/inbox/close", data={"conversation": [*ids, "abc"], "outcome": "not_for_us", **seen})
    page = client.get("/inbox").text
    assert "3 conversations are closed." in page
    assert "Nobody waits for an answer." in page


def test_nothing_is_closed_before_somebody_chose_how_it_ended(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    which, client = hear(pages, vault, "Help, he is beating me now"), client_for(Role.RESPONDER)
    page = client.get(f"/inbox/{which}").text
    # What a browser sends that was asked for nothing else.
    first = page[page.index('name="outcome"') :].partition("<option")[2].partition('value="')[2].partition('"')[0]
    assert client.post(f"/inbox/{which}/close", data={"outcome": first} | fields_of(page)).status_code == 422
    assert client.post("/inbox/close", data={"outcome": "informed"}).status_code == 302
    assert "Tick the conversations first." in client.get("/inbox").text
    with pages.sessions() as session:
        assert session.get_one(Conversation, which).state != ConversationState.CLOSED


def test_members_see_first_what_they_can_read(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which, client = hear(pages, vault, "Hello"), client_for(Role.RESPONDER)
    with pages.sessions.begin() as session:
        session.get_one(Conversation, which).language = "ti"
    assert f'/inbox/{which}"' in client.get("/inbox").text
    client.post("/settings/languages", data={"languages": ["uk", "en"]})
    page = client.get("/inbox").text
    assert f'/inbox/{which}"' not in page
    assert "Somebody waits in a language that nobody of your team reads: <bdi>Tigrinya</bdi>." in page
    assert f'/inbox/{which}"' in client.get("/inbox?languages=all").text


def test_who_looks_on_is_told(pages: Pages, vault: Vault, client_for: Clients) -> None:
    which = hear(pages, vault, "Hello")
    first, second = client_for(Role.RESPONDER), client_for(Role.RESPONDER, Role.ADMIN)
    seen = fields_of(first.get(f"/inbox/{which}").text)
    assert "Also here" not in first.post(f"/inbox/{which}/presence", data=seen).text
    assert "Also here" in second.post(f"/inbox/{which}/presence", data=seen).text
    hear(pages, vault, "Are you there?")
    assert "Something new was written." in first.post(f"/inbox/{which}/presence", data=seen).text


@pytest.mark.usefixtures("sender")
def test_prepared_answer_is_in_their_language_with_the_helpline_of_now(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    with pages.sessions.begin() as session:
        ours, today = session.get_one(Organisation, pages.ours.id), clock.now().date()
        service = a_service(session, ours, country="UA", verified_on=today)
        texts = {"en": "Call ((hotline)).", "uk": "Телефонуйте: ((hotline))."}
        message = a_message(session, ours, texts, title="Where to call").id
        unfilled = a_message(session, ours, {"en": "Read ((link))."}, title="Our page").id
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    with pages.sessions.begin() as session:
        session.get_one(Conversation, which).language = "uk"
    page = client.get(f"/inbox/{which}").text
    assert "Where to call" in page
    page = client.post(f"/inbox/{which}/prepared", data={"message": message, "words": "Вітаємо!"}).text
    assert f"Вітаємо!\nТелефонуйте: {service.number_national}." in page
    page = client.post(f"/inbox/{which}/prepared", data={"message": unfilled}).text
    assert "There is no reviewed text in their language: this one is in English." in page
    sent = client.post(f"/inbox/{which}/answer", data={"words": "Read ((link))."} | fields_of(page))
    assert sent.status_code == 422
    assert "double brackets" in sent.text


def test_what_was_withdrawn_is_no_prepared_answer(pages: Pages, vault: Vault, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        ours = session.get_one(Organisation, pages.ours.id)
        message = a_message(session, ours, {"en": "Call 112 233."}, title="Where to ring")
        which_message, by = message.id, a_member(session, ours).id
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    # Whoever has the page open still sees it offered.
    assert "Where to ring" in client.get(f"/inbox/{which}").text
    with pages.sessions.begin() as session:
        message = session.get_one(Message, which_message)
        withdraw_version(session, message, message.version, by=by, reason="It is another's number.")
    page = client.post(f"/inbox/{which}/prepared", data={"message": which_message}).text
    assert ("Call 112 233." in page, "was withdrawn" in page, "Where to ring" in page) == (False, True, False)


def test_copy_of_what_a_partner_withdrew_is_no_prepared_answer(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    with pages.sessions.begin() as session:
        theirs = a_message(session, session.get_one(Organisation, pages.theirs.id), {"en": "Call 112 233."})
        ours = session.get_one(Organisation, pages.ours.id)
        lineage = {"copied_from_id": theirs.id, "copied_from_version": theirs.version}
        which_message = a_message(session, ours, {"en": "Call 112 233."}, title="Where to ring", **lineage).id
        by = a_member(session, pages.theirs).id
        withdraw_version(session, theirs, theirs.version, by=by, reason="It is another's number.")
    which, client = hear(pages, vault, "Where can we sleep?"), client_for(Role.RESPONDER)
    assert "Where to ring" not in client.get(f"/inbox/{which}").text
    page = client.post(f"/inbox/{which}/prepared", data={"message": which_message}).text
    assert ("Call 112 233." in page, "was withdrawn" in page) == (False, True)


def test_prepared_answer_of_others_is_not_found(pages: Pages, vault: Vault, client_for: Clients) -> None:
    with pages.sessions.begin() as session:
        theirs = a_message(session, session.get_one(Organisation, pages.theirs.id)).id
    which = hear(pages, vault, "Hello")
    assert client_for(Role.RESPONDER).post(f"/inbox/{which}/prepared", data={"message": theirs}).status_code == 404


def let_a_day_pass(pages: Pages) -> None:
    """Let WhatsApp deliver nothing any more but templates."""
    with pages.sessions.begin() as session:
        session.execute(update(Address).values(heard_at=clock.now() - timedelta(hours=25)))


def a_reminder(
    session: Session, organisation_id: int, text: str = "You have an answer. Write 1 to read it.", **changes: Any
) -> WhatsAppTemplate:
    """Add an approved template that asks somebody to write again, and the sender over which it goes."""
    sender = a_sender(session, organisation_id=organisation_id, channel=Channel.WHATSAPP, identity=OURS)
    ours = session.get_one(Organisation, organisation_id)
    message = a_message(session, ours, {"en": text}, title="Write again", **changes)
    facts = {"message_id": message.id, "language": "en", "organisation_id": ours.id, "gateway": sender.gateway}
    template = WhatsAppTemplate(
        **facts,
        secret_name=sender.secret_name,
        text_digest=digest_of(text),
        name="write_again",
        body=template_of(with_stop_said(text, "en")).body,
        slots=[],
        category=TemplateCategory.UTILITY,
        state=TemplateState.APPROVED,
        content_sid="HX" + "1" * 32,
        asked_by_id=a_member(session, ours).id,
        asked_at=clock.now(),
    )
    added: WhatsAppTemplate = add(session, template)
    return added


def test_who_cannot_be_answered_any_more_is_asked_by_a_template_to_write_again(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    with pages.sessions.begin() as session:
        chosen = a_reminder(session, pages.ours.id).id
    which, client = hear(pages, vault, "Where can we sleep?", channel="whatsapp"), client_for(Role.RESPONDER)
    assert "Ask them to write again" not in client.get(f"/inbox/{which}").text
    let_a_day_pass(pages)
    page = client.get(f"/inbox/{which}").text
    assert "WhatsApp delivers no answer later than 24 hours" in page
    assert "Send the answer" not in page
    late = client.post(f"/inbox/{which}/answer", data={"words": "At the station."} | fields_of(page))
    assert late.status_code == 422
    assert "At the station." in late.text
    client.post(f"/inbox/{which}/remind", data={"template": chosen, "words": "At the station."} | fields_of(page))
    with pages.sessions() as session:
        assert session.scalars(select(RunText.content_sid)).all() == ["HX" + "1" * 32]
    hear(pages, vault, "1", channel="whatsapp")
    page = client.get(f"/inbox/{which}").text
    assert "You kept this answer." in page
    assert "At the station." in page
    assert "Send the answer" in page


@pytest.mark.parametrize("is_anew", [True, False])
def test_no_template_says_what_was_withdrawn(
    pages: Pages, vault: Vault, client_for: Clients, is_anew: bool
) -> None:
    """The words that were withdrawn stay those of the template, whatever its message says by now."""
    with pages.sessions.begin() as session:
        message_id = a_reminder(session, pages.ours.id).message_id
    which, client = hear(pages, vault, "Where can we sleep?", channel="whatsapp"), client_for(Role.RESPONDER)
    let_a_day_pass(pages)
    offered = "Write again"
    assert offered in client.get(f"/inbox/{which}").text
    with pages.sessions.begin() as session:
        message, member = (
            session.get_one(Message, message_id),
            a_member(session, session.get_one(Organisation, pages.ours.id)),
        )
        withdraw_version(session, message, message.version, by=member.id, reason="Nobody reads it.")
        if is_anew:
            save_translation(session, message, language="en", text="Write 2.", by=member.id)
    assert offered not in client.get(f"/inbox/{which}").text


def test_no_template_of_a_copy_says_what_its_source_withdrew(
    pages: Pages, vault: Vault, client_for: Clients
) -> None:
    """The copy says something else by now, and its template still what was copied, with how to stop in it."""
    text = "You have an answer. Write 1 to read it ((stop))"
    with pages.sessions.begin() as session:
        theirs = a_message(session, session.get_one(Organisation, pages.theirs.id), {"en": text})
        lineage = {"copied_from_id": theirs.id, "copied_from_version": theirs.version}
        template = a_reminder(session, pages.ours.id, text, **lineage)
        save_translation(
            session,
            session.get_one(Message, template.message_id),
            language="en",
            text="Write 2.",
            by=template.asked_by_id,
        )
        source_id, by = theirs.id, a_member(session, pages.theirs).id
    which, client = hear(pages, vault, "Where can we sleep?", channel="whatsapp"), client_for(Role.RESPONDER)
    let_a_day_pass(pages)
    offered = "Write again"
    assert offered in client.get(f"/inbox/{which}").text
    with pages.sessions.begin() as session:
        source = session.get_one(Message, source_id)
        withdraw_version(session, source, source.version, by=by, reason="Nobody reads it.")
    assert offered not in client.get(f"/inbox/{which}").text


@pytest.mark.usefixtures("sender")
def test_found_by_place_language_and_day(pages: Pages, vault: Vault, client_for: Clients) -> None:
    here = hear(pages, vault, "first")
    there = hear(pages, vault, "second", who="+380670000002")
    noon = clock.now().replace(hour=12)
    yesterday = noon - timedelta(days=1)
    with pages.sessions.begin() as session:
        region = a_region(session, code="UA-46", country="UA", name="Lviv")
        first, second = (session.get_one(Conversation, which) for which in (here, there))
        session.get_one(Contact, first.contact_id).region_id = region.id
        first.language, first.waiting_since = "uk", yesterday
        first.last_at = second.last_at = second.waiting_since = noon
    client = client_for(Role.RESPONDER)
    today, before = (moment.date().isoformat() for moment in (noon, yesterday))
    for query, found in (
        ("region=UA-46", {here}),
        ("region=UA-05", set()),
        ("language=uk", {here}),
        (f"since={today}", {there}),
        (f"until={before}", {here}),
        (f"since={before}&until={today}", {here, there}),
        (f"shelf=all&since={today}", {here, there}),
        ("since=nonsense&until=9999-12-31", {here, there}),
        (f"since={today}&text=first", set()),
    ):
        page = client.get(f"/inbox?{query}").text
        assert {which for which in (here, there) if f"/inbox/{which}" in page} == found, query
    page = client.get(f"/inbox?region=UA-46&since={before}").text
    assert '<option value="UA-46" selected>' in page
    assert f'value="{before}"' in page
