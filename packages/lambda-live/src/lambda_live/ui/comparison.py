"""What was answered before a save, and what after it."""

from dataclasses import dataclass

from lambda_live.checks.comparison import equivalent
from lambda_live.ui.preview import preview
from lambda_live.ui.rows import InvocationRow

_SHORT = 12


@dataclass(slots=True)
class Comparison:
    """One invocation on the code before a save and on the code after it."""

    before: InvocationRow
    after: InvocationRow | None
    is_pinned: bool
    skip_reason: str = ""

    @property
    def has_changed(self) -> bool:
        """Whether the answer is another one."""
        return self.after is not None and not _is_same_response(self.before, self.after)

    @property
    def has_failed(self) -> bool:
        """Whether the new code answers with an error."""
        return self.after is not None and self.after.report.error_type is not None

    def summary(self) -> dict[str, object]:
        """Return what a list shows."""
        return {
            "call": self.before.label,
            "preview": preview(self.before.label, self.before.event),
            "before": self.before.id,
            "after": self.after.id if self.after else None,
            "pinned": self.is_pinned,
            "changed": self.has_changed,
            "whyNot": self.skip_reason,
        }

    def detail(self) -> dict[str, object]:
        """Return both answers."""
        rows = {"beforeRow": self.before.detail()}
        if self.after is not None:
            rows["afterRow"] = self.after.detail()
        return self.summary() | rows


@dataclass(slots=True, eq=False)
class ReplayRow:
    """What the answers were before and after a save."""

    id: int
    function: str
    at: float
    elapsed_ms: float
    code_sha256: str
    comparisons: list[Comparison]

    @property
    def changed_labels(self) -> list[str]:
        """How those were called whose answer is another one now."""
        return [each.before.label for each in self.comparisons if each.has_changed]

    @property
    def size(self) -> int:
        """Part of Row: what its invocations hold when they are forgotten themselves."""
        rows = [row for each in self.comparisons for row in (each.before, each.after) if row]
        return sum(row.size for row in rows)

    def summary(self) -> dict[str, object]:
        """Part of Row."""
        return {
            "kind": "replay",
            "id": self.id,
            "function": self.function,
            "at": round(self.at * 1000),
            "tookMs": round(self.elapsed_ms),
            "code": self.code_sha256[:_SHORT],
            "count": len(self.comparisons),
            "changed": self.changed_labels,
            "failing": sum(each.has_changed and each.has_failed for each in self.comparisons),
            "notRun": sum(each.after is None for each in self.comparisons),
        }

    def detail(self) -> dict[str, object]:
        """Part of Row."""
        return self.summary() | {"comparisons": [each.detail() for each in self.comparisons]}


def _is_same_response(one: InvocationRow, other: InvocationRow) -> bool:
    """Whether both answers say the same, or are the same error."""
    if one.report.error_type is not None or other.report.error_type is not None:
        return (one.report.error_type, one.message) == (other.report.error_type, other.message)
    if one.response == other.response:
        return True
    try:
        return equivalent(one.response.parse(), other.response.parse())
    except ValueError:
        return False
