"""One correction stands for a whole organisation: drafts that it covers follow it, bound as any other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.core.errors import InputError, NotFoundError
from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import all_languages
from campaigns.messages.models import Message, Translation, TranslationState
from campaigns.messages.queries import current_texts, state_of
from campaigns.messages.text.placeholders import names_in
from campaigns.planning.correcting import find_common_correction, find_correction
from campaigns.planning.do_no_harm.common_correction import (
    bundled_texts,
    choose_common_correction,
    write_common_correction,
)
from campaigns.planning.do_no_harm.models import HarmReview
from campaigns.planning.do_no_harm.queries import correction_of, find_uncovered
from campaigns.planning.do_no_harm.service import prepare_correction
from campaigns.planning.draft import plan_of
from campaigns.planning.gates.safety import correction_gate
from campaigns.planning.models import Campaign, CommonCorrection, RunState
from campaigns.planning.queries import find_editors, load_content
from campaigns.planning.runs.held_runs import CHANGED
from campaigns.planning.service import (
    duplicate_campaign,
    fire_due,
    submit_campaign,
    take_back_campaign,
    update_campaign,
)
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_member, a_message, an_organisation, safeguarded
from tests.planning.story import DUE, START, Story, a_story

pytestmark = pytest.mark.usefixtures("at_the_start")

TEXTS = {"en": "It was wrong. ((hotline))", "uk": "Це було неправильно. ((hotline))"}


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    return a_story(session, vault, is_safeguarded=False)


def choose(story: Story, texts: dict[str, str] | None = None, **changes: str) -> Message:
    message = a_message(story.session, story.organisation, texts or TEXTS, title="For all", **changes)
    choose_common_correction(story.session, story.organisation.id, message_id=message.id, by=story.author.id)
    return message


def gate_of(story: Story) -> tuple[bool, str]:
    content = load_content(story.session, story.campaign)
    found = correction_of(story.session, story.campaign, content)
    gate = correction_gate(story.campaign, found, find_uncovered(story.session, story.campaign, content))
    return gate.passed, str(gate.sentence)


def test_a_draft_that_it_covers_follows_it(story: Story) -> None:
    assert not gate_of(story)[0]
    choose(story)
    passed, sentence = gate_of(story)
    assert passed
    assert "“For all”" in sentence
    assert load_content(story.session, story.campaign).correction == TEXTS


def test_a_draft_that_it_does_not_cover_names_the_languages(story: Story) -> None:
    choose(story, {"en": "It was wrong. ((hotline))"})
    passed, sentence = gate_of(story)
    assert not passed
    assert "not reviewed in" in sentence
    assert load_content(story.session, story.campaign).correction == {}


def test_an_own_correction_comes_before_it(story: Story) -> None:
    own = a_message(story.session, story.organisation, TEXTS | {"en": "Mine."}, title="Own")
    choose(story)
    story.campaign.correction_id = own.id
    story.session.flush()
    assert load_content(story.session, story.campaign).correction["en"] == "Mine."
    assert "“Own”" in gate_of(story)[1]


def test_submitting_names_it_and_changes_nothing_that_was_read(story: Story) -> None:
    common = choose(story)
    safeguarded(story.session, story.campaign, story.reader)
    story.campaign.correction_id = None
    story.session.flush()
    story.session.expire(story.campaign, ["correction"])
    story.scheduled()
    before = load_content(story.session, story.campaign).digest
    digest = submit_campaign(story.session, story.campaign, by=story.author.id).content.digest
    assert digest == before
    assert story.session.scalar(select(Campaign.correction_id)) == common.id
    entry = story.session.scalars(select(AuditEntry).where(AuditEntry.action == "campaign.submit")).one()
    assert entry.detail["correction_id"] == common.id
    choose(story, {"en": "Other. ((hotline))", "uk": "Інше. ((hotline))"})
    assert load_content(story.session, story.campaign).digest == digest


def test_who_wrote_it_is_an_editor_of_the_drafts_that_follow_it(story: Story) -> None:
    other = a_member(story.session, story.organisation, Role.AUTHOR)
    message = choose(story)
    message.translations[0].translator_id = other.id
    story.session.flush()
    assert other.id in find_editors(story.session, story.campaign)


def test_bundled_sentences_wait_for_their_review(story: Story) -> None:
    message = write_common_correction(
        story.session, story.organisation.id, title="For all", languages=["en", "uk", "xx"], by=story.author.id
    )
    assert {state_of(message, each) for each in message.translations} == {TranslationState.TRANSLATED}
    assert current_texts(message) == {}
    assert not gate_of(story)[0]
    for each in message.translations:
        each.state = TranslationState.REVIEWED
    story.session.flush()
    assert gate_of(story)[0]


@pytest.mark.one_database
def test_bundled_sentences_name_help_and_how_to_stop() -> None:
    texts = bundled_texts()
    assert texts.keys() <= all_languages().keys()
    for text in texts.values():
        assert {"hotline", "stop"} <= set(names_in(text))
        assert not any(character.isdigit() for character in text)


def test_it_is_chosen_anew_and_removed(story: Story) -> None:
    choose(story)
    second = choose(story)
    ours = story.organisation.id
    assert story.session.scalars(select(CommonCorrection.message_id)).all() == [second.id]
    choose_common_correction(story.session, ours, message_id=None, by=story.author.id)
    assert find_common_correction(story.session, ours) is None
    actions = story.session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("correction.%")))
    assert sorted(actions) == ["correction.choose", "correction.choose", "correction.drop"]


def test_a_foreign_message_and_no_language_are_refused(story: Story) -> None:
    foreign, ours = a_message(story.session, an_organisation(story.session)), story.organisation.id
    with pytest.raises(NotFoundError):
        choose_common_correction(story.session, ours, message_id=foreign.id, by=story.author.id)
    with pytest.raises(InputError):
        write_common_correction(story.session, ours, title="For all", languages=["xx"], by=story.author.id)


def test_a_new_language_of_it_holds_nobody(story: Story) -> None:
    """What was approved is bound in the languages that are sent: one more is not theirs, another wording is."""
    common = choose(story)
    safeguarded(story.session, story.campaign, story.reader)
    story.campaign.correction_id = common.id
    story.approved()
    digest = load_content(story.session, story.campaign).digest
    later = Translation(language="pl", text="To było błędne. ((hotline))", source_digest="", updated_at=START)
    later.source_digest, later.state = common.translations[0].source_digest, TranslationState.REVIEWED
    common.translations.append(later)
    story.session.flush()
    assert load_content(story.session, story.campaign).digest == digest
    next(each for each in common.translations if each.language == "uk").text = "Інше. ((hotline))"
    story.session.flush()
    (run,) = fire_due(story.session, now=DUE)
    assert str(run.reason) == CHANGED


def test_an_approval_of_every_language_of_it_still_holds(story: Story) -> None:
    """An earlier version bound more languages than are sent, and had them read in the checklist."""
    common = choose(story, TEXTS | {"pl": "To było błędne. ((hotline))"})
    story.campaign.correction_id = common.id
    story.approved()
    whole = replace(load_content(story.session, story.campaign), correction=current_texts(common))
    approval = story.campaign.approvals[-1]
    approval.content, approval.digest = whole.to_json(), whole.digest
    story.session.execute(update(HarmReview).values(digest=whole.said_digest))
    story.session.flush()
    (run,) = fire_due(story.session, now=DUE)
    assert run.state == RunState.PLANNING


def test_its_base_language_belongs_to_every_campaign(story: Story) -> None:
    common = choose(story, TEXTS | {"pl": "To było błędne. ((hotline))"}, base_language="pl")
    assert load_content(story.session, story.campaign).correction == current_texts(common)


def test_a_draft_that_followed_it_follows_the_next_one(story: Story) -> None:
    """What was named by itself is let go with the approval; what was sent with it is still corrected by it."""
    first = choose(story)
    story.scheduled()
    submit(story)
    assert story.campaign.correction_id == first.id
    take_back_campaign(story.session, story.campaign, by=story.author.id)
    second = choose(story, {"en": "Other. ((hotline))", "uk": "Інше. ((hotline))"})
    assert find_correction(story.session, story.campaign) == second
    assert load_content(story.session, story.campaign, sent_in=["uk"]).correction == TEXTS
    copy = duplicate_campaign(story.session, story.campaign, by=story.author.id)
    assert copy.correction_id is None
    submit(story)
    assert story.campaign.correction_id == second.id


def test_a_chosen_one_is_let_go_only_by_choosing_the_organisations(story: Story) -> None:
    common, own = choose(story), a_message(story.session, story.organisation, TEXTS, title="Own")
    choices = {"message_id": own.id, "by": story.author.id}
    prepare_correction(story.session, story.campaign, **choices)
    assert duplicate_campaign(story.session, story.campaign, by=story.author.id).correction_id == own.id
    prepare_correction(story.session, story.campaign, message_id=None, by=story.author.id)
    assert find_correction(story.session, story.campaign) == common


def test_a_message_never_corrects_itself(story: Story) -> None:
    """A draft that followed the common one takes its message: what it followed goes."""
    common = choose(story)
    story.scheduled()
    submit(story)
    plan = replace(plan_of(story.campaign), message_id=common.id)
    update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)
    assert story.campaign.correction_id is None
    story.campaign.correction_id = common.id
    story.session.flush()
    passed, sentence = gate_of(story)
    assert (passed, "cannot correct itself" in sentence) == (False, True)


def test_who_chose_it_wrote_the_campaigns_that_follow_it(story: Story) -> None:
    message, other = choose(story), a_member(story.session, story.organisation, Role.AUTHOR)
    choose_common_correction(story.session, story.organisation.id, message_id=None, by=other.id)
    choose_common_correction(story.session, story.organisation.id, message_id=message.id, by=other.id)
    assert other.id in find_editors(story.session, story.campaign)
    story.scheduled()
    submit(story)
    assert other.id in find_editors(story.session, story.campaign)
    prepare_correction(story.session, story.campaign, message_id=message.id, by=story.author.id)
    assert other.id not in find_editors(story.session, story.campaign)


def test_it_is_not_written_twice(story: Story) -> None:
    """A second click, or a page from before, puts no unreviewed message in place of a reviewed one."""
    common = choose(story)
    with pytest.raises(InputError):
        write_common_correction(
            story.session, story.organisation.id, title="For all", languages=["en"], by=story.author.id
        )
    assert find_common_correction(story.session, story.organisation.id) == common


def test_a_gate_leads_to_the_texts_of_it_that_wait(story: Story) -> None:
    message = choose(story)
    for each in message.translations:
        each.state = TranslationState.TRANSLATED
    story.session.flush()
    content = load_content(story.session, story.campaign)
    gate = correction_gate(story.campaign, None, find_uncovered(story.session, story.campaign, content))
    assert (gate.link_endpoint, gate.link_values) == ("messages.show", {"message_id": message.id})
    assert gate.waiting == ("en", "uk")


def submit(story: Story) -> None:
    submit_campaign(story.session, story.campaign, by=story.author.id)
