"""A JSON reader silently takes the last of two equal names."""

import json
import subprocess
from pathlib import Path

import pytest

FILES = subprocess.run(
    ["git", "ls-files", "*.json"], capture_output=True, text=True, check=True
).stdout.split()


def refuse_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    assert len(names) == len({*names}), f"a name stands twice among {names}"
    return dict(pairs)


@pytest.mark.parametrize("file", FILES)
def test_json_objects_have_no_duplicate_names(file: str) -> None:
    with Path(file).open() as text:
        json.load(text, object_pairs_hook=refuse_twins)
