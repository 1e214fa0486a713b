"""
Reads a Dockerfile, as far as it defines a Lambda function. It builds and runs nothing.

In: a Dockerfile and its build context. Out: handler, code folder, requirements, variables.
"""
