"""Signatures are those that Twilio's own validator accepts."""

from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from campaigns.sandbox.callbacks.signing import sign

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
URL = "http://127.0.0.1:5000/hooks?m=1&x=%D0%9F%2B"


@given(st.dictionaries(TEXT, TEXT, max_size=6))
def test_validator_accepts_every_form(form: dict[str, str]) -> None:
    assert RequestValidator("secret").validate(URL, form, sign("secret", URL, form.items()))


def test_signature_depends_on_every_piece() -> None:
    form = [("To", "+380671234567"), ("Empty", "")]
    signatures = {
        sign("secret", URL, form),
        sign("other", URL, form),
        sign("secret", f"{URL}2", form),
        sign("secret", URL, [*form, ("X", "1")]),
        sign("secret", URL, form[:1]),
    }
    assert len(signatures) == 5
