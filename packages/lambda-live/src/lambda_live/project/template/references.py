"""Resolve a name in a template: a parameter, a pseudo parameter or a resource."""

import shlex
from collections.abc import Callable

from lambda_live.project.document import Array, Document, Object, Value
from lambda_live.project.template.resource_names import ResourceNames
from lambda_live.project.template.stack_context import StackContext
from lambda_live.project.template.template_notices import TemplateNotices
from lambda_live.project.template.values import Unresolved, as_text, is_custom

_IMPLICIT = ("ServerlessRestApi", "ServerlessHttpApi")
"""The APIs that SAM adds for events."""

_SSM_VALUE = "AWS::SSM::Parameter::Value"


class References:
    """Resolves names, and records one notice for each name without a value."""

    def __init__(
        self, document: Document, context: StackContext, resolve: Callable[[Value], Value]
    ) -> None:
        self.names = ResourceNames(document, context.account, resolve)
        self.notices = TemplateNotices(document.path)
        self._context = context
        self._overrides = context.overrides
        self._parameters = document.section("Parameters")
        self._resources = document.section("Resources")
        account, stack = context.account, context.stack_name
        owner = f"{account.region}:{account.account_id}"
        self._pseudo_parameters = {
            "AWS::AccountId": account.account_id,
            "AWS::NoValue": None,
            "AWS::Partition": account.partition,
            "AWS::Region": account.region,
            "AWS::StackName": stack,
            "AWS::StackId": f"arn:{account.partition}:cloudformation:{owner}:stack/{stack}/{stack}",
            "AWS::URLSuffix": account.url_suffix,
        }

    def override(self, name: str) -> str | None:
        """Return the user's value for a name."""
        return self._overrides.get(name)

    def ref(self, name: str) -> Value:
        """Return the value of `Ref`: a parameter's value or a resource's name."""
        if name in self._pseudo_parameters:
            return self._overrides.get(name, self._pseudo_parameters[name])
        if name in self._parameters:
            return self._parameter(name, self._parameters[name])
        if name in self._overrides:
            return self._overrides[name]
        is_known = isinstance(self._resources.get(name), Object)
        value = self.names.ref(name) if is_known else self.names.generated_by_sam(name)
        if value is not None:
            return value
        is_generated = is_known or name in _IMPLICIT
        what = "only known after deployment" if is_generated else "not defined in the template"
        return self.unresolved(name, f"{name} is {what}")

    def attribute(self, logical_id: str, attribute: str) -> str:
        """Return the value of `GetAtt`, if it follows from the resource's name."""
        name = f"{logical_id}.{attribute}"
        if name in self._overrides:
            return self._overrides[name]
        value: Value
        if attribute.startswith("Outputs."):
            value = self._context.nested_output(logical_id, attribute.removeprefix("Outputs."))
        else:
            value = self.names.attribute(logical_id, attribute)
            if value is None and is_custom(self.names.type_of(logical_id)):
                value = self._context.stored(f"attribute:{self._context.qualified_name(name)}")
        if value is None:
            return self.unresolved(name, f"{name} is only known after deployment")
        return as_text(value)

    def unresolved(self, name: str, problem: str, line: int | None = None) -> Unresolved:
        """Record that a name has no value, and how the user sets it."""
        option = shlex.quote(f"{self._context.qualified_name(name)}=VALUE")
        hint = f"set it with --parameter {option}"
        if self.notices.variable:
            hint += f", or {self.notices.variable} in .env"
        self.notices.add(line or self.notices.line, f"{problem}; {hint}", name)
        return Unresolved(name)

    def placeholder(self, name: str, notice: str) -> Unresolved:
        """Record a notice about a name that the user cannot set."""
        self.notices.add(self.notices.line, notice, name)
        return Unresolved(name)

    def _parameter(self, name: str, parameter: Value) -> Value:
        declared = parameter if isinstance(parameter, Object) else Object(0)
        override = self._overrides.get(name, self._context.parent_parameter(name))
        kind = str(declared.get("Type"))
        value = declared.get("Default") if override is None else override
        if value is None:
            value = self._context.deployed.get(name)
        line = self._parameters.line_of(name)
        if value is None:
            return self.unresolved(name, f"parameter {name} has no default", line)
        if name not in self._overrides and kind.startswith(_SSM_VALUE):
            stored = self._context.stored(f"resolve:ssm:{as_text(value)}")
            if stored is None:
                problem = f"parameter {name} is read from SSM ({as_text(value)})"
                return self.unresolved(name, problem, line)
            value = stored
        if isinstance(value, Unresolved):
            return value
        kind = kind.removeprefix(_SSM_VALUE).strip("<>")
        if isinstance(value, str) and (kind == "CommaDelimitedList" or kind.startswith("List<")):
            value = Array(declared.line, map(str.strip, value.split(",")))
        self._check_allowed(name, declared, value)
        return value

    def _check_allowed(self, name: str, parameter: Object, value: Value) -> None:
        allowed = parameter.get("AllowedValues")
        if not isinstance(allowed, Array):
            return
        for each in value if isinstance(value, Array) else [value]:
            if each not in allowed:
                problem = f"AWS rejects {as_text(each)} as the parameter {name}"
                notice = f"{problem}; AllowedValues has {as_text(allowed)}"
                line = parameter.line_of("AllowedValues")
                self.notices.add(line, notice, f"{name} {as_text(each)}")
