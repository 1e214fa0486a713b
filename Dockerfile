FROM public.ecr.aws/lambda/python:3.12 AS dependencies
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_QUIET=1 PIP_ROOT_USER_ACTION=ignore
COPY mise.toml ./
RUN version=$(python -c 'import tomllib; print(tomllib.load(open("mise.toml", "rb"))["tools"]["poetry"])') \
    && python -m pip install --target /poetry "poetry==$version" poetry-plugin-export==1.10.1
COPY pyproject.toml poetry.lock ./
# unchecked-hash: no file here changes after this, so a cold start need not compare it with its bytecode.
RUN for group in main local; do \
        PYTHONPATH=/poetry python -m poetry export --only "$group" --without-urls --output "$group.txt" \
        && python -m pip install --require-hashes --no-deps --target "/$group" --requirement "$group.txt" \
        && python -m compileall -q --invalidation-mode unchecked-hash "/$group" || exit 1; \
    done

# What AWS Lambda runs, and nothing else.
FROM public.ecr.aws/lambda/python:3.12 AS function
COPY --from=dependencies /main $LAMBDA_TASK_ROOT
COPY lambda_app $LAMBDA_TASK_ROOT/lambda_app
CMD ["lambda_app.app.lambda_handler"]

# What the cluster runs: the files of `function`, served by lambda_local in place of AWS's emulator.
# They come last, and not by FROM, so that an edit of the function does not install tar and the dependencies again.
FROM public.ecr.aws/lambda/python:3.12 AS local
# Tilt's live update unpacks with tar, which AWS's image lacks.
# hadolint ignore=DL3041
RUN dnf install -y tar && dnf clean all
COPY --from=dependencies /local /opt/python
COPY lambda_local /opt/python/lambda_local
RUN python -m compileall -q /opt/python/lambda_local
COPY --from=function --chown=1000:1000 $LAMBDA_TASK_ROOT $LAMBDA_TASK_ROOT
# No bytecode of what live update replaces: Python tells it from stale by the source's size and second alone.
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/opt/python
USER 1000:1000
EXPOSE 8080 9101
ENTRYPOINT ["python", "-m", "lambda_local", "--host", "0.0.0.0", "--port", "8080", "--admin-host", "0.0.0.0"]
CMD ["lambda_app.app.lambda_handler"]
