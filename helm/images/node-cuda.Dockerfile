# A Ray node whose model runs on NVIDIA GPUs: batching actors, and the others too. By itself, the whole platform.
#
#   docker build -f helm/images/node-cuda.Dockerfile -t duologue-node-cuda:0.1.0 .
#
# docs/operations.md, section "Images", explains the arguments. node-cpu.Dockerfile is the same but for
# torch and the driver; a test compares them.

# Another registry, or another patch release, by BASE; the very bits by BASE_DIGEST=@sha256:...
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm
ARG BASE_DIGEST=

FROM ${BASE}${BASE_DIGEST} AS build
# A mirror of the package index. No password belongs here: arguments are kept in an image's history.
ARG PIP_INDEX_URL
# Where torch comes from, with the CUDA libraries that belong to it: take the one for your driver.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cu130
# "bundled", or "none" for one that is mounted.
ARG MODEL=bundled
WORKDIR /build
COPY helm/images/ helm/images/
RUN helm/images/install.sh tools /opt/tools
RUN helm/images/install.sh packages /opt/tools /opt/venv helm/images/node.requirements.txt torch-follows
RUN helm/images/install.sh torch /opt/tools /opt/venv helm/images/node.requirements.txt "${TORCH_INDEX}"
COPY pyproject.toml README.md LICENSE ./
COPY platform/ platform/
COPY actors/ actors/
COPY gateway/ gateway/
COPY protos/ protos/
RUN helm/images/install.sh project /opt/tools /opt/venv .
RUN helm/images/install.sh kernels /opt/tools /opt/venv stays
RUN DUOLOGUE_CACHE=/opt/duologue/cache helm/images/install.sh model /opt/tools /opt/venv "${MODEL}"

# The bill of materials, made only when it is asked for: docker build --target bill --output . ...
FROM build AS billing
RUN helm/images/install.sh bill /opt/tools /opt/venv . /opt/bill/duologue-node-cuda.cdx.json

FROM scratch AS bill
COPY --from=billing /opt/bill/ /

FROM ${BASE}${BASE_DIGEST}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="duologue-node-cuda" \
      org.opencontainers.image.description="A Ray node of a Duologue platform, with NVIDIA GPUs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# KubeRay's own probes call wget. Debian keeps one version of it at a time: the base's digest pins it best.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends wget \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 1000 duologue \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp duologue
COPY --from=build /opt/venv /opt/venv
# The cache folder is the user's: a model that is mounted as a .gguf file is prepared there.
COPY --from=build --chown=1000:1000 /opt/duologue /opt/duologue
# Of the file system, only /tmp and that folder are ever written to. Nothing is looked for on a model hub.
ENV PATH=/opt/venv/bin:${PATH} \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    RAY_USAGE_STATS_ENABLED=0 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    DUOLOGUE_CACHE=/opt/duologue/cache \
    DUOLOGUE_GATEWAY__HOST=0.0.0.0 \
    DUOLOGUE_TELEMETRY__TRACE_DIR=/tmp/duologue/traces
WORKDIR /tmp
USER 1000:1000
EXPOSE 50051 50080 9464 9465
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s \
    CMD ["duologue", "health", "127.0.0.1:50051"]
# KubeRay starts Ray by a command of its own; without one, this is a platform to try.
ENTRYPOINT ["duologue"]
CMD ["up"]
