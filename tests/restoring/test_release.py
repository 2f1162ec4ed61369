"""A restored instance is released once its doubts are settled: what nobody can tell of is never sent by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Channel
from campaigns.continuity.latch import find_latched, find_released, hold_instance, latch
from campaigns.continuity.marks import Mark, take_mark_file
from campaigns.continuity.models import LatchReason, Pulse
from campaigns.continuity.places import files_of
from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.delivery.lanes.daily_limits import count_called
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.models import Delivery
from campaigns.delivery.monitoring.models import RunTally
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Gateway, ProviderMessage
from campaigns.planning.models import Run, RunState
from campaigns.proposals.models import ProposalState
from campaigns.reach.releases.asked_releases import RESTORED
from campaigns.reach.releases.models import AskedRelease, JointRequest, Release
from campaigns.reach.releases.releasing import Releasing
from campaigns.restoring.doubts_settled import Settled
from campaigns.restoring.release import UNPLANNED, Restored, release, settle_by_lists
from campaigns.staff.models import Organisation
from tests.architecture.samples import a_joint_request, an_asked_release
from tests.delivery.builders import TEXT, a_planned_run, a_running_run, give_addresses
from tests.delivery.provider import MemoryProvider
from tests.factories import a_member, a_sender
from tests.web.pages import page_settings

pytestmark = pytest.mark.one_database


class Unlisted(MemoryProvider):
    """A provider that keeps no list."""

    keeps_list = False


class Scene:
    """A latched instance with a run of three people, and the providers of its senders."""

    def __init__(self, engine: Engine, sessions: sessionmaker[Session], folder: Path) -> None:
        settings = replace(page_settings(engine), state_folder=str(folder))
        self.sessions, self.provider = sessions, MemoryProvider()
        #: Those of senders that have another one.
        self.others: dict[int, MemoryProvider] = {}
        self.restored = Restored(sessions, settings, self._open)
        self.vault: Vault = settings.vault()
        with sessions.begin() as session:
            self.run_id = a_running_run(session, self.vault, count=3, started_at=clock.now()).id
            latch(session, LatchReason.BEHIND)

    def _open(self, sender: SenderFacts) -> Gateway:
        return self.others.get(sender.sender_id, self.provider)

    def listed(self, number: int, **changes: object) -> None:
        """Let the provider's list hold a message to one of the people, of just now."""
        with self.sessions() as session:
            identity = session.get_one(Run, self.run_id).sender.identity
        message = ProviderMessage(
            provider_id=f"SM-forgotten-{number}",
            to=f"+38067{number:07}",
            sender=identity,
            body=TEXT,
            status="delivered",
            error=None,
            created_at=clock.now().replace(microsecond=0),
        )
        self.provider.messages.append(replace(message, **changes))  # type: ignore[arg-type]

    def release(self) -> Settled:
        settled, unlisted = asyncio.run(settle_by_lists(self.restored))
        release(self.restored, settled, unlisted)
        return settled

    def rows(self, run_id: int | None = None) -> list[tuple[str, str | None]]:
        """Return the state and the provider's id of each delivery of a run, in their order."""
        wanted = select(Delivery.send_state, Delivery.provider_id).where(
            Delivery.run_id == (run_id or self.run_id)
        )
        with self.sessions() as session:
            return [(str(state), known) for state, known in session.execute(wanted.order_by(Delivery.contact_id))]


@pytest.fixture
def scene(engine: Engine, sessions: sessionmaker[Session], tmp_path: Path) -> Scene:
    return Scene(engine, sessions, tmp_path / "state")


def test_what_a_list_shows_was_sent_and_the_rest_goes_on(scene: Scene) -> None:
    scene.listed(1)
    settled = scene.release()
    assert (settled.found, settled.unknown, settled.foreign) == (1, 0, 0)
    assert sorted(scene.rows()) == [("accepted", "SM-forgotten-1"), ("queued", None), ("queued", None)]
    with scene.sessions() as session:
        assert find_latched(session) is None
        assert find_released(session) is not None


@pytest.mark.both_databases
def test_list_of_a_sender_that_was_off_is_read_where_a_stopped_run_waits_for_it(scene: Scene) -> None:
    """After the backup it may have been switched on again, and the run resumed."""
    with scene.sessions.begin() as session:
        run = session.get_one(Run, scene.run_id)
        run.state, run.sender.active = RunState.STOPPED, False
        session.execute(update(Delivery).values(send_state=SendState.CANCELLED))
    scene.listed(1)
    assert scene.release().found == 1
    assert sorted(scene.rows()) == [("accepted", "SM-forgotten-1"), ("cancelled", None), ("cancelled", None)]


