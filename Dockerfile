# The gateway in a container: web, worker and scheduler by "serve".

# trixie brings pg_dump 17, which "manage.py backup" needs for a PostgreSQL up to 17.
FROM python:3.11-slim-trixie AS build
COPY requirements.txt /build/
RUN python -m venv /app/.venv \
 && /app/.venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /build/requirements.txt

FROM python:3.11-slim-trixie
RUN apt-get update \
 && apt-get install --yes --no-install-recommends postgresql-client \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /data as2 && install -d -o as2 -m 0700 /data
COPY --from=build /app/.venv /app/.venv
COPY manage.py LICENSE NOTICE /app/
COPY as2gateway /app/as2gateway
COPY audit /app/audit
COPY partners /app/partners
COPY messages /app/messages
COPY config /app/config
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    AS2_HOME=/data \
    AS2_BIND=0.0.0.0:8000 \
    AS2_LOG=json
USER as2
VOLUME /data
EXPOSE 8000
# serve ends its programs itself, within 25 seconds: docker stop --time 30.
STOPSIGNAL SIGTERM
# Ready, and not only alive: the database and the store answer.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-m", "config.healthcheck"]
CMD ["python", "manage.py", "serve"]
