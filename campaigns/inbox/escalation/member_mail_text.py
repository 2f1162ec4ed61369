"""Mails to members have no content: how many conversations wait, and where to sign in."""

from __future__ import annotations

from campaigns.core.mail.catalogues import words_in
from campaigns.core.words import N_
from campaigns.inbox.urgency.levels import Urgency

_WHERE = N_("Organisation: %(organisation)s")
_HOW = N_("Sign in to read and answer: %(link)s")
_ABOUT = N_("Organisation that it is about: %(organisation)s")
_DECIDE = N_("Sign in to read it and to decide: %(link)s")
_ON_CALL = N_("You agreed to be on call. They may offer it to you: %(link)s")
_RUN = N_("An urgent campaign is under way")
_MANY = N_("Organisation: %(organisation)s\n\nMany may answer soon. Sign in to read and answer: %(link)s")
_TEST = N_("Test: notifications by e-mail")
_WHY = N_("%(organisation)s wants to tell its members by e-mail that somebody waits.")
_CODE = N_("If you asked for this test, enter this code in the settings: %(code)s")


def tell_waiting(language: str | None, urgency: int, count: int, **values: str) -> tuple[str, str]:
    """Return subject and text, in an interface language, of a mail about conversations that wait.

    `values` are `organisation` and `link`.
    """
    words = words_in(language)
    if urgency >= Urgency.DANGER:
        subject = words.ungettext("%(num)s urgent conversation", "%(num)s urgent conversations", count)
    else:
        subject = words.ungettext("%(num)s conversation waits", "%(num)s conversations wait", count)
    subject %= {"num": count}
    return subject, "\n\n".join([subject, *(words.ugettext(each) % values for each in (_WHERE, _HOW))])


def tell_complaint(language: str | None, urgency: int, count: int, **values: str) -> tuple[str, str]:
    """Return subject and text of a mail to whoever reads complaints, wherever they work; `values` as above."""
    words = words_in(language)
    if urgency >= Urgency.DANGER:
        subject = words.ungettext(
            "%(num)s urgent complaint waits for you", "%(num)s urgent complaints wait for you", count
        )
    else:
        subject = words.ungettext("%(num)s complaint waits for you", "%(num)s complaints wait for you", count)
    subject %= {"num": count}
    return subject, "\n\n".join([subject, *(words.ugettext(each) % values for each in (_ABOUT, _HOW))])


def tell_partner(language: str | None, count: int, *, organisation: str, link: str) -> tuple[str, str]:
    """Return subject and text of a mail to a member of the partner on call."""
    words = words_in(language)
    subject = words.ungettext("%(num)s urgent conversation", "%(num)s urgent conversations", count)
    where = words.ungettext(
        "%(num)s urgent conversation waits at %(organisation)s, and nobody answers.",
        "%(num)s urgent conversations wait at %(organisation)s, and nobody answers.",
        count,
    )
    values = {"num": count, "organisation": organisation}
    return subject % values, "\n\n".join([where % values, words.ugettext(_ON_CALL) % {"link": link}])


def tell_second_member(language: str | None, count: int, *, organisation: str, link: str) -> tuple[str, str]:
    """Return subject and text of a mail to who may agree that somebody is passed on who could not be asked."""
    words = words_in(language)
    subject = words.ungettext(
        "%(num)s conversation waits for a second member to agree",
        "%(num)s conversations wait for a second member to agree",
        count,
    ) % {"num": count}
    values = {"organisation": organisation, "link": link}
    return subject, "\n\n".join([subject, *(words.ugettext(each) % values for each in (_WHERE, _DECIDE))])


def tell_receiver(language: str | None, count: int, *, organisation: str, link: str) -> tuple[str, str]:
    """Return subject and text of a mail to who may take what is offered to them."""
    words = words_in(language)
    subject = words.ungettext(
        "%(num)s conversation is offered to you", "%(num)s conversations are offered to you", count
    ) % {"num": count}
    values = {"organisation": organisation, "link": link}
    return subject, "\n\n".join([subject, *(words.ugettext(each) % values for each in (_WHERE, _DECIDE))])


def tell_urgent_run(language: str | None, **values: str) -> tuple[str, str]:
    """Return subject and text of a mail that says that an urgent run is under way; `values` as above."""
    words = words_in(language)
    subject = words.ugettext(_RUN)
    return subject, "\n\n".join([subject, words.ugettext(_MANY) % values])


def tell_code(language: str | None, *, organisation: str, code: str) -> tuple[str, str]:
    """Return subject and text of a test mail."""
    words = words_in(language)
    values = {"organisation": organisation, "code": code}
    return words.ugettext(_TEST), "\n\n".join(words.ugettext(each) % values for each in (_WHY, _CODE))
