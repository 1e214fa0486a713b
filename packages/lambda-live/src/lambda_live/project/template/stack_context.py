"""What a stack's values depend on besides its template."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from lambda_live.model.function import Account
from lambda_live.project.document import Value


def _no_value(*_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class StackContext:
    """
    What a stack's values depend on besides its template.

    `path` is empty for the root stack, and `Outer/Inner` for a nested one, as in SAM CLI.
    `overrides` come from the user: parameters as `NAME`, attributes as `LogicalId.Attribute`.
    `local_variables(FUNCTION)` has the environment variables that `.env` sets for a function.
    `deployed` has the parameters of the last deployment; they apply after the defaults.
    The callables return None if there is no value: `parent_parameter(NAME)` is what the parent
    stack passes, `nested_output(LOGICAL_ID, OUTPUT)` the output of a nested stack,
    `exported(NAME)` the export of another stack, `included(FILE)` the content of an included file,
    `stored(REFERENCE)` a value in a service of AWS: see `StoredValues`.
    """

    overrides: Mapping[str, str]
    account: Account
    path: str = ""
    local_variables: Callable[[str], Container[str]] = lambda _: ()
    deployed: Mapping[str, str] = field(default_factory=dict)
    parent_parameter: Callable[[str], Value] = _no_value
    nested_output: Callable[[str, str], Value] = _no_value
    exported: Callable[[str], Value] = _no_value
    included: Callable[[str], Value] = _no_value
    stored: Callable[[str], str | None] = _no_value

    @property
    def stack_name(self) -> str:
        """The stack's name, without the random suffix that AWS adds to a nested stack."""
        return "-".join(filter(None, ("local", *self.path.split("/"))))

    def qualified_name(self, name: str) -> str:
        """Return a name with the path of the nested stack before it, as `Outer/Inner/NAME`."""
        return f"{self.path}/{name}" if self.path else name

    def overrides_for(self, nested: str) -> dict[str, str]:
        """Return the overrides for a nested stack."""
        start = f"{nested}/"
        overrides = self.overrides.items()
        return {
            name.removeprefix(start): value for name, value in overrides if name.startswith(start)
        }
