# The gateway in a container: one image, run whole ("serve") or as web, worker and beat apart.

FROM python:3.11-slim AS build
COPY requirements.txt /build/
RUN python -m venv /app/.venv \
 && /app/.venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r /build/requirements.txt

FROM python:3.11-slim
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
# Warm enough for running transfers; what is cut is done again after a restart.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/readyz', timeout=4)"]
CMD ["python", "manage.py", "serve"]
