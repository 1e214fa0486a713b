"""
The result of the checks: as an object, as JSON (result.schema.json), and as lines for a person.

`scripts/check --json` prints the JSON. The service reads it back, and the terminal and the page
show the same lines as `scripts/check`. A difference that several events have is printed once.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from lambda_live.checks.comparison import MISSING, Difference, compact_json
from lambda_live.checks.function_response import CheckError

type Outcome = Literal["passed", "failed", "new", "waiting"]
"""`new` has no expected response yet. `waiting` was not sent, because its code does not load."""

WIDTH = 80
MAX_ROWS = 8
_PREFIX_WIDTH = 11
"""Columns that "N events: " takes."""
_CONTEXT_WIDTH = 12
"""Characters before a change that are shown if the text in front of it is longer."""
_MAX_TEXT_LENGTH = 20_000
"""Of longer texts the start is shown instead of the change."""


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """The code of one function. `is_loaded` is None while it is loading."""

    name: str
    code_sha256: str
    is_loaded: bool | None
    error: CheckError | None

    def to_json(self) -> dict[str, Any]:
        """Return it as result.schema.json describes it."""
        fields = asdict(self)
        fields["loaded"] = fields.pop("is_loaded")
        return fields

    def problem(self) -> str | None:
        """Return why the code does not load, if it does not."""
        if (error := self.error) is None:
            return None
        if error.file is not None and error.line is None:  # the message names the file
            return " ".join(error.message.split())
        where = f"{error.file}:{error.line}" if error.file is not None else error.type
        return " ".join(f"{where}: {error.message}".split())


@dataclass(frozen=True, slots=True)
class Check:
    """One event, and how its response compares with the expected one."""

    event: str
    function: str
    outcome: Outcome
    differences: Sequence[Difference] = ()
    error: CheckError | None = None
    response: Any = None
    request_id: str | None = None
    duration_ms: float | None = None
    init_ms: float | None = None
    round_trip_ms: float | None = None
    log: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The event's file without `events/`."""
        return "/".join(self.event.split("/")[-2:]).removeprefix("events/")

    def to_json(self) -> dict[str, Any]:
        """Return it as result.schema.json describes it."""
        fields = asdict(self)
        fields["result"] = fields.pop("outcome")
        fields["differences"] = [
            {name: each for name, each in difference.items() if each is not MISSING}
            for difference in fields["differences"]
        ]
        return fields

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the check that `to_json` wrote."""
        rest = {name: each for name, each in value.items() if name != "result"}
        differences = [Difference(**each) for each in value["differences"]]
        error = CheckError.from_json(value["error"])
        return cls(
            **rest | {"outcome": value["result"], "differences": differences, "error": error}
        )

    def problems(self, width: int | None) -> Iterator[str]:
        """Yield what is wrong, one row each. None as width is unlimited."""
        if (error := self.error) is not None:
            place = f" ({error.file}:{error.line})" if error.file else ""
            text = " ".join(f"{error.type}: {error.message}".split())
            yield _clipped(text, width and width - len(place)) + place
            if error.advice:
                yield error.advice
        elif self.outcome == "new":
            yield "no expected response yet (--accept writes it)"
        else:
            for each in self.differences:
                yield f"{each.path}: {_change(each, width and width - len(each.path) - 2)}"

    def line(self, name_width: int) -> str:
        """Return the outcome, the event and what is wrong or how long it took, in one line."""
        found = list(self.problems(None))
        if self.outcome == "passed":
            text = "" if self.duration_ms is None else f"{self.duration_ms:.0f} ms"
        else:
            text = found[0] + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")
        return f"{self.outcome:7} {self.name:{name_width}} {text}".rstrip()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one run of the checks. `reason` says why nothing could be checked."""

    url: str
    functions: Sequence[FunctionCode] = ()
    checks: Sequence[Check] = ()
    timings: dict[str, float] | None = None
    reason: str | None = None
    as_expected: bool = field(init=False)

    def __post_init__(self) -> None:
        """Derive whether the code loaded and each check passed."""
        is_loaded = all(each.is_loaded is not False for each in self.functions)
        is_passed = all(each.outcome == "passed" for each in self.checks)
        object.__setattr__(self, "as_expected", self.reason is None and is_loaded and is_passed)

    def to_json(self) -> dict[str, Any]:
        """Return the result as result.schema.json describes it."""
        return {
            "as_expected": self.as_expected,
            "reason": self.reason,
            "url": self.url,
            "functions": [each.to_json() for each in self.functions],
            "checks": [each.to_json() for each in self.checks],
            "timings": self.timings,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the result that `to_json` wrote. Raises KeyError, TypeError for other JSON."""
        functions = [
            FunctionCode(
                each["name"],
                each["code_sha256"],
                each["loaded"],
                CheckError.from_json(each["error"]),
            )
            for each in value["functions"]
        ]
        checks = [Check.from_json(each) for each in value["checks"]]
        return cls(value["url"], functions, checks, value["timings"], value["reason"])

    def summary(self) -> str:
        """Return one line about all checks."""
        waiting = sum(each.outcome == "waiting" for each in self.checks)
        passed = sum(each.outcome == "passed" for each in self.checks)
        sent = len(self.checks) - waiting
        if not self.checks:
            return "No checks yet. Add one to events/."
        parts = [f"{passed} of {sent} events as expected"] * (sent > 0)
        return ", ".join([*parts, *[waiting_text(waiting)] * (waiting > 0)])

    @property
    def load_problems(self) -> list[str]:
        """Why code does not load."""
        return [problem for each in self.functions if (problem := each.problem()) is not None]

    def rows(
        self, width: int | None = WIDTH, max_rows: int | None = MAX_ROWS, *, is_named: bool = True
    ) -> list[str]:
        """
        Return what is wrong: code that does not load, then differences, each with its events.

        None as width or number of rows is unlimited. Unless `is_named`, events are only counted.
        """
        groups = self._groups(width and width - _PREFIX_WIDTH)
        shown = list(groups.items())[:max_rows]
        rows = [row for group in shown for row in self._group_rows(group, width, is_named=is_named)]
        if (left := len(groups) - len(shown)) > 0:
            rows.append(f"and {left} other difference{'s' * (left > 1)} (--full shows each)")
        return [*self.load_problems, *rows]

    def lines(self) -> list[str]:
        """Return code that does not load, then a line for each event that was sent."""
        sent = [each for each in self.checks if each.outcome != "waiting"]
        width = max((len(each.name) for each in sent), default=0)
        return [*self.load_problems, *(each.line(width) for each in sent)]

    def _groups(self, width: int | None) -> dict[str, list[tuple[Check, int]]]:
        """Return the checks that have each problem, with its index among the check's problems."""
        groups: dict[str, list[tuple[Check, int]]] = {}
        for check in self.checks:
            if check.outcome in ("failed", "new"):
                for index, problem in enumerate(check.problems(width)):
                    groups.setdefault(problem, []).append((check, index))
        return groups

    def _group_rows(
        self, group: tuple[str, list[tuple[Check, int]]], width: int | None, *, is_named: bool
    ) -> list[str]:
        problem, members = group
        if len(members) == 1:
            check, index = members[0]
            name = check.name
            problems = list(check.problems(width and width - len(name) - 2))
            return [f"{name}: {problems[index]}"]
        rows = [f"{len(members)} events: {problem}"]
        if is_named and len(members) < len(self.checks):
            rows.append(_names([check.name for check, _ in members], width))
        return rows


def waiting_text(count: int) -> str:
    """Return how many events wait."""
    return f"{count} event{'s wait' if count != 1 else ' waits'} for code that loads"


def _clipped(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else f"{text[: max(width - 1, 0)]}…"


def _names(names: Sequence[str], width: int | None) -> str:
    """Return as many names as fit into a row, and how many more there are."""
    row, shown = "  ", 0
    for index, name in enumerate(names, 1):
        following = name if index == len(names) else f"{name}, "
        if width is not None and len(row + following) > width - 12:
            break
        row, shown = row + following, index
    return row + (f"and {len(names) - shown} more" if shown < len(names) else "")


def _change(difference: Difference, width: int | None) -> str:
    expected, actual = difference.expected, difference.actual
    if expected is MISSING:
        return f"not expected: {_clipped(compact_json(actual), width)}"
    if actual is MISSING:
        return f"missing: {_clipped(compact_json(expected), width)}"
    half = None if width is None else (width - 3) // 2
    if half is not None and _is_short_text(expected) and _is_short_text(actual):
        return _changed_text(expected, actual, half)
    return " → ".join(_clipped(compact_json(each), half) for each in (expected, actual))


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) < _MAX_TEXT_LENGTH


def _changed_text(expected: str, actual: str, width: int) -> str:
    start = _common_length(expected, actual)
    same_end = _common_length(expected[start:][::-1], actual[start:][::-1])
    texts = (expected, actual)
    return " → ".join(_excerpt(text, start, len(text) - same_end, width) for text in texts)


def _common_length(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, pair in pairs if pair[0] != pair[1]), min(len(one), len(other)))


def _excerpt(text: str, start: int, end: int, width: int) -> str:
    """Return the changed part of a text, with a word before it and one after."""
    after = re.match(r"\S*(?:\s+\S+)?", text[end:])
    before = re.search(r"(?:\S+\s+)?\S*\Z", text[:start])
    first = start - len(before[0]) if before and start > _CONTEXT_WIDTH else 0
    first = max(first, start - _CONTEXT_WIDTH)
    last = end + len(after[0] if after else "")
    shown = "…" * (first > 0) + text[first:last] + "…" * (last < len(text))
    return compact_json(_clipped(shown, width - 2))
