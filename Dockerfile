# Foreshock as an image: the hashed dependencies, the package, no development tools, no root.
FROM python:3.12-slim AS build
RUN python -m venv /opt/foreshock
ENV PATH=/opt/foreshock/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements.lock .
RUN pip install --require-hashes -r requirements.lock
COPY . .
RUN pip install --no-deps --no-build-isolation . \
    && pip uninstall --yes hypothesis jsonschema mypy pandas-stubs psutil pytest pytest-xdist ruff \
       types-jsonschema types-psutil types-pyyaml

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/foreshock foreshock
COPY --from=build /opt/foreshock /opt/foreshock
COPY config/*.yaml /etc/foreshock/
ENV PATH=/opt/foreshock/bin:$PATH PYTHONUNBUFFERED=1
USER foreshock
# State, incidents and the compiler's cache are kept here: mount a volume.
WORKDIR /var/lib/foreshock
STOPSIGNAL SIGTERM
ENTRYPOINT ["foreshock"]
CMD ["--help"]
