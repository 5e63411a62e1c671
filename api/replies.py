"""What a route takes and gives: structs by msgspec, and what OpenAPI says of them."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.problems import MEDIA_TYPE, Refused

T = TypeVar("T")

REF = "#/components/schemas/{name}"
SAYS = {
    400: "The request cannot be read.",
    401: "Nobody is known by what was sent.",
    403: "The role does not allow it.",
    404: "There is no such thing.",
    405: "Not by this method.",
    409: "It cannot be done as things stand.",
    412: "The incident has changed since.",
    413: "The body is too large.",
    415: "The body must be JSON.",
    422: "The request is not as it must be.",
    429: "Too many requests.",
    503: "The store is away, or the request took too long.",
}
ALWAYS = (400, 401, 403, 422, 429, 503)


def reply(request: Request, content: object, status: int = 200, tag: str = "") -> Response:
    """Return a struct as JSON; to who has it already, 304. `tag` goes before the ETag's digest."""
    body = msgspec.json.encode(content)
    digest = hashlib.blake2b(body, digest_size=12).hexdigest()
    etag = f'"{tag}-{digest}"' if tag else f'"{digest}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if request.method in ("GET", "HEAD") and _has(request.headers.get("If-None-Match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers, media_type="application/json")


def body_of(type_: type[T]) -> Callable[[Request], Awaitable[T]]:
    """Return a dependency that is a request's body.

    It raises Refused if that is not JSON, msgspec.ValidationError if it is not of the type.
    """

    async def body(request: Request) -> T:
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(415, "Content-Type must be application/json")
        return msgspec.json.decode(await request.body(), type=type_)

    return body


def _has(given: str | None, etag: str) -> bool:
    if given is None:
        return False
    return given.strip() == "*" or etag in (
        each.strip().removeprefix("W/") for each in given.split(",")
    )


def says(
    gives: object,
    summary: str,
    *,
    status: int = 200,
    takes: type | None = None,
    problems: Sequence[int] = (),
    example: object = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what a route's decorator is given, so that OpenAPI is complete."""
    responses: dict[int | str, dict[str, Any]] = {
        code: {"description": SAYS[code], "content": {MEDIA_TYPE: {"schema": ref("Problem")}}}
        for code in sorted({*ALWAYS, *problems, *((413, 415) if takes else ())})
    }
    responses[status] = {"description": "As asked.", "content": {}}
    if gives is not None:
        responses[status]["content"] = {"application/json": {"schema": ref(_name(gives))}}
        responses[304] = {"description": "As it was: `If-None-Match` has it."}
    extra: dict[str, Any] = {}
    if takes is not None:
        content: dict[str, Any] = {"schema": ref(_name(takes))}
        if example is not None:
            content["example"] = example
        extra["requestBody"] = {"required": True, "content": {"application/json": content}}
    if headers:
        extra["parameters"] = [
            {
                "name": name,
                "in": "header",
                "required": False,
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in headers.items()
        ]
    return {
        "summary": summary,
        "responses": responses,
        "openapi_extra": extra,
        "status_code": status,
        "response_model": None,
    }


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema."""
    return {"$ref": REF.format(name=name)}


def _name(type_: object) -> str:
    return str(getattr(type_, "__name__", type_))
