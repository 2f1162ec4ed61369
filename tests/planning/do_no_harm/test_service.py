"""The do-no-harm checklist and the prepared correction: who may, what they are bound to, what they void."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import (
    ApprovalError,
    FingerpostError,
    ForbiddenError,
    InputError,
    NotFoundError,
    TransitionError,
)
from campaigns.core.keys.crypto import Vault
from campaigns.messages.service import save_translation
from campaigns.planning.do_no_harm.checklist import ITEMS, Answer, checked_answers, refused_items
from campaigns.planning.do_no_harm.service import answer_harm, correction_of, harm_answers_of, prepare_correction
from campaigns.planning.models import CampaignState
from campaigns.planning.queries import find_approval, find_editors, load_content
from campaigns.planning.service import duplicate_campaign
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_member, a_message, an_organisation
from tests.planning.story import Story, a_story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

ANSWERS = {item.key: Answer(True, "I looked.") for item in ITEMS}


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    return a_story(session, vault, is_safeguarded=False)


def answer(story: Story, *, by: int | None = None, **answers: Answer) -> None:
    digest = load_content(story.session, story.campaign).said_digest
    by = story.approver.id if by is None else by
    answer_harm(story.session, story.campaign, by=by, answers=ANSWERS | answers, digest=digest)


def correct(story: Story, texts: dict[str, str] | None = None) -> int:
    message = a_message(story.session, story.organisation, texts, title="Correction")
    prepare_correction(story.session, story.campaign, message_id=message.id, by=story.author.id)
    return message.id


# --- The checklist ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("yes", "words"), [(False, ""), (False, "   "), (False, "x" * 301), (True, "x" * 301)])
def test_what_is_not_true_needs_a_sentence_of_fitting_length(yes: bool, words: str) -> None:
    with pytest.raises(InputError):
        checked_answers(ANSWERS | {"no_fear": Answer(yes, words)})


def test_what_is_true_may_stand_without_a_sentence() -> None:
    assert checked_answers(ANSWERS | {"no_fear": Answer(True, " ")})["no_fear"] == Answer(True, "")


def test_missing_answer_is_refused() -> None:
    with pytest.raises(InputError):
        checked_answers({item.key: ANSWERS[item.key] for item in ITEMS[1:]})


def test_no_and_nothing_both_count_as_refused() -> None:
    answers = {item.key: ANSWERS[item.key] for item in ITEMS[2:]} | {ITEMS[0].key: Answer(False, "It blames.")}
    assert refused_items(answers) == list(ITEMS[:2])


def test_answers_are_kept_for_what_was_read(story: Story) -> None:
    answer(story, no_fear=Answer(False, "  Too   loud. "))
    found = harm_answers_of(story.session, story.campaign)
    assert found is not None
    assert found.is_current
    assert not found.is_editors
    assert found.member_id == story.approver.id
    assert [item.key for item in found.refused] == ["no_fear"]
    assert found.answers["no_fear"].words == "Too loud."
    assert story.session.scalars(select(AuditEntry.action)).all() == ["campaign.answer_harm"]


def test_author_cannot_answer(story: Story) -> None:
    both = a_member(story.session, story.organisation, Role.AUTHOR, Role.APPROVER)
    save_translation(story.session, story.campaign.message, language="pl", text="Nowy ((hotline))", by=both.id)
    with pytest.raises(ApprovalError):
        answer(story, by=both.id)


def test_member_without_the_right_cannot_answer(story: Story) -> None:
    with pytest.raises(ForbiddenError):
        answer(story, by=a_member(story.session, story.organisation, Role.VIEWER).id)


def test_answers_to_what_was_changed_meanwhile_are_refused(story: Story) -> None:
    with pytest.raises(TransitionError):
        answer_harm(story.session, story.campaign, by=story.approver.id, answers=ANSWERS, digest="0" * 64)


def test_new_text_asks_for_new_answers_but_a_new_time_does_not(story: Story) -> None:
    answer(story)
    story.scheduled()
    found = harm_answers_of(story.session, story.campaign)
    assert found is not None
    assert found.is_current
    correct(story)
    found = harm_answers_of(story.session, story.campaign)
    assert found is not None
    assert not found.is_current


@pytest.mark.both_databases
def test_later_edit_makes_the_answers_an_editors(story: Story) -> None:
    answer(story)
    save_translation(
        story.session, story.campaign.message, language="uk", text="Нове ((hotline))", by=story.approver.id
    )
    found = harm_answers_of(story.session, story.campaign)
    assert found is not None
    assert found.is_editors


# --- The correction ---------------------------------------------------------------------------------------


def test_correction_tells_in_which_languages_it_is_missing(story: Story) -> None:
    assert correction_of(story.session, story.campaign) is None
    correct(story, {"en": "Wrong number. Call ((hotline))"})
    found = correction_of(story.session, story.campaign)
    assert found is not None
    assert (found.texts, found.missing) == ({"en": "Wrong number. Call ((hotline))"}, ("uk",))


def test_correction_voids_the_approval(story: Story) -> None:
    story.approved()
    correct(story)
    assert story.campaign.state == CampaignState.DRAFT
    assert find_approval(story.session, story.campaign) is None


@pytest.mark.both_databases
def test_text_of_the_correction_is_part_of_what_is_approved(story: Story) -> None:
    message_id = correct(story, {"en": "Wrong number. Call ((hotline))"})
    digest = load_content(story.session, story.campaign).digest
    correction = story.campaign.correction
    assert correction is not None
    assert correction.id == message_id
    text = save_translation(
        story.session, correction, language="en", text="Call ((hotline)) now", by=story.author.id
    )
    text.state = "reviewed"  # type: ignore[assignment]
    assert load_content(story.session, story.campaign).digest != digest


@pytest.mark.both_databases
def test_who_wrote_the_correction_is_an_editor(story: Story) -> None:
    other = a_member(story.session, story.organisation, Role.AUTHOR)
    message = a_message(story.session, story.organisation)
    message.translations[0].translator_id = other.id
    prepare_correction(story.session, story.campaign, message_id=message.id, by=story.author.id)
    assert other.id in find_editors(story.session, story.campaign)


@pytest.mark.parametrize("which", ["own", "foreign"])
def test_other_messages_cannot_be_corrections(story: Story, which: str) -> None:
    foreign = a_message(story.session, an_organisation(story.session))
    message_id = {"own": story.campaign.message_id, "foreign": foreign.id}[which]
    refusals: tuple[type[FingerpostError], ...] = (InputError, NotFoundError)
    with pytest.raises(refusals):
        prepare_correction(story.session, story.campaign, message_id=message_id, by=story.author.id)


def test_copy_keeps_the_correction(story: Story) -> None:
    message_id = correct(story)
    copy = duplicate_campaign(story.session, story.campaign, by=story.author.id)
    assert copy.correction_id == message_id
