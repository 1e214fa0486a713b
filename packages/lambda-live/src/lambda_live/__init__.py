"""
A local AWS Lambda service for Python functions.

It serves the Invoke API, API Gateway and function URLs to callers, and the Runtime API to AWS's own
runtime client. It runs one environment per concurrent invocation, and reloads code when it changes.
"""

__version__ = "0.1.0"
