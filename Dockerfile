# Foreshock as an image: the hashed dependencies, the package, no development tools, no root,
# nothing written outside of its volume.
FROM python:3.12-slim AS build
RUN python -m venv /opt/foreshock
ENV PATH=/opt/foreshock/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements.lock .
RUN pip install --require-hashes -r requirements.lock
COPY . .
RUN pip install --no-deps --no-build-isolation . \
    && pip uninstall --yes aiosmtpd atheris axe-playwright-python hypothesis jsonschema mypy \
       opentelemetry-sdk orjson pandas-stubs playwright psutil pytest pytest-xdist ruff \
       schemathesis types-jsonschema types-protobuf types-psutil types-pyyaml

FROM python:3.12-slim
LABEL org.opencontainers.image.title=foreshock org.opencontainers.image.licenses=Apache-2.0
RUN useradd --uid 10001 --create-home --home-dir /var/lib/foreshock foreshock
COPY --from=build /opt/foreshock /opt/foreshock
COPY config/*.yaml /etc/foreshock/
ENV PATH=/opt/foreshock/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/var/lib/foreshock/numba METRICS_PORT=9464
USER 10001:10001
# State, incidents and the compiler's cache are kept here: mount a volume. The rest may be read-only,
# with a tmpfs at /tmp.
WORKDIR /var/lib/foreshock
VOLUME /var/lib/foreshock
STOPSIGNAL SIGTERM
EXPOSE 9464
# Of a worker whose settings have this metrics_port; switch it off for other commands.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5m --retries=5 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"METRICS_PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["foreshock"]
CMD ["--help"]
