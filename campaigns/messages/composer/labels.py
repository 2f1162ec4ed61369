"""The composer speaks the reader's language here: hints, savings, places of arrival, origins, channels."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_babel.speaklater import LazyString

from campaigns.directory.labels import country_name
from campaigns.messages.composer.measure import Whereabouts
from campaigns.messages.models import Origin
from campaigns.messages.text.plain_language import Hint
from campaigns.messages.text.savings import Saving, SavingKind

CHANNELS: dict[str, LazyString] = {"sms": _l("SMS"), "whatsapp": _l("WhatsApp"), "telegram": _l("Telegram")}

ORIGINS: dict[Origin, LazyString] = {
    Origin.WRITTEN: _l("written"),
    Origin.FILE: _l("from a file"),
    Origin.COPIED: _l("copied from a partner"),
}


def hint_words(hint: Hint) -> str:
    """Return a hint in the reader's language."""
    return str(_(hint.template)) % hint.values


def saving_words(saving: Saving) -> str:
    """Return a way to save parts in the reader's language."""
    parts = ngettext("%(num)s part", "%(num)s parts", saving.parts)
    if saving.kind is SavingKind.SIGNS:
        return str(_("With plain signs that look the same: %(parts)s.", parts=parts))
    if saving.kind is SavingKind.LETTERS:
        return str(_("With letters without their marks, which is harder to read: %(parts)s.", parts=parts))
    return str(
        ngettext(
            "%(num)s character less: %(parts)s.", "%(num)s characters less: %(parts)s.", saving.units, parts=parts
        )
    )


def place_words(place: Whereabouts) -> str:
    """Return where somebody is and whose SIM they have, in the reader's language."""
    name = country_name(place.country) + (f" ({place.region_code})" if place.region_code else "")
    if place.roaming:
        return str(_("%(place)s with a foreign SIM", place=name))
    return name
