"""A message can be about one of these themes: the field's vocabulary of advice has one code for each."""

from __future__ import annotations

from enum import StrEnum


class Theme(StrEnum):
    """What a message advises; codes are shared with partners and never translated."""

    DOCS_KEEP = "docs_keep"
    SHARE_LOCATION = "share_location"
    CODE_WORD = "code_word"
    PLATE_PHOTO = "plate_photo"
    OFFICIAL_TRANSPORT = "official_transport"
    HELPER_BADGE = "helper_badge"
    VERIFY_JOB = "verify_job"
    NO_UPFRONT_DEBT = "no_upfront_debt"
    PHONE_CHARGE = "phone_charge"
    STAY_TOGETHER = "stay_together"
    AID_IS_FREE = "aid_is_free"
    KNOW_STATUS = "know_status"
    CONSULATE_CONTACT = "consulate_contact"
    ASK_FOR_HELP = "ask_for_help"
    CHILDREN_SAFE = "children_safe"


#: Themes by the numbers that stand in addresses of pages for everybody: a word would tell what somebody reads.
#: Addresses are in texts that people have: a new theme gets the next number, and none ever changes.
THEME_NUMBERS: dict[int, Theme] = dict(enumerate(Theme, 1))
