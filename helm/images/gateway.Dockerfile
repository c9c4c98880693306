# The gateway, and the commands that look after a platform: no Ray, no torch, no model.
#
#   docker build -f helm/images/gateway.Dockerfile -t duologue-gateway:0.1.0 .
#
# docs/operations.md, section "Images", explains the arguments.

# Another registry, or another patch release, by BASE; the very bits by BASE_DIGEST=@sha256:...
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm
ARG BASE_DIGEST=

FROM ${BASE}${BASE_DIGEST} AS build
# A mirror of the package index. No password belongs here: arguments are kept in an image's history.
ARG PIP_INDEX_URL
WORKDIR /build
COPY helm/images/ helm/images/
RUN helm/images/install.sh tools /opt/tools
RUN helm/images/install.sh packages /opt/tools /opt/venv helm/images/gateway.requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY platform/ platform/
COPY actors/ actors/
COPY gateway/ gateway/
COPY protos/ protos/
RUN helm/images/install.sh project /opt/tools /opt/venv .

# The bill of materials, made only when it is asked for: docker build --target bill --output . ...
FROM build AS billing
RUN helm/images/install.sh bill /opt/tools /opt/venv . /opt/bill/duologue-gateway.cdx.json

FROM scratch AS bill
COPY --from=billing /opt/bill/ /

FROM ${BASE}${BASE_DIGEST}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="duologue-gateway" \
      org.opencontainers.image.description="Where the clients of a Duologue platform come in" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 1000 duologue \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp duologue
COPY --from=build /opt/venv /opt/venv
# Of the file system, only /tmp is ever written to. In a container, a port of 127.0.0.1 is nobody's.
ENV PATH=/opt/venv/bin:${PATH} \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    DUOLOGUE_GATEWAY__HOST=0.0.0.0 \
    DUOLOGUE_TELEMETRY__TRACE_DIR=/tmp/duologue/traces
WORKDIR /tmp
USER 1000:1000
EXPOSE 50051 50080 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["duologue", "health", "127.0.0.1:50051"]
ENTRYPOINT ["duologue"]
CMD ["gateway"]
