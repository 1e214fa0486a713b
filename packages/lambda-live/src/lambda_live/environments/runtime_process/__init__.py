"""
Code that runs inside an environment's process: AWS's runtime client, then the handler.

`bootstrap.py` is run by path. It puts the function's own folders on `sys.path`.
Nothing here imports the service, nor `typing`, `pathlib` or `tempfile`: they delay each cold start.
"""
