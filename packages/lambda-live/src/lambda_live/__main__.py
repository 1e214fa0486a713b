"""
`python -m lambda_live`, and the command `lambda-live`.

A project may have modules called `types`, `json` or `yaml`. `python -m` searches the working
directory first, so this module removes it from `sys.path` before it imports anything else. Without
this, the project's modules replace those of the standard library. Python's own start needs `types`
too: a project with such a module needs `python -P -m lambda_live` or `lambda-live`.
"""

import sys
from os import getcwd

sys.path[:] = [path for path in sys.path if path not in ("", getcwd())]  # noqa: PTH109  # pathlib would import `types`

from lambda_live.cli.main import main  # noqa: E402  # after the line above

if __name__ == "__main__":
    main()
