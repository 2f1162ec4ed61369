"""A conversation offered to another organisation, a team or a member: what it tells, and what becomes of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId, rows_with


class OfferState(StrEnum):
    """Where an offer stands; the first three are open, and a conversation has one of them at most."""

    #: The person could not be asked: the receiver sees nothing until a second member agreed.
    PROPOSED = "proposed"
    OFFERED = "offered"
    #: Another organisation acts on it.
    ACCEPTED = "accepted"
    #: A member of one's own organisation took it, and has the conversation.
    TAKEN = "taken"
    DECLINED = "declined"
    #: Nobody of the receiver decided in time.
    LAPSED = "lapsed"
    #: Whoever offered it took it back.
    TAKEN_BACK = "taken_back"
    #: The receiver acted on it, and what it was told is forgotten.
    OVER = "over"
    #: Nobody works at the receiver any more.
    GONE = "gone"


class Override(StrEnum):
    """Why something is passed on of somebody who could not be asked; the list is closed."""

    #: Somebody's life is in danger now.
    LIFE = "life"
    #: A child is in danger.
    CHILD = "child"
    #: They cannot answer, and to wait would harm them.
    UNABLE = "unable"
    #: A law obliges the organisation to tell.
    LAW = "law"


#: In SQL: the receiver acts on it, or may, once a second member agreed.
IS_OPEN = "state IN ('proposed', 'offered', 'accepted')"
#: In SQL: somebody has to decide on it.
IS_UNDECIDED = "state IN ('proposed', 'offered')"
#: In SQL: it was passed on unasked, and nobody looked at it since.
IS_UNREVIEWED = "agreed_at IS NOT NULL AND reviewed_at IS NULL"


class HandOver(Base):
    """One offer of one conversation; it goes with the conversation when that is erased.

    Another organisation sees what stands here and nothing else: what a member wrote and ticked, and what the
    person answered when they were asked; no number, no message and no contact.
    Within one's own it is to one member, or to a team of which any member may take it.
    """

    __tablename__ = "hand_over"
    __table_args__ = (
        Index("ix_hand_over_code", "receiver_id", "code", unique=True),
        Index("ix_hand_over_offered", "organisation_id", "id"),
        # One offer at a time: whoever is told of two receivers is helped by none.
        Index("uq_hand_over_open", "conversation_id", unique=True, **rows_with(IS_OPEN)),
        Index("ix_hand_over_due", "due_at", **rows_with(IS_UNDECIDED)),
        # What was passed on unasked, and nobody looked at since.
        Index("ix_hand_over_unreviewed", "organisation_id", "id", **rows_with(IS_UNREVIEWED)),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    receiver_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    state: Mapped[OfferState] = mapped_column(String(10))
    #: Of one's own organisation: to whom; one of them.
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id", ondelete="SET NULL"))
    to_member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: What the person quotes to another organisation, six digits; within one's own nobody is told it.
    code: Mapped[str] = mapped_column(String(6))
    #: An Urgency.
    urgency: Mapped[int] = mapped_column(SmallInteger)
    #: What was ticked: BCP 47 code, code of the region, headings of the word lists; None or [] where it was not.
    language: Mapped[str | None] = mapped_column(String(10))
    region_code: Mapped[str | None] = mapped_column(String(10))
    topics: Mapped[list[str]] = mapped_column(JSON, default=list, server_default=text("'[]'"))
    #: What the member wrote for the receiver, sealed for ("hand_over", "sealed_summary", id).
    #: None: it was forgotten, as it was over for long.
    sealed_summary: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: What the person said when they were asked, sealed for ("hand_over", "sealed_consent", id), or None.
    sealed_consent: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: Why it was passed on unasked, the second member who agreed, and who looked at it afterwards.
    override: Mapped[Override | None] = mapped_column(String(10))
    agreed_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    agreed_at: Mapped[datetime | None]
    reviewed_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    reviewed_at: Mapped[datetime | None]
    offered_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    offered_at: Mapped[datetime]
    #: Until when the receiver decides.
    due_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    decided_at: Mapped[datetime | None]
    #: Why it was declined, sealed for ("hand_over", "sealed_reason", id).
    sealed_reason: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: When the receiver confirmed that the person came, and that they were helped.
    came_at: Mapped[datetime | None]
    helped_at: Mapped[datetime | None]

    @property
    def is_within(self) -> bool:
        """Whether it is to a team or a member of one's own organisation."""
        return self.receiver_id == self.organisation_id

    @property
    def is_undecided(self) -> bool:
        """Whether somebody has to decide on it, as IS_UNDECIDED says in SQL."""
        return self.state in (OfferState.PROPOSED, OfferState.OFFERED)

    @property
    def is_open(self) -> bool:
        """Whether the receiver acts on it, or may, as IS_OPEN says in SQL."""
        return self.is_undecided or self.state == OfferState.ACCEPTED


class ExportKey(Base):
    """The public key to which whatever an organisation exports of a hand-over is encrypted."""

    __tablename__ = "export_key"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), unique=True)
    #: As `age` writes it: "age1…".
    recipient: Mapped[str] = mapped_column(String(80))
    #: A word, encrypted to the key and to nobody else; whoever can read it has the other half.
    encrypted_word: Mapped[str] = mapped_column(String(1000))
    #: Keyed hash of that word.
    word_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    added_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    added_at: Mapped[datetime]
    #: Who told the word, and when; None: nobody yet, and nothing is encrypted to it.
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    confirmed_at: Mapped[datetime | None]
