"""Takes a message apart into the lines that its writer wrote: no signature of a device, nothing quoted."""

from __future__ import annotations

import re

from campaigns.core.folding import words_of

#: How the signatures of phones and mail programs begin, folded.
_SIGNATURES = tuple(
    " ".join(words_of(beginning))
    for beginning in (
        *("sent from", "sent via", "sent with", "get outlook for", "download outlook"),
        *("надіслано з", "надіслано через", "відправлено з", "отправлено с", "отправлено из", "отправлено через"),
        *("wysłane z", "wysłano z", "trimis de pe", "trimis din", "iphone-omról küldve", "elküldve", "küldve"),
        *("odoslané z", "odesláno z", "poslané z", "von meinem", "gesendet von", "gesendet mit"),
        *("envoyé de", "envoyé depuis", "envoyé à partir", "télécharger outlook"),
        *("enviado desde", "enviado do meu", "enviado a partir", "inviato da", "iphone'umdan gönderildi"),
        *("أرسلت من", "أرسل من", "مرسل من", "تم الإرسال من", "ارسال شده از", "ارسال از", "imetumwa kutoka"),
    )
)
#: A line under which a signature stands.
_RULE = re.compile(r"[-–—_=*]{2,}")
#: A line under which another message stands ("----- Original message -----"); one word there may be what is said.
_HEADING = re.compile(r"[-–—_=]{3,}\s*\w+\s+\w.*[-–—_=]{3,}")
_QUOTED = (">", "＞", "|")
#: Quotation marks after a word, with what stands between them.
_QUOTATION = re.compile(r"(?<=\w[ \u00a0:])(?:“[^“”]*”|«[^«»]*»|„[^„“”]*[“”])")


def lines_of(text: str) -> list[str]:
    """Return the lines that count, without surrounding space; none is empty.

    A message that is one line counts whatever it begins with: there is nothing else that was said.
    """
    lines = [line for each in _unquoted(text).splitlines() if (line := each.strip())]
    if len(lines) == 1:
        return lines
    said: list[str] = []
    for line in lines:
        if said and (_RULE.fullmatch(line) or _HEADING.fullmatch(line)):
            break
        if not (line.startswith(_QUOTED) or _is_signature(line)):
            said.append(line)
    return said


def _unquoted(text: str) -> str:
    """Drop quotation over several lines, as phones write when somebody likes a message: Liked “… ⏎ Stop: STOP”."""
    return _QUOTATION.sub(lambda quoted: " " if "\n" in quoted[0] else quoted[0], "\n".join(text.splitlines()))


def _is_signature(line: str) -> bool:
    return " ".join(words_of(line[:40])).startswith(_SIGNATURES)
