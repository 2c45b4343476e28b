# Training in a container, for CPUs; TensorBoard is in it too (docker/training.compose.yaml runs both). Built from the
# checkout: `docker build --file docker/training.Dockerfile --tag fashion-training .`, or with buildah in place of docker.
#
# Every version is that of locks/all.txt. torch comes from its own index, so that no CUDA is downloaded; for a GPU
# build with --build-arg TORCH_INDEX_URL=https://download.pytorch.org/whl/cu130 and run with --gpus all. Without a
# registry: --build-arg BASE=$(docker/base-from-debian).

ARG BASE=docker.io/library/python:3.11.14-slim-bookworm

FROM ${BASE}
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
RUN groupadd --gid 1034 training && \
    useradd --uid 1034 --gid 1034 --no-create-home --home-dir /training --shell /usr/sbin/nologin training && \
    mkdir -p /training/runs /training/bentoml && chown 1034:1034 /training /training/runs /training/bentoml
WORKDIR /training/checkout
COPY pyproject.toml ./
COPY locks locks
COPY fashion fashion
COPY training training
COPY releases/teachers releases/teachers
# pip's settings and a certificate bundle may be handed in as secrets; they are there while this line runs alone.
RUN --mount=type=secret,id=pip-config --mount=type=secret,id=ca-bundle \
    if [ -s /run/secrets/pip-config ]; then export PIP_CONFIG_FILE=/run/secrets/pip-config; fi && \
    if [ -s /run/secrets/ca-bundle ]; then export PIP_CERT=/run/secrets/ca-bundle; fi && \
    touch README.md && python -m venv --without-pip /opt/venv && \
    set -- --no-cache-dir --disable-pip-version-check --root-user-action=ignore --constraint locks/all.txt && \
    pip --python /opt/venv/bin/python install "$@" --no-deps --index-url "$TORCH_INDEX_URL" torch && \
    pip --python /opt/venv/bin/python install "$@" --editable '.[training]' && \
    /opt/venv/bin/python -m compileall -q fashion training
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LANG=C.UTF-8 \
    HOME=/training \
    BENTOML_HOME=/training/bentoml \
    BENTOML_DO_NOT_TRACK=True
# Where `runs/` lies: commands are run here, and what they write is a volume.
WORKDIR /training
USER 1034:1034
VOLUME ["/training/runs", "/training/bentoml"]
EXPOSE 6006
ENTRYPOINT ["python", "-m", "training"]
CMD ["--help"]
