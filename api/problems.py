"""Errors as problem+json (RFC 9457), everywhere and for everything that can go wrong."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from connectors.kafka_client import KafkaUnavailableError
from connectors.model_files import ModelRefused
from flows.acting import NotFound, NotLegal
from flows.desk import NobodyListens, Stale
from flows.desk_stores import StoreAway

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

_log = logging.getLogger(__name__)


class Wrong(msgspec.Struct, frozen=True):
    """One thing of a request that is wrong."""

    where: str  # "query: limit"
    what: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong: the body of every answer from 400 on."""

    title: str
    status: int
    detail: str = ""
    type: str = "about:blank"
    errors: tuple[Wrong, ...] = ()


class Refused(Exception):
    """A request that is answered by a problem."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def problem(
    status: int,
    detail: str = "",
    headers: Mapping[str, str] | None = None,
    errors: tuple[Wrong, ...] = (),
) -> Response:
    """Return the answer."""
    said = Problem(HTTPStatus(status).phrase, status, detail, errors=errors)
    return Response(msgspec.json.encode(said), status, dict(headers or {}), media_type=MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Let every exception that leaves a route be answered by a problem."""
    for kind, status in _STATUS.items():
        app.add_exception_handler(kind, _by_status(status))
    app.add_exception_handler(StoreAway, _away)
    app.add_exception_handler(KafkaUnavailableError, _away)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unforeseen)


_STATUS: dict[type[Exception], int] = {
    NotFound: 404,
    NotLegal: 409,
    Stale: 412,
    NobodyListens: 409,
    ModelRefused: 409,
    msgspec.ValidationError: 422,
    msgspec.DecodeError: 400,
    ValueError: 422,
}


def _by_status(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(_request: Request, ex: Exception) -> Response:
        return problem(status, str(ex))

    return answer


async def _away(_request: Request, ex: Exception) -> Response:
    return problem(503, str(ex), {"Retry-After": str(RETRY_AFTER_S)})


async def _refused(_request: Request, ex: Exception) -> Response:
    if not isinstance(ex, Refused):
        raise ex
    return problem(ex.status, ex.detail, ex.headers)


async def _http(request: Request, ex: Exception) -> Response:
    if not isinstance(ex, HTTPException):
        raise ex
    headers = dict(ex.headers or {})
    if ex.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    detail = "" if ex.detail == HTTPStatus(ex.status_code).phrase else str(ex.detail)
    return problem(ex.status_code, detail, headers)


def _methods(request: Request) -> list[str]:
    """Return all methods of a path; each of its routes knows its own alone."""
    app, path = request.app, request.url.path
    found = [
        method.upper()
        for described, operations in app.openapi()["paths"].items()
        if compile_path(described)[0].match(path)
        for method in operations
    ]
    return sorted(found or ["GET", "HEAD"])


async def _invalid(_request: Request, ex: Exception) -> Response:
    if not isinstance(ex, RequestValidationError):
        raise ex
    wrong = tuple(Wrong(": ".join(map(str, each["loc"])), str(each["msg"])) for each in ex.errors())
    return problem(422, "the request is not as it must be", errors=wrong)


async def _unforeseen(request: Request, ex: Exception) -> Response:
    _log.error("%s %s: %s", request.method, request.url.path, type(ex).__name__, exc_info=ex)
    return problem(500, "this is a fault of ours, and is in the log")
