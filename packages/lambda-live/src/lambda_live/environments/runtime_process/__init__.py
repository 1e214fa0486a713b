"""
The code inside an execution environment's process: AWS's runtime client and the handler.

It is loaded by file path, with the function's own packages on sys.path.
It imports nothing of the service.
"""
