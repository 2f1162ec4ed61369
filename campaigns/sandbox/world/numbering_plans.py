"""A phone number says something about itself by the published numbering plans."""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

_NO_COUNTRY = "ZZ"
#: Twilio's words for the types of a line; what has none here is `unknown`.
_TYPES = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "landline",
    PhoneNumberType.VOIP: "nonFixedVoip",
    PhoneNumberType.TOLL_FREE: "tollFree",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "sharedCost",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
}


def parse(text: str, country: str | None = None) -> PhoneNumber | None:
    """Return a number taken apart, in E.164 or as it is dialled in a country (ISO); None when it is none."""
    try:
        return phonenumbers.parse(text, country)
    except NumberParseException:
        return None


def country_of(text: str) -> str:
    """Return the ISO country of an E.164 number, empty for a name, a short code or an unknown beginning."""
    number = parse(text)
    if number is None:
        return ""
    found: str | None = phonenumbers.region_code_for_number(number)
    if found is None:
        # A number that nobody has still begins with its country.
        found = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return found if found.isalpha() and found != _NO_COUNTRY else ""


def line_type_of(number: PhoneNumber) -> str:
    """Return Twilio's word for the type of a line."""
    return _TYPES.get(phonenumbers.number_type(number), "unknown")
