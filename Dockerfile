# Waypoint's image: the worker and its requirements. docs/docker.md has the commands and what the
# image weighs; docker-compose.yml has the mounts and settings.

FROM python:3.11-slim AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONPYCACHEPREFIX=/opt/bytecode


# Requirements before code: a change of code leaves this stage in the build cache.
FROM base AS requirements
ARG UV_VERSION=0.13.9
# Only where another package index is to be asked.
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
# Installs in a tenth of pip's time. Certificates are those of the base image.
ENV UV_LINK_MODE=copy \
    UV_SYSTEM_CERTS=1 \
    UV_CACHE_DIR=/var/cache/uv \
    PIP_CACHE_DIR=/var/cache/pip
RUN --mount=type=cache,target=/var/cache/pip \
    pip install --disable-pip-version-check --root-user-action=ignore --target /opt/uv "uv==${UV_VERSION}" \
    && python -m venv --without-pip /opt/venv \
    && rm -rf "$PYTHONPYCACHEPREFIX"
COPY requirements.txt requirements-ocr.txt ./
# 1 for text recognition (--ocr).
ARG WITH_OCR=
# chromadb names these for parts of it that are never loaded here: a cluster of its own
# (kubernetes), the model of its default embedding function (onnxruntime, tokenizers), a server
# in Python (most of uvicorn's extras), a build of itself. Half of what would be installed.
ARG UNUSED="build durationpy filelock flatbuffers fsspec hf-xet httptools huggingface-hub kubernetes oauthlib onnxruntime pyproject-hooks python-dateutil requests-oauthlib tokenizers tqdm watchfiles websocket-client"
# All is pinned, so nothing is resolved: what is left out isn't brought back by those who name it.
RUN --mount=type=cache,target=/var/cache/uv \
    grep --invert-match --extended-regexp "^($(echo "$UNUSED" | tr ' ' '|'))==" requirements.txt >used.txt \
    && if [ -n "$WITH_OCR" ]; then cat requirements-ocr.txt >>used.txt; fi \
    && /opt/uv/bin/uv pip install --python /opt/venv/bin/python --no-deps --requirement used.txt
# Bytecode of what is loaded, of Python's own library too, and of nothing else: the image's user
# can't write it, and all of it would weigh as much as the code.
RUN python -c "import aiohttp.web, anyio._backends._asyncio, chardet, chromadb.api.async_fastapi, \
    chromadb_rust_bindings, dotenv, google.genai, h11, html_to_markdown, httpcore, httpcore2, httpx, httpx2, \
    isal.igzip, numpy, orjson, prometheus_client, psutil, pybase64, \
    pypdfium2, pyromark, python_calamine, re2, rich._emoji_codes, rich.live, rich.progress, rich.table, \
    semantic_text_splitter, simdjson, sqlite3, starlette.applications, starlette.middleware.trustedhost, \
    statistics, tenacity, truststore, typer, uvicorn.protocols.http.h11_impl, \
    uvloop, yaml"


FROM base AS code
WORKDIR /app
COPY LICENSE README.md ./
COPY scripts scripts
COPY waypoint waypoint
# Hashes instead of times, which differ between clones.
RUN python -m compileall -q --invalidation-mode unchecked-hash scripts waypoint \
    && mv /opt/bytecode/app /opt/app-bytecode


FROM base
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Waypoint" \
      org.opencontainers.image.description="Streams a folder of documents into a Chroma collection of Gemini embeddings" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Text recognition, in the languages of these Debian packages.
ARG WITH_OCR=
ARG OCR_PACKAGES="tesseract-ocr tesseract-ocr-deu"
RUN if [ -n "$WITH_OCR" ]; then apt-get update \
      && apt-get install -y --no-install-recommends $OCR_PACKAGES \
      && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log; fi
WORKDIR /app
RUN groupadd --gid 1000 waypoint \
    && useradd --uid 1000 --gid waypoint --no-create-home --home-dir /tmp waypoint \
    && install --directory --owner=waypoint --group=waypoint chroma_db logs
COPY --from=requirements /opt/venv /opt/venv
COPY --from=requirements /opt/bytecode /opt/bytecode
COPY --from=code /app /app
COPY --from=code /opt/app-bytecode /opt/bytecode/app
RUN printf '#!/opt/venv/bin/python\nimport sys\nsys.path.insert(0, "/app")\nfrom waypoint.cli import main\nmain()\n' \
      >/opt/venv/bin/waypoint && chmod 755 /opt/venv/bin/waypoint
# HOME: whatever user a container is given has one, and may write there.
ENV HOME=/tmp \
    IN_CONTAINER=true \
    KNOWLEDGE_BASE_PATH=/app/knowledge_base \
    CHROMA_PERSIST_PATH=/app/chroma_db \
    LOG_DIR=/app/logs \
    METRICS_PORT=5000
USER 1000:1000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-S", "scripts/healthcheck.py"]
ENTRYPOINT ["python", "scripts/ingest.py"]
