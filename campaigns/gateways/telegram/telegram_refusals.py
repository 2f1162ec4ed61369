"""One table says what each refusal of Telegram asks for, by a status and words, since it has no codes."""

from __future__ import annotations

from dataclasses import dataclass

from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramUnauthorizedError,
)

from campaigns.gateways.base import Action, RejectedError


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: refusals of `kind` that say `words` (small letters; '' for any) are called `code`."""

    kind: type[TelegramAPIError]
    words: str
    code: str
    action: Action


#: The first row that fits counts. Words of the Bot API server; what it does not name is the request's fault
#: (400), which would meet every person alike, or this one chat's (403). A chat that is not found is one that this
#: bot was never started in: the person may have started another bot of ours, and is reached over that one.
REFUSALS = (
    Refusal(TelegramForbiddenError, "blocked", "telegram_blocked", Action.OPT_OUT),
    Refusal(TelegramForbiddenError, "deactivated", "telegram_deactivated", Action.INVALIDATE_ADDRESS),
    Refusal(TelegramForbiddenError, "can't initiate", "telegram_not_started", Action.OTHER_CHANNEL),
    Refusal(TelegramForbiddenError, "kicked", "telegram_no_person", Action.INVALIDATE_ADDRESS),
    Refusal(TelegramForbiddenError, "not a member", "telegram_no_person", Action.INVALIDATE_ADDRESS),
    Refusal(TelegramForbiddenError, "to bots", "telegram_no_person", Action.INVALIDATE_ADDRESS),
    Refusal(TelegramForbiddenError, "", "telegram_forbidden", Action.GIVE_UP),
    Refusal(TelegramMigrateToChat, "", "telegram_no_person", Action.INVALIDATE_ADDRESS),
    Refusal(TelegramBadRequest, "chat not found", "telegram_no_chat", Action.OTHER_CHANNEL),
    Refusal(TelegramBadRequest, "user not found", "telegram_no_chat", Action.OTHER_CHANNEL),
    Refusal(TelegramBadRequest, "peer_id_invalid", "telegram_no_chat", Action.OTHER_CHANNEL),
    Refusal(TelegramBadRequest, "message is too long", "telegram_too_long", Action.PAUSE_RUN),
    Refusal(TelegramBadRequest, "", "telegram_bad_request", Action.PAUSE_RUN),
    Refusal(TelegramEntityTooLarge, "", "telegram_too_long", Action.PAUSE_RUN),
    Refusal(TelegramUnauthorizedError, "", "telegram_token", Action.PAUSE_SENDER),
    Refusal(TelegramNotFound, "", "telegram_token", Action.PAUSE_SENDER),
    Refusal(TelegramConflictError, "", "telegram_conflict", Action.PAUSE_SENDER),
    Refusal(TelegramAPIError, "", "telegram_refused", Action.PAUSE_RUN),
)


def refusal_of(error: TelegramAPIError) -> RejectedError:
    """Return what a refusal (4xx) asks for."""
    said = error.message.lower()
    row = next(row for row in REFUSALS if isinstance(error, row.kind) and row.words in said)
    return RejectedError(row.code, row.action)
