"""Every answer has security headers: nothing from a third party, nothing inline, no cache but of assets."""

from __future__ import annotations

from flask import Flask, Response, g, request

_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src {scripts}; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
#: What members get, whose pages have scripts of ours, and what everybody else gets.
OF_MEMBERS, OF_STRANGERS = _POLICY.format(scripts="'self'"), _POLICY.format(scripts="'none'")

HEADERS = {
    "Content-Security-Policy": OF_STRANGERS,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Else the server names itself.
    "Server": "web",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
#: Two years, as browsers' preload lists ask.
STRICT_TRANSPORT = "max-age=63072000; includeSubDomains"


def init_headers(app: Flask, *, https: bool) -> None:
    """Add the headers to every answer of `app`; a stricter one that a view has set stays."""

    @app.after_request
    def add(response: Response) -> Response:
        if _is_of_a_member():
            response.headers.setdefault("Content-Security-Policy", OF_MEMBERS)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if https:
            response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
        # A view that names an age serves what is the same for everybody, such as the outlines of countries.
        is_asset = request.endpoint == "static" and response.status_code < 400
        if not is_asset and not response.cache_control.max_age:
            response.headers["Cache-Control"] = "no-store"
        return response


def _is_of_a_member() -> bool:
    """Say whether who asks was found to be a member; nobody is looked up, the database may be away."""
    return bool(getattr(g.get("_login_user"), "is_authenticated", False))
