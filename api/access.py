"""Who may do what: the one table of routes and roles, and the gate that goes by it."""

from typing import Literal

import msgspec
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request

from api.problems import Refused
from config.serve import ROLES
from schema.desk import Role

PREFIX = "/api/v1"

# The least role that a route asks for; None: whoever comes. A route without a row is a fault.
ROLE_OF: dict[str, Role | None] = {
    "GET /incidents": "viewer",
    "GET /incidents/{incident_id}": "viewer",
    "POST /incidents/{incident_id}/actions": "responder",
    "POST /incidents/{incident_id}/feedback": "responder",
    "GET /queue": "viewer",
    "GET /silences": "viewer",
    "POST /silences": "responder",
    "DELETE /silences/{silence_id}": "responder",
    "GET /topology": "viewer",
    "GET /models": "viewer",
    "POST /models/{service}/promote": "admin",
    "POST /models/{service}/rollback": "admin",
    "GET /live": "viewer",
    "GET /heat": "viewer",
    "GET /review": "viewer",
    "GET /requests": "viewer",
    "GET /requests/{request_id}": "viewer",
    "GET /notifications": "viewer",
    "GET /events": "viewer",
    "GET /me": "viewer",
}


class Principal(msgspec.Struct, frozen=True):
    """Who is asking."""

    name: str
    role: Role
    auth: Literal["off", "token", "proxy"]

    def may(self, least: Role) -> bool:
        """Tell whether the role is enough."""
        return ROLES.index(self.role) >= ROLES.index(least)


def row_of(method: str, path: str) -> str:
    """Return by what a route stands in the table."""
    return f"{method} {path.removeprefix(PREFIX)}"


def api_routes(app: FastAPI) -> list[tuple[str, str]]:
    """Return method and path of every route of the API."""
    return [
        (method, path)
        for path, operations in app.openapi()["paths"].items()
        if path.startswith(PREFIX)
        for method in (each.upper() for each in operations)
    ]


def check_table(app: FastAPI) -> None:
    """Raise ValueError for a route that the table does not know, or knows in vain."""
    found = {row_of(method, path) for method, path in api_routes(app)}
    if found != set(ROLE_OF):
        raise ValueError(f"every route must have its role, got {sorted(found ^ set(ROLE_OF))}")


def principal_of(request: Request) -> Principal:
    """Return who is asking, as the gate has found out."""
    found = request.state.principal
    if not isinstance(found, Principal):
        raise Refused(401, "nobody is known by what was sent")
    return found


def least_of(request: Request) -> Role | None:
    """Return the least role that a request's route asks for."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return "admin"
    return ROLE_OF[row_of(request.method, route.path)]
