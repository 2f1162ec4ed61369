"""Takes a message apart into the lines that its writer wrote: no signature of a device, nothing quoted."""

from __future__ import annotations

import re

from campaigns.core.folding import words_of

#: How the signatures of phones and mail programs begin, folded; what may begin a sentence names its device.
_SIGNATURES = tuple(
    " ".join(words_of(beginning))
    for beginning in (
        *("sent from my", "sent from outlook", "sent from yahoo", "sent from mail", "sent from samsung"),
        *("sent via", "sent with", "get outlook for", "download outlook"),
        *("надіслано з", "надіслано через", "відправлено з", "отправлено с", "отправлено из", "отправлено через"),
        *("wysłane z", "wysłano z", "trimis de pe", "trimis din", "iphone-omról küldve", "elküldve", "küldve"),
        *("odoslané z", "odesláno z", "poslané z", "gesendet von", "gesendet mit"),
        *(
            f"von meinem {device}"
            for device in ("iphone", "ipad", "handy", "smartphone", "samsung", "galaxy", "android")
        ),
        *("envoyé de", "envoyé depuis", "envoyé à partir", "télécharger outlook"),
        *("enviado desde", "enviado do meu", "enviado a partir", "inviato da", "iphone'umdan gönderildi"),
        *("أرسلت من", "أرسل من", "مرسل من", "تم الإرسال من", "ارسال شده از", "ارسال از", "imetumwa kutoka"),
    )
)
#: A line under which a signature stands.
_RULE = re.compile(r"[-–—_=*]{2,}")
#: A line under which another message stands ("----- Original message -----"); one word there may be what is said.
_HEADING = re.compile(r"[-–—_=]{3,}+\s*+[^\W_]\w*+\s++[^\W_].*[-–—_=]{3}")
_QUOTED = (">", "＞", "|")
#: Quotation marks after a word, with what stands between them.
_QUOTATION = re.compile(r"(?<=\w[ \u00a0:])(?:“[^“”]*”|«[^«»]*»|„[^„“”]*[“”])")


def lines_of(text: str) -> list[str]:
    """Return the lines that count, without surrounding space; none is empty.

    A message that is one line counts whatever it begins with: there is nothing else that was said.
    """
    return _said(text, to_rule=True)


def written_lines_of(text: str) -> list[str]:
    """Return the lines that count, and those under a rule: a signature stands there, or what somebody asks."""
    return _said(text, to_rule=False)


def _said(text: str, *, to_rule: bool) -> list[str]:
    lines = [line for each in _unquoted(text).splitlines() if (line := each.strip())]
    if len(lines) == 1:
        return lines
    said: list[str] = []
    for line in lines:
        is_rule = bool(said) and _RULE.fullmatch(line) is not None
        if said and (_HEADING.fullmatch(line) or (is_rule and to_rule)):
            break
        if not (is_rule or line.startswith(_QUOTED) or _is_signature(line)):
            said.append(line)
    return said


def _unquoted(text: str) -> str:
    """Drop quotation over several lines, as phones write when somebody likes a message: Liked “… ⏎ Stop: STOP”."""
    return _QUOTATION.sub(lambda quoted: " " if "\n" in quoted[0] else quoted[0], "\n".join(text.splitlines()))


def _is_signature(line: str) -> bool:
    return " ".join(words_of(line[:40])).startswith(_SIGNATURES)
