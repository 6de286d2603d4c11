# Waypoint's image: the worker, its requirements, and the sample knowledge base.
# docs/docker.md has the commands; docker-compose.yml has the mounts and settings.

FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH


# Requirements before code: a change of code leaves this stage in the build cache.
FROM base AS requirements
# The base image's pip installs into it, so that the final image's environment has none.
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --disable-pip-version-check -r requirements.txt


FROM base AS code
WORKDIR /app
COPY examples examples
COPY scripts scripts
COPY waypoint waypoint
# Compiled here, since the user of the final image cannot write below /app. Hashes instead of
# times, which differ between clones.
RUN python -m compileall -q --invalidation-mode unchecked-hash scripts waypoint


FROM base
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Waypoint" \
      org.opencontainers.image.description="Streams a folder of documents into a Chroma collection of Gemini embeddings" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
RUN groupadd --gid 1000 waypoint \
    && useradd --uid 1000 --gid waypoint --no-create-home --home-dir /app waypoint \
    && install --directory --owner=waypoint --group=waypoint chroma_db logs
COPY --from=requirements /opt/venv /opt/venv
COPY --from=code /app /app
USER 1000:1000
ENV KNOWLEDGE_BASE_PATH=/app/knowledge_base \
    CHROMA_PERSIST_PATH=/app/chroma_db \
    LOG_DIR=/app/logs
ENTRYPOINT ["python", "scripts/ingest.py"]
