"""OpenAPI: the routes as FastAPI knows them, with the schemas of our structs."""

from typing import Any

import msgspec
from fastapi import FastAPI

from api.problems import Problem
from api.replies import REF
from schema import HeatMap, LiveState, asks, desk
from schema.review_view import ReviewView

TYPES = (
    Problem,
    HeatMap,
    LiveState,
    ReviewView,
    *(
        each
        for module in (asks, desk)
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, msgspec.Struct)
        and each.__module__ == module.__name__
    ),
)


def describe(app: FastAPI) -> None:
    """Let the application describe itself."""
    described: dict[str, Any] = {}
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if not described:
            described.update(plain())
            _, schemas = msgspec.json.schema_components(TYPES, ref_template=REF)
            components = described.setdefault("components", {})
            components["schemas"] = dict(sorted(schemas.items()))
            components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            described["security"] = [{"token": []}]
        return described

    app.__dict__["openapi"] = openapi
