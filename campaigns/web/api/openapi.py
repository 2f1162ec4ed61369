"""The API's description is collected from its views as OpenAPI 3.1; wrong input is told as a problem."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from flask import Flask
from pydantic import BaseModel, ConfigDict, Field
from spectree import Response, SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData

from campaigns.core.database import HIGHEST_ID
from campaigns.core.errors import FieldsError
from campaigns.core.words import N_

#: Where the API stands; a change that breaks programs gets another one.
ROOT = "/api/v1"
PROBLEM_TYPE = "application/problem+json"

spec = SpecTree(
    "flask",
    mode="strict",
    title="Fingerpost",
    version="1",
    description="Reach that may be shown to partners, and what partners report. Figures come from releases only.",
    security_schemes=[
        SecurityScheme(name="token", data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer"))
    ],
    security={"token": []},
    before=lambda request, response, error, instance, adapter: tell(error),
    validation_error_model=None,
)


class Problem(BaseModel):
    """What is wrong, as RFC 9457 says it."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


class Strict(BaseModel):
    """Base of what is sent to us: unknown names are mistakes."""

    model_config = ConfigDict(extra="forbid")


class Paging(Strict):
    """Which page of a list."""

    page: int = Field(1, ge=1, le=1_000_000, description="From 1.")
    per_page: int = Field(50, ge=1, le=100, description="At most 100.")


def answers(
    model: Any = None, *, missing: bool = False, conflict: bool = False, created: bool = False
) -> Response:
    """Return what an answer may be: its model, and the problems that every one may tell."""
    found: dict[str, Any] = {
        "HTTP_201" if created else "HTTP_200": model,
        "HTTP_401": Problem,
        "HTTP_403": Problem,
    }
    found["HTTP_422"] = Problem
    if missing:
        found["HTTP_404"] = Problem
    if conflict:
        found["HTTP_409"] = Problem
    return Response(**found)


def tell(error: Any) -> None:
    """Raise FieldsError for what did not validate, with the place of each mistake."""
    if error is None:
        return
    problems = [
        {"pointer": "/" + "/".join(str(step) for step in each["loc"]), "detail": each["msg"]}
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    raise FieldsError(
        N_("%(count)s values cannot be used; “errors” says which and why."), problems=problems, count=len(problems)
    )


def document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of everything registered on `app`."""
    with app.app_context():
        spec.app = app
        # Its own: the library keeps one for all applications of a process.
        content: dict[str, Any] = deepcopy(spec.spec)
    for path in content["paths"].values():
        for operation in path.values():
            _correct(operation)
    return content


def _correct(operation: dict[str, Any]) -> None:
    """Say what the library cannot know: types of problems and files, bounds of ids."""
    for parameter in operation["parameters"]:
        if parameter["in"] == "path" and parameter["schema"].get("type") == "integer":
            parameter["schema"] |= {"minimum": 0, "maximum": HIGHEST_ID}
    for status, response in operation["responses"].items():
        if status >= "400" and "content" in response:
            response["content"] = {PROBLEM_TYPE: response["content"]["application/json"]}