@pytest.mark.both_databases
def test_list_is_read_since_a_stopped_run_began_that_waits_for_it(scene: Scene) -> None:
    """It went on after the backup; a worker that did not notice the restore has given a sign of life since."""
    with scene.sessions.begin() as session:
        run, now = session.get_one(Run, scene.run_id), clock.now()
        run.state, run.started_at = RunState.STOPPED, now - timedelta(hours=2)
        session.execute(update(Delivery).values(send_state=SendState.CANCELLED))
        session.add(Pulse(id="0" * 32, number=7, seen_at=now))
    scene.listed(1, created_at=clock.now().replace(microsecond=0) - timedelta(hours=1))
    assert scene.release().found == 1
    assert sorted(scene.rows()) == [("accepted", "SM-forgotten-1"), ("cancelled", None), ("cancelled", None)]


@pytest.mark.both_databases
def test_publication_that_was_asked_for_before_a_backup_is_not_made(scene: Scene) -> None:
    """It may have been published after it, with other noise."""
    ended = clock.now() - timedelta(days=200)
    with scene.sessions.begin() as session:
        ours = session.get_one(Organisation, session.get_one(Run, scene.run_id).organisation_id)
        member = a_member(session, ours)
        request = a_joint_request(ours, member)
        session.add(request)
        session.flush()
        # Of another quarter, to which a partner has not agreed yet.
        session.add(a_joint_request(ours, member))
        for joint_id in (None, request.id):
            asked = an_asked_release(ours, member)
            asked.joint_id, asked.asked_at, asked.period = joint_id, clock.now(), f"{ended:%Y-%m}"
            session.add(asked)
    scene.release()
    assert Releasing(scene.sessions, lambda: False).release() == 0
    with scene.sessions() as session:
        assert session.scalars(select(Release)).all() == []
        refusals = [asked.refusal for asked in session.scalars(select(AskedRelease))]
        assert refusals == [Sentence(RESTORED)] * 2
        assert session.scalars(select(JointRequest.state)).all() == [ProposalState.OVERTAKEN] * 2


def test_figures_that_were_to_stay_are_counted_anew(scene: Scene) -> None:
    with scene.sessions.begin() as session:
        session.add(RunTally(run_id=scene.run_id, is_settled=True))
    scene.release()
    with scene.sessions() as session:
        assert not session.scalars(select(RunTally.is_settled)).one()


def test_who_got_another_text_is_left_to_a_member(scene: Scene) -> None:
    """The provider may have altered it, so it may be the message that the row was to send."""
    scene.listed(1, body=f"{TEXT}.")
    settled = scene.release()
    assert (settled.found, settled.unknown) == (0, 1)
    assert sorted(state for state, _ in scene.rows()) == ["queued", "queued", "unknown"]


@pytest.mark.parametrize("body", [TEXT, "Your code is 123456."])
def test_who_got_it_from_another_sender_is_left_to_a_member(scene: Scene, body: str) -> None:
    """The provider may name another one than we did, as the service that a number belongs to."""
    scene.listed(1, body=body, sender="MG0123456789abcdef")
    settled = scene.release()
    assert (settled.found, settled.unknown) == (0, 1)
    assert sorted(state for state, _ in scene.rows()) == ["queued", "queued", "unknown"]


def test_message_to_whom_nothing_waits_is_told(scene: Scene) -> None:
    scene.listed(1)
    scene.listed(1, provider_id="SM-of-a-run-since")
    settled = scene.release()
    assert (settled.found, settled.foreign) == (1, 1)


@pytest.mark.both_databases
def test_message_to_who_said_stop_since_counts_as_sent(scene: Scene) -> None:
    """Stops are heard before lists are read: unsettled, it counted for no limit, and latched the instance anew."""
    scene.listed(1)
    with scene.sessions.begin() as session:
        run = session.get_one(Run, scene.run_id)
        first = select(func.min(Delivery.id)).where(Delivery.run_id == run.id).scalar_subquery()
        session.execute(update(Delivery).where(Delivery.id == first).values(send_state=SendState.SUPPRESSED))
        sender = run.sender.id, Channel(run.sender.channel)
    settled = scene.release()
    assert (settled.found, settled.foreign) == (1, 0)
    assert scene.rows()[0] == ("accepted", "SM-forgotten-1")
    with scene.sessions() as session:
        assert count_called(session.connection(), *sender) == 1


