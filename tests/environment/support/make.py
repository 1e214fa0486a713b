"""What `make` can be asked for."""

import re
from pathlib import Path


def targets() -> set[str]:
    """Return the targets that `make help` names."""
    return set(re.findall(r"^([a-z0-9-]+):.* ##+ ", Path("Makefile").read_text(), re.MULTILINE))
