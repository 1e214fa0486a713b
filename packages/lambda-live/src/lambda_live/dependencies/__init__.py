"""
A function's dependencies: requirements, lock files, their installation, Python interpreters.

In: a folder with requirements.txt, pyproject.toml or a lock file.
Out: a directory of installed packages in the cache, apart from those of the service.
It imports `telemetry` and `model`.
"""
