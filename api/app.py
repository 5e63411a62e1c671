"""The web application: the API under /api/v1, its description, and the page."""

import time
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from api.access import PREFIX, check_table, principal_of
from api.callbacks import callback_routes
from api.description import describe
from api.estate_routes import estate_routes
from api.event_routes import event_routes
from api.gate import Gate
from api.guards import Guards
from api.hub import Hub
from api.identity import Identity
from api.incident_routes import incident_routes
from api.problems import answer_with_problems
from api.replies import reply, says
from config.serve import ServeSettings
from flows.desk import Desk
from schema.desk import Me

PAGE = Path(__file__).parent / "page"
REFERENCE = Path(__file__).parent / "reference"
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(settings: ServeSettings, desk: Desk, *, version: str = "") -> FastAPI:
    """Return the application over a desk."""
    app = FastAPI(
        title="Foreshock", version=version or "0", docs_url=None, redoc_url=None,
        telemetry=NO_TELEMETRY, redirect_slashes=False,
    )  # fmt: skip
    app.add_middleware(Guards, settings=settings)
    answer_with_problems(app)

    gate = Gate(settings, Identity(settings, desk.stores, lambda: time.time_ns() // 1_000_000))

    own = APIRouter(tags=["session"], default_response_class=Response)

    @own.get("/me", **says(Me, "Who is asking, and what they may do"))
    def me(request: Request) -> Response:
        who = principal_of(request)
        found = Me(name=who.name, role=who.role, auth=who.auth, can_act=desk.can_act,
                   version=version)  # fmt: skip
        return reply(request, found)

    hub = Hub(desk, settings.max_streams)
    app.state.hub = hub
    for router in (incident_routes(desk), estate_routes(desk), event_routes(hub, gate), own):
        app.include_router(router, prefix=PREFIX, dependencies=[Depends(gate)])
    callbacks = callback_routes(desk)
    if callbacks is not None:
        app.include_router(callbacks)
    describe(app)
    check_table(app)
    app.add_route("/docs", lambda _: RedirectResponse("/docs/"), include_in_schema=False)
    app.mount("/docs", StaticFiles(directory=REFERENCE, html=True), name="reference")
    app.router.default = StaticFiles(directory=PAGE, html=True, check_dir=False)
    return app
