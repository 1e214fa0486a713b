"""Tables as Markdown."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

_HEAD = ("figure", "lambda_live", "emulator", "smyth", "limit", "ratio", "target", "")
_NONE = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of each server; `reached` is None if it has no target."""

    figure: str
    local: str
    emulator: str = _NONE
    smyth: str = _NONE
    limit: str = _NONE
    ratio: str = _NONE
    target: str = _NONE
    reached: bool | None = None


def _verdict(reached: object) -> str:
    return {True: "ok", False: "MISSED"}.get(bool(reached), "") if reached is not None else ""


def format_rows(rows: Sequence[Row]) -> str:
    """Return the table of a run."""
    return format_table(
        _HEAD, [(*map(str, astuple(row)[:-1]), _verdict(row.reached)) for row in rows]
    )


def format_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a table with aligned columns."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)
