"""Read YAML with libyaml, which is seven times as fast as Python's own reader."""

from typing import Any

import yaml


def read_document(text: str) -> Any:
    """Return the only document."""
    return yaml.load(text, yaml.CSafeLoader)


def read_documents(text: str) -> list[Any]:
    """Return the documents that are not empty."""
    return [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]
