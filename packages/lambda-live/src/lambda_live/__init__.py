"""
A local AWS Lambda service for one Python function.

It speaks the Invoke API and function URLs to callers and the Runtime API to AWS's own runtime
client, runs as many execution environments as there are concurrent invocations, and reloads the
code when it changes.
"""

__version__ = "0.1.0"
