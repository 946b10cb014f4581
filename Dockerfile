# Tanfeng in two stages: the first builds the virtual environment from the lock, the second has no build tools.
ARG PYTHON_DIGEST=
FROM python:3.11.14-slim-bookworm${PYTHON_DIGEST} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /app/.venv
COPY requirements.lock ./
RUN /app/.venv/bin/pip install --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md ./
COPY services services
COPY ingest ingest
COPY api api
COPY simulators simulators
COPY tanfeng tanfeng
RUN /app/.venv/bin/pip install --no-deps --editable .

FROM python:3.11.14-slim-bookworm${PYTHON_DIGEST}
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin tanfeng
WORKDIR /app
COPY --from=build /app /app
COPY examples examples
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
ENTRYPOINT ["tanfeng"]
CMD ["--help"]
