# AWS's image for the Runtime of template.yaml. Tilt and make image set it if the Runtime is another one.
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.12

FROM ${BASE_IMAGE} AS tools
WORKDIR /build
# Settings of machine.env for pip. The function's image has no layer of this stage.
ARG CA= PIP_INDEX_URL=
RUN [ -z "$CA" ] || printf '%s\n' "$CA" >/ca.pem
ENV PIP_CERT=${CA:+/ca.pem} PIP_INDEX_URL=$PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_QUIET=1 PIP_ROOT_USER_ACTION=ignore
COPY packages/lambda-live/src/lambda_live/dependencies/lock_files.py poetry.lock ./
# unchecked-hash: these files do not change, so a cold start need not compare them with their bytecode.
RUN python lock_files.py poetry.lock local >local.txt \
    && python -m pip install --require-hashes --no-deps --target /local --requirement local.txt \
    && python -m compileall -q --invalidation-mode unchecked-hash /local

# The requirements of each function of template.yaml
FROM tools AS requirements
# Tilt passes a hash of the requirements, so that a change of them builds this stage again.
ARG REQUIREMENTS=
COPY . /project
WORKDIR /project
RUN PYTHONPATH=/local:packages/lambda-live/src python -P -m lambda_live image-context requirements /requirements

FROM tools AS packages
COPY --from=requirements /requirements /requirements
WORKDIR /requirements
# Requirements may name a file in the same folder. folders.txt names packages of the repository. Their requirements are locked.
# hadolint ignore=DL3003
RUN mkdir /packages && for key in *; do \
        [ ! -d "$key" ] || ( \
            cd "$key" \
            && mkdir "/packages/$key" \
            && { [ ! -s requirements.txt ] || python -m pip install --target "/packages/$key" --requirement requirements.txt; } \
            && { [ ! -f folders.txt ] || python -m pip install --no-deps --target "/packages/$key" --requirement folders.txt; } \
            && python -m compileall -q --invalidation-mode unchecked-hash "/packages/$key" \
        ) || exit 1; \
    done

# The image of the cluster: all functions, served by lambda_live in place of AWS's emulator
FROM ${BASE_IMAGE} AS local
ARG CA=
RUN [ -z "$CA" ] || { printf '%s\n' "$CA" >/etc/pki/ca-trust/source/anchors/machine.pem && update-ca-trust; }
# Tilt's live update needs tar, which AWS's image lacks. With CodeUri `.` it writes into the task root itself, so user 1000 owns that.
# hadolint ignore=DL3041
RUN dnf install -y tar && dnf clean all \
    && mkdir -p /opt/cache/lambda-live \
    && chown 1000:1000 "$LAMBDA_TASK_ROOT" /opt/cache/lambda-live
COPY --from=tools /local /opt/python
COPY packages/lambda-live/src/lambda_live /opt/python/lambda_live
RUN python -m compileall -q /opt/python/lambda_live
COPY --from=packages --chown=1000:1000 /packages /opt/cache/lambda-live/packages
COPY --chown=1000:1000 . $LAMBDA_TASK_ROOT
# No bytecode of files that live update replaces: Python compares only the source's size, and its time in seconds.
ENV HOME=/tmp PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/opt/python XDG_CACHE_HOME=/opt/cache
USER 1000:1000
EXPOSE 8080 9101
ENTRYPOINT ["python", "-P", "-m", "lambda_live", "--host", "0.0.0.0", "--port", "8080", "--admin-host", "0.0.0.0"]

# The files of FUNCTION for AWS. If there is only one function, the name may be empty.
FROM requirements AS shipped
ARG FUNCTION=
RUN PYTHONPATH=/local:packages/lambda-live/src python -P -m lambda_live image-context function /function "$FUNCTION"

FROM packages AS dependencies
COPY --from=shipped /function/keys /
RUN mkdir /task && while read -r key; do cp -a "/packages/$key/." /task || exit 1; done </keys

# The image for AWS Lambda
FROM ${BASE_IMAGE} AS function
COPY --from=dependencies /task $LAMBDA_TASK_ROOT
COPY --from=shipped /function/opt /opt
COPY --from=shipped /function/handler /
COPY --from=shipped /function/code $LAMBDA_TASK_ROOT
# Runs the template's handler, unless `docker run` or the function's ImageConfig names another. A CMD cannot come from a file.
ENTRYPOINT ["/bin/sh", "-c", "exec /lambda-entrypoint.sh \"${1:-$(cat /handler)}\"", "sh"]
