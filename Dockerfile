# Images of the operator and of the training pods.
#
#   docker build --target operator    -t estimator-operator/operator:0.1.0 .
#   docker build --target runtime     -t estimator-operator/runtime:0.1.0 .
#   docker build --target runtime-gpu -t estimator-operator/runtime-gpu:0.1.0 .
#
# Where a build has no package index, put wheels for the image's Python into wheels/<target>/ (`make images` does);
# they are then the only source. Dependencies sit in a layer of their own below the project's code, so a change of
# code rebuilds and ships kilobytes. Everything is compiled in the build: nobody may write into the image later, and
# compiling is half of TensorFlow's start, in each pod.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/estimator/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp

# One stage per set of dependencies: the wheels stay behind in it. An older builder makes every stage above the one asked for,
# so the stages stand in order of their weight.
FROM base AS operator-packages
COPY hack/install-extra /usr/local/bin/install-extra
COPY pyproject.toml constraints.txt wheels/operator* /wheels/
RUN bash /usr/local/bin/install-extra operator

FROM base AS operator
COPY --from=operator-packages /opt/estimator /opt/estimator
COPY crds/estimator_api /opt/estimator/src/estimator_api
COPY operator/estimator_operator /opt/estimator/src/estimator_operator
RUN python -m compileall -q /opt/estimator/src
USER 1000:1000
ENTRYPOINT ["python", "-m", "estimator_operator"]

FROM base AS runtime-packages
COPY hack/install-extra /usr/local/bin/install-extra
COPY pyproject.toml constraints.txt wheels/runtim[e] /wheels/
RUN bash /usr/local/bin/install-extra runtime

FROM base AS runtime
COPY --from=runtime-packages /opt/estimator /opt/estimator
COPY crds/estimator_api /opt/estimator/src/estimator_api
COPY runtime/estimator_runtime /opt/estimator/src/estimator_runtime
RUN python -m compileall -q /opt/estimator/src
USER 1000:1000
CMD ["python", "-m", "estimator_runtime.job"]

FROM base AS runtime-gpu-packages
COPY hack/install-extra /usr/local/bin/install-extra
COPY pyproject.toml constraints.txt wheels/runtime-gpu* /wheels/
RUN bash /usr/local/bin/install-extra runtime-gpu

FROM base AS runtime-gpu
COPY --from=runtime-gpu-packages /opt/estimator /opt/estimator
COPY crds/estimator_api /opt/estimator/src/estimator_api
COPY runtime/estimator_runtime /opt/estimator/src/estimator_runtime
RUN python -m compileall -q /opt/estimator/src
USER 1000:1000
CMD ["python", "-m", "estimator_runtime.job"]
