"""What a template is read with, beside its own text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lambda_live.project.template.document import Value


def _nothing(*_: str) -> Value:
    return None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    The `path` of a nested stack is SAM CLI's, as `Outer/Inner`; the root's is empty.

    `overrides` are a person's: of parameters by `NAME`, of attributes by `LogicalId.Attribute`;
    those by which it is `deployed` count where a parameter has no value else.
    `given` is what the parent has for a parameter, `outputs` what a nested stack has, by the names
    of both, and `exports` what another stack exports by a name; `included` is
    what a file beside the template has. None is nothing.
    """

    overrides: Mapping[str, str]
    region: str
    path: str = ""
    deployed: Mapping[str, str] = field(default_factory=dict)
    given: Callable[[str], Value] = _nothing
    outputs: Callable[[str, str], Value] = _nothing
    exports: Callable[[str], Value] = _nothing
    included: Callable[[str], Value] = _nothing

    @property
    def stack(self) -> str:
        """The name of the stack; AWS adds a text by chance to a nested one's."""
        return "-".join(filter(None, ("local", *self.path.split("/"))))

    def full(self, name: str) -> str:
        """Return the name as it is known outside the stack."""
        return f"{self.path}/{name}" if self.path else name

    def overrides_of(self, nested: str) -> dict[str, str]:
        """Return those of a nested stack."""
        start = f"{nested}/"
        given = self.overrides.items()
        return {name.removeprefix(start): value for name, value in given if name.startswith(start)}
