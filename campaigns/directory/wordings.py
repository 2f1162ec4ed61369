"""The words of a services list are read as kind, operator, numbers, languages, regions; a doubt counts as no."""

from __future__ import annotations

import re
import unicodedata

from campaigns.directory.models import OperatorType, ServiceKind
from campaigns.directory.opening_hours import WEEKDAYS

_KIND_WORDS: dict[ServiceKind, str] = {
    ServiceKind.TRAFFICKING: r"trafficking|trafficked|slavery|exploitation",
    ServiceKind.EMERGENCY: r"emergency|police",
    ServiceKind.LABOUR: r"labour|domestic worker",
    ServiceKind.CONSULAR: r"consul|embassy",
    ServiceKind.CHILD: r"child|under-24s",
    ServiceKind.VIOLENCE: r"\bdv\b|\bgbv\b|violence|\bwomen\b",
    ServiceKind.VICTIMS: r"victim",
    ServiceKind.INFORMATION: r"refugee|migrant|foreigners|information|accommodation|status|\bsupport",
}
_KINDS = re.compile("|".join(f"(?P<{kind.name}>{words})" for kind, words in _KIND_WORDS.items()))

_OPERATOR_WORDS: dict[OperatorType, str] = {
    OperatorType.NGO: r"\bngo\b|foundation|la strada|kék vonal|caritas|red cross|salvation army|childline|unseen|"
    r"lefö|kafa|missing children europe",
    OperatorType.IGO: r"\b(?:iom|unhcr|unicef)\b(?!-)",
    OperatorType.CONSULATE: r"consulate|embassy",
    OperatorType.POLICE: r"police|public security|criminal investigations",
    OperatorType.GOVERNMENT: r"government|ministry|national agency|federal office|social services|"
    r"\bstate\b|anpdca",
}
_OPERATORS = re.compile("|".join(f"(?P<{kind.name}>{words})" for kind, words in _OPERATOR_WORDS.items()))

#: Parts of a country that a service's name limits it to (ISO 3166-2).
_REGION_WORDS = {"transnistria": "MD-SN", "abu dhabi": "AE-AZ", "dubai": "AE-DU", "sharjah": "AE-SH"}

_REMARK = re.compile(r"\s*\(([^)]*)\)")
#: A remark that makes the language before it hearsay.
_DOUBT = re.compile(r"[a-z]{2,3}\s*\((?:assumed|known|likely|unconfirmed)\)")
_LANGUAGE = re.compile(rf"(?P<code>[a-z]{{2,3}})(?:\s+(?P<day>{'|'.join(WEEKDAYS)}))?")


def read_kind(scope: str, name: str) -> ServiceKind:
    """Return the kind of help that `scope` names first, else the one that the service's name does."""
    match = _KINDS.search(scope.casefold()) or _KINDS.search(name.casefold())
    return ServiceKind[match.lastgroup] if match and match.lastgroup else ServiceKind.OTHER


def read_operator(operator: str, name: str) -> OperatorType:
    """Return who operates a service by the first word known in `operator`; a consulate is known by the name."""
    if re.search(_OPERATOR_WORDS[OperatorType.CONSULATE], name.casefold()):
        return OperatorType.CONSULATE
    match = _OPERATORS.search(operator.casefold())
    return OperatorType[match.lastgroup] if match and match.lastgroup else OperatorType.UNKNOWN


def read_numbers(text: str) -> tuple[list[str], list[str]]:
    """Split "116 123 / 0 800 500 335 (older)" into its numbers and the remarks beside them."""
    remarks = _REMARK.findall(text)
    numbers = [" ".join(piece.split()) for piece in _REMARK.sub("", text).split(" / ")]
    return [number for number in numbers if is_number(number)], remarks


def is_number(text: str) -> bool:
    """Say whether `text` can be dialled: digits with an optional plus, spaces and hyphens."""
    return re.fullmatch(r"\+?\d[\d \-]{1,30}", text) is not None


def read_languages(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """Return the codes that `text` states without doubt, and the days of those not spoken every day.

    "cs, en; ru Mon" gives cs, en, ru and {"ru": ["mon"]}. A code followed by "(assumed)" or the like, and
    everything that is not a code, does not count.
    """
    wording = _REMARK.sub("", _DOUBT.sub("", text.casefold()))
    languages: list[str] = []
    days: dict[str, list[str]] = {}
    for group in wording.split(";"):
        matches = [_LANGUAGE.fullmatch(item.split("+")[0].strip()) for item in group.split(",")]
        found = [match for match in matches if match]
        # "ro, ru Mon": a day at the end of a group is said of all of it.
        shared = found[-1]["day"] if found else None
        for match in found:
            languages.append(match["code"])
            if shared:
                days.setdefault(match["code"], []).append(shared)
    return list(dict.fromkeys(languages)), days


def read_regions(name: str) -> list[str]:
    """Return the codes of the regions that a service's name limits it to; [] is the whole country."""
    return [code for word, code in _REGION_WORDS.items() if word in name.casefold()]


def slug_of(text: str) -> str:
    """Return `text` as lower-case ASCII words joined by hyphens, at most 60 characters."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-")
