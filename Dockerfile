# A small image that runs as nobody in particular on a read-only root; see docker-compose.yml for how it is started.
#
# On x86-64 the registry's own torch brings CUDA. For the CPU build, a tenth of the size, give its index:
#     docker compose build --build-arg PIP_EXTRA_INDEX_URL=...

FROM python:3.11.14-slim-bookworm AS packages
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
COPY requirements.txt /srv/requirements.txt
RUN python -m venv /srv/packages \
 && /srv/packages/bin/pip install --requirement /srv/requirements.txt

FROM python:3.11.14-slim-bookworm
# Debian keeps only the newest version of a package, so an exact one would break the next build.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends graphviz \
 && rm -rf /var/lib/apt/lists/*
COPY --from=packages /srv/packages /srv/packages
WORKDIR /srv/chainrule
COPY backend backend
COPY frontend frontend
RUN /srv/packages/bin/python -m compileall -q backend
ENV PATH=/srv/packages/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CHAINRULE_HOST=0.0.0.0 \
    CHAINRULE_PORT=8000
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "backend"]
