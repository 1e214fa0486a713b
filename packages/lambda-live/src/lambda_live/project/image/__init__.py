"""
Reads a Dockerfile as far as it defines a Lambda function. It builds and runs nothing.

In: a Dockerfile and its build context. Out: handler, code folder, requirements, variables.
Interpreted are FROM, ARG, ENV, WORKDIR, COPY and ADD of local files, CMD, ENTRYPOINT, and package
installation by RUN. Everything else is reported once, by file and line.
Imports `code`, `dependencies` and `model`.
"""
