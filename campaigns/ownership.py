"""A worker checks, as long as it works, that what is sent goes out with credentials of whoever sends it.

The settings say whose a credential is, and organisations come while a worker runs: one that nobody names is the
only organisation's, and nobody's from the second one on.
"""

from __future__ import annotations

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.sentences import Sentence
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.delivery.answers.answer_runs import stop_answers
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.lanes.sender_health import NOT_OWNED, may_be_used, write_health
from campaigns.gateways.kinds import gateway_kinds
from campaigns.planning.models import Health, Run, RunSender, RunState, Sender
from campaigns.staff.credentials import Credentials, load_credentials

_STOPPED = N_("The provider key of the sender belongs to another organisation, or to none")

_log = logging.getLogger(__name__)


class OwnerWatch:
    """Knows whose the credentials are, and pauses senders whose organisation may not use theirs (any more).

    What answers one person over such a sender is stopped: nobody else sends it, and whoever asked waits again.
    """

    def __init__(self, sessions: sessionmaker[Session], settings: Settings) -> None:
        """Prepare to look; before the first look nobody may use anything."""
        self._sessions, self._settings = sessions, settings
        self._credentials = Credentials(settings, {})
        self._told: tuple[str, ...] = ()

    def look(self) -> None:
        """See which organisations there are, and pause what may not be used. Raises SQLAlchemyError."""
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            self._credentials = load_credentials(session, self._settings)
            foreign, unsendable = self._find_foreign(session), self._find_unsendable(session)
        self._tell()
        if foreign:
            _log.error("senders %s are paused: their credentials are not of their organisations", foreign)
            with self._sessions.begin() as session:
                write_health(session, foreign, Health.PAUSED, code=NOT_OWNED)
        if unsendable:
            _log.error("answers %s are stopped: the credentials are not of their organisations", unsendable)
            with self._sessions.begin() as session:
                stop_answers(session, unsendable, reason=Sentence(_STOPPED))

    def may_use(self, secret_name: str, organisation_id: int) -> bool:
        """Say whether an organisation may send with a credential, as far as the last look knows.

        One that is not set here stands in nobody's way: whoever opens it meets that.
        """
        is_set = secret_name.upper() in self._settings.secrets
        return not is_set or self._credentials.belongs_to(secret_name, organisation_id)

    def check(self, sender: SenderFacts) -> None:
        """Raise ForeignCredentialError for a sender that may not be opened for people."""
        if sender.is_rehearsal or sender.organisation_id is None:
            return
        if not self.may_use(sender.secret_name, sender.organisation_id):
            self._credentials.check(sender.secret_name, sender.organisation_id)

    def _find_foreign(self, session: Session) -> list[int]:
        rows = session.execute(
            select(Sender.id, Sender.secret_name, Sender.organisation_id).where(
                may_be_used(), Sender.gateway.in_(_reaching()), Sender.organisation_id.is_not(None)
            )
        )
        return [row.id for row in rows if not self.may_use(row.secret_name, row.organisation_id)]

    def _find_unsendable(self, session: Session) -> list[int]:
        """Return the answers to one person over a sender, also a shared one, that their organisation may not use.

        They have no other sender, and a campaign's run waits for a member instead.
        """
        rows = session.execute(
            select(Run.id, Run.organisation_id, Sender.secret_name)
            .join(RunSender, RunSender.run_id == Run.id)
            .join(Sender, Sender.id == RunSender.sender_id)
            .where(Run.state == RunState.RUNNING, Run.campaign_id.is_(None), Sender.gateway.in_(_reaching()))
        )
        return [row.id for row in rows if not self.may_use(row.secret_name, row.organisation_id)]

    def _tell(self) -> None:
        """Log what whoever runs this has to settle, once."""
        told = tuple(self._credentials.without_owner()) if self._credentials.organisations else ()
        for sentence in sorted(set(told) - set(self._told)):
            _log.error("%s", sentence)
        self._told = told


def _reaching() -> list[str]:
    return [name for name, kind in gateway_kinds().items() if kind.reaches_people]
