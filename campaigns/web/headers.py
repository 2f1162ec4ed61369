"""Security headers of every answer: nothing from a third party, nothing inline, nothing cached but assets."""

from __future__ import annotations

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
#: Two years, as browsers' preload lists ask.
STRICT_TRANSPORT = "max-age=63072000; includeSubDomains"


def init_headers(app: Flask, *, https: bool) -> None:
    """Add the headers to every answer of `app`; a stricter one that a view has set stays."""

    @app.after_request
    def add(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if https:
            response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
        # A view that names an age serves what is the same for everybody, such as the outlines of countries.
        if request.endpoint != "static" and not response.cache_control.max_age:
            response.headers["Cache-Control"] = "no-store"
        return response
