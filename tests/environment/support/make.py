"""The targets of the Makefile."""

import re
from pathlib import Path


def targets() -> set[str]:
    """Return the targets that `make help` lists."""
    return set(re.findall(r"^([a-z0-9-]+):.* ##+ ", Path("Makefile").read_text(), re.MULTILINE))
