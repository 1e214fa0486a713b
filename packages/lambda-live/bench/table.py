"""The table that a run prints."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

_HEAD = ("figure", "lambda_live", "emulator", "smyth", "limit", "ratio", "must reach", "")
_NONE = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure against its peers; `reached` is None where nothing is asked of it."""

    figure: str
    local: str
    emulator: str = _NONE
    smyth: str = _NONE
    limit: str = _NONE
    ratio: str = _NONE
    must: str = _NONE
    reached: bool | None = None


def _verdict(reached: object) -> str:
    return {True: "reached", False: "MISSED"}.get(bool(reached), "") if reached is not None else ""


def text(rows: Sequence[Row]) -> str:
    """Return the table as Markdown that is also legible as it is."""
    return markdown(_HEAD, [(*map(str, astuple(row)[:-1]), _verdict(row.reached)) for row in rows])


def markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return any table so."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)