def test_message_is_taken_for_what_waits_before_what_a_stop_took_out(scene: Scene) -> None:
    """Of two deliveries with the same text, one may still be sent: it is settled, so that it is not."""
    scene.listed(1)
    with scene.sessions.begin() as session:
        session.execute(update(Delivery).values(send_state=SendState.SUPPRESSED))
        waiting = a_running_run(session, scene.vault, count=3, started_at=clock.now()).id
    scene.release()
    assert [state for state, _ in scene.rows(waiting)] == ["accepted", "queued", "queued"]


def test_message_is_not_taken_for_what_a_stop_took_out_of_a_run_of_long_ago(scene: Scene) -> None:
    scene.listed(1)
    with scene.sessions.begin() as session:
        session.execute(update(Delivery).values(send_state=SendState.SUPPRESSED))
        run = session.get_one(Run, scene.run_id)
        run.state, run.finished_at = RunState.DONE, clock.now() - timedelta(days=2)
    assert scene.release().foreign == 1
    assert scene.rows() == [("suppressed", None)] * 3


@pytest.mark.parametrize("state", [SendState.QUEUED, SendState.CANCELLED])
def test_without_a_list_nothing_that_waits_is_sent_by_itself(scene: Scene, state: SendState) -> None:
    scene.provider = Unlisted()
    with scene.sessions.begin() as session:
        session.execute(update(Delivery).values(send_state=state))
    assert scene.release().unknown == 3
    assert scene.rows() == [("unknown", None)] * 3


def test_who_may_have_fallen_back_to_a_sender_without_a_list_is_left_to_a_member(scene: Scene) -> None:
    """The list of the first sender cannot tell of a message that went over the second one."""
    with scene.sessions.begin() as session:
        senders = [a_sender(session, identity="+15005550099"), a_sender(session, channel=Channel.TELEGRAM)]
        scene.others[senders[1].id] = Unlisted()
        run = a_running_run(session, scene.vault, count=2, senders=senders, started_at=clock.now())
        both, _ = session.scalars(
            select(Delivery.contact_id).where(Delivery.run_id == run.id).order_by(Delivery.contact_id)
        )
        channel = {"prefix": "7", "channel": Channel.TELEGRAM}
        give_addresses(session, run.organisation_id, scene.vault, [both], **channel)
        run_id = run.id
    scene.release()
    assert [state for state, _ in scene.rows(run_id)] == ["unknown", "queued"]


@pytest.mark.both_databases
def test_list_that_is_away_releases_nothing_unless_that_is_meant(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(since: object) -> None:
        raise UnavailableError("no answer")

    monkeypatch.setattr(scene.provider, "list_since", away)
    with pytest.raises(UnavailableError, match="cannot be read"):
        asyncio.run(settle_by_lists(scene.restored))
    settled, unlisted = asyncio.run(settle_by_lists(scene.restored, is_list_needed=False))
    assert len(unlisted) == 1
    release(scene.restored, settled, unlisted)
    assert [state for state, _ in scene.rows()] == ["unknown"] * 3


@pytest.mark.parametrize("state", [RunState.HELD, RunState.PAUSED, RunState.STOPPED])
def test_run_that_was_never_planned_asks_whether_it_was_sent_before(scene: Scene, state: RunState) -> None:
    with scene.sessions.begin() as session:
        late = Sentence(N_("It is late."))
        waiting, other = (a_planned_run(session, state=state, reason=reason).id for reason in (late, None))
        session.get_one(Run, scene.run_id).state = RunState.PAUSED
    scene.release()
    with scene.sessions() as session:
        assert str(session.get_one(Run, waiting).reason) == f"{late} {UNPLANNED}"
        assert session.get_one(Run, other).reason == Sentence(UNPLANNED)
        assert session.get_one(Run, scene.run_id).reason != Sentence(UNPLANNED)


def test_release_forgets_marks_of_before_and_those_of_a_longer_future(scene: Scene) -> None:
    """It may be restored a second time, to a moment before its first release: that one left a mark, too."""
    url = scene.sessions.kw["bind"].url
    with scene.sessions.begin() as session:
        code = hold_instance(session).code
        session.add(Pulse(id="0" * 32, number=7, seen_at=clock.now() - timedelta(minutes=1)))
    file = take_mark_file(files_of(url, scene.restored.settings.state_path, "mark"))
    file.write(Mark(4, 9, code, "1" * 32))
    file.close()
    scene.release()
    with scene.sessions() as session:
        assert hold_instance(session).epoch == 5
        assert session.scalars(select(Pulse)).all() == []
