"""Resolve a name in a template: a parameter, a pseudo parameter or a resource."""

import json
import re
import shlex
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from lambda_live.model.function import Account
from lambda_live.model.template_error import place_of
from lambda_live.project.cdk.stacks import construct_ids
from lambda_live.project.document import Array, Document, Object, Value


class Unresolved(str):
    """Placeholder text for a value that is known only after deployment."""

    __slots__ = ()


# Where Ref is not the name. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
_MACHINE_ARN = "arn:{partition}:states:{region}:{account}:stateMachine:{name}"
_BUCKET = "AWS::S3::Bucket"
_LAYER_ARN = "arn:{partition}:lambda:{region}:{account}:layer:{name}:1"
_SECRETS = "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}"
_REFS = {
    "AWS::Lambda::LayerVersion": _LAYER_ARN,
    "AWS::Serverless::LayerVersion": _LAYER_ARN,
    "AWS::SNS::Topic": "arn:{partition}:sns:{region}:{account}:{name}",
    "AWS::SecretsManager::Secret": _SECRETS,
    "AWS::SQS::Queue": "https://sqs.{region}.{suffix}/{account}/{name}",
    "AWS::StepFunctions::StateMachine": _MACHINE_ARN,
    "AWS::Serverless::StateMachine": _MACHINE_ARN,
}
_GENERATED = re.compile(
    r"AWS::("
    r"(Cognito|EC2|EFS|AppConfig|Batch|Bedrock|ElasticLoadBalancingV2)::\w+"
    r"|ApiGateway::(RestApi|ApiKey|UsagePlan)|ApiGatewayV2::Api"
    r"|Serverless::(Api|HttpApi|GraphQLApi|WebSocketApi)"
    r"|AppSync::GraphQLApi|CertificateManager::Certificate|CloudFront::Distribution"
    r"|ECS::(Service|TaskDefinition)|IAM::(AccessKey|ManagedPolicy)|KMS::Key"
    r"|Lambda::EventSourceMapping|OpenSearchServerless::\w+|Pinpoint::App|RDS::DBProxy"
    r"|Route53::HostedZone|SNS::Subscription|ServiceDiscovery::\w+|StepFunctions::Activity"
    r")"
)
"""Types whose Ref is an ID or an ARN that AWS generates."""

_IMPLICIT = ("ServerlessRestApi", "ServerlessHttpApi")
"""The APIs that SAM adds for events."""

_FUNCTION_ARN = "arn:{partition}:lambda:{region}:{account}:function:{name}"
_TABLE_ARN = "arn:{partition}:dynamodb:{region}:{account}:table/{name}"
_STREAM_LABEL = "2024-01-01T00:00:00.000"
"""AWS's label is the time at which the stream was enabled."""

_ARNS = {
    "AWS::DynamoDB::GlobalTable": _TABLE_ARN,
    "AWS::DynamoDB::Table": _TABLE_ARN,
    "AWS::Events::EventBus": "arn:{partition}:events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "arn:{partition}:events:{region}:{account}:rule/{name}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{name}",
    "AWS::Kinesis::Stream": "arn:{partition}:kinesis:{region}:{account}:stream/{name}",
    "AWS::Lambda::Function": _FUNCTION_ARN,
    "AWS::S3::Bucket": "arn:{partition}:s3:::{name}",
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{name}",
    "AWS::Serverless::Function": _FUNCTION_ARN,
    "AWS::Serverless::SimpleTable": _TABLE_ARN,
}
_ATTRIBUTES = {
    # the resource of the path /, which has no name
    ("AWS::ApiGateway::RestApi", "RootResourceId"): "{name}",
    ("AWS::DynamoDB::GlobalTable", "StreamArn"): f"{_TABLE_ARN}/stream/{_STREAM_LABEL}",
    ("AWS::DynamoDB::Table", "StreamArn"): f"{_TABLE_ARN}/stream/{_STREAM_LABEL}",
    ("AWS::SQS::Queue", "QueueName"): "{name}",
    ("AWS::SQS::Queue", "QueueUrl"): _REFS["AWS::SQS::Queue"],
    ("AWS::SNS::Topic", "TopicName"): "{name}",
    ("AWS::SecretsManager::Secret", "Id"): _REFS["AWS::SecretsManager::Secret"],
    ("AWS::SNS::Topic", "TopicArn"): _REFS["AWS::SNS::Topic"],
    **{((kind), "Arn"): arn for kind, arn in (_REFS | _ARNS).items() if arn.startswith("arn")},
}
_NAME_PROPERTIES = {
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Lambda::Alias": "Name",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Events::Rule": "Name",
    "AWS::SSM::Parameter": "Name",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::Serverless::LayerVersion": "LayerName",
    "AWS::Serverless::SimpleTable": "TableName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Serverless::StateMachine": "Name",
}
_SSM_VALUE = "AWS::SSM::Parameter::Value"
_SUB_VARIABLE = re.compile(r"\$\{([^!}.]+)")
_NAME = re.compile(r"[\w.-]+")
_ALIAS, _VERSION = "AWS::Lambda::Alias", "AWS::Lambda::Version"
_SAM_FUNCTION = "AWS::Serverless::Function"
_SAM_RULES = ("CloudWatchEvent", "EventBridgeRule", "Schedule", "ScheduleV2")
_SAM_VERSION = re.compile(r"\.?Version([0-9a-f]{10})?")
FIRST_VERSION = "1"
_PUBLISHED_ATTRIBUTES = ((_ALIAS, "AliasArn"), (_VERSION, "FunctionArn"), (_VERSION, "Version"))

_is_muted: ContextVar[bool] = ContextVar("_is_muted", default=False)


@contextmanager
def muted() -> Iterator[None]:
    """Record no notice: the value is only compared, and need not be known."""
    token = _is_muted.set(True)
    try:
        yield
    finally:
        _is_muted.reset(token)


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


class References:
    """Resolves names, and records one notice for each name without a value."""

    def __init__(
        self, document: Document, context: StackContext, resolve: Callable[[Value], Value]
    ) -> None:
        region, account = context.account.region, context.account.account_id
        stack = context.stack_name
        self._document = document
        self._context = context
        self._overrides = context.overrides
        self._resolve = resolve
        self._parameters = document.section("Parameters")
        self._resources = document.section("Resources")
        self._construct_ids = construct_ids(self._resources)
        self._arn_fields = {
            "partition": context.account.partition,
            "region": region,
            "account": account,
            "suffix": context.account.url_suffix,
        }
        stack_arn = f"arn:{context.account.partition}:cloudformation"
        self._pseudo_parameters = {
            "AWS::AccountId": account,
            "AWS::NoValue": None,
            "AWS::Partition": self._arn_fields["partition"],
            "AWS::Region": region,
            "AWS::StackName": stack,
            "AWS::StackId": f"{stack_arn}:{region}:{account}:stack/{stack}/{stack}",
            "AWS::URLSuffix": context.account.url_suffix,
        }
        self._line: int | None = None
        self._variable = ""
        self._notes: dict[str, tuple[int | None, str]] = {}
        self._new_names: dict[str, str] = {}

    @property
    def line(self) -> int | None:
        """The line to which notices are attributed."""
        return self._line

    @contextmanager
    def at_line(self, line: int) -> Iterator[None]:
        """Attribute the notices to this line, unless an inner call has a line of its own."""
        before, self._line = self._line, line
        try:
            yield
        finally:
            self._line = before

    @contextmanager
    def in_variable(self, name: str) -> Iterator[None]:
        """Name an environment variable in the notices, because `.env` can set it."""
        self._variable = name
        try:
            yield
        finally:
            self._variable = ""

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
        if isinstance(resource := self._resources.get(name), Object):
            return self._resource_ref(name, resource)
        if (generated := self._generated_by_sam(name)) is not None:
            return generated
        is_implicit = name in _IMPLICIT
        what = "is only known after deployment" if is_implicit else "is not defined in the template"
        return self.unresolved(name, f"{name} {what}")

    def _resource_ref(self, logical_id: str, resource: Object) -> str:
        kind = str(resource.get("Type"))
        if kind in (_ALIAS, _VERSION):
            return self._published_arn(logical_id, resource)
        if _GENERATED.fullmatch(kind):
            return self.unresolved(logical_id, f"{logical_id} is only known after deployment")
        pattern = _REFS.get(kind, "{name}")
        return pattern.format(name=self.name_of(logical_id), **self._arn_fields)

    def function_arn(self, function: str) -> str:
        """Return the unqualified ARN of a function, given by its name or by any ARN of it."""
        parts = function.split(":")
        if parts[0] == "arn":
            return ":".join(parts[:7])
        return self._context.account.function_arn(parts[0])

    def _published_arn(self, logical_id: str, resource: Object) -> str:
        """Return the ARN of an AWS::Lambda::Alias or AWS::Lambda::Version."""
        function = self._function_of(resource)
        is_alias = resource.get("Type") == _ALIAS
        name = self.name_of(logical_id) if is_alias else self._version_of(logical_id, function)
        arn = f"{self.function_arn(function)}:{name}"
        return Unresolved(arn) if isinstance(function, Unresolved) else arn

    def _function_of(self, published: Object) -> str:
        properties = published.get("Properties")
        name = properties.get("FunctionName") if isinstance(properties, Object) else None
        value = self._resolve(name)
        return value if isinstance(value, Unresolved) else as_text(value)

    def _version_of(self, logical_id: str, function: str) -> str:
        """Return a version's number: AWS counts the versions of each function from 1."""
        number = 0
        for name, each in self._resources.items():
            if isinstance(each, Object) and each.get("Type") == _VERSION:
                number += self._function_of(each) == function
            if name == logical_id:
                break
        return str(number)

    def _generated_by_sam(self, name: str) -> str | None:
        """
        Return what SAM generates for a function: the ARN of an alias or version, a rule's name.

        https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
        """
        for function, resource in self._resources.items():
            rest = name.removeprefix(function)
            is_sam = isinstance(resource, Object) and resource.get("Type") == _SAM_FUNCTION
            if rest == name or not is_sam:
                continue
            alias = self._sam_alias(function)
            if rest == ".Alias" or (alias and rest == f"Alias{alias}"):
                return f"{self.attribute(function, 'Arn')}:{alias or '$LATEST'}"
            if _SAM_VERSION.fullmatch(rest):
                return f"{self.attribute(function, 'Arn')}:{FIRST_VERSION if alias else '$LATEST'}"
            if _member(resource, "Properties", "Events", rest, "Type") in _SAM_RULES:
                return name
        return None

    def _sam_alias(self, function: str) -> str:
        resource, general = self._resources[function], self._document.section("Globals")
        for each in (resource, general):
            key = "Properties" if each is resource else "Function"
            properties = each.get(key) if isinstance(each, Object) else None
            if isinstance(properties, Object) and "AutoPublishAlias" in properties:
                return as_text(self._resolve(properties["AutoPublishAlias"]))
        return ""

    def attribute(self, logical_id: str, attribute: str) -> str:
        """Return the value of `GetAtt`, if it follows from the resource's name."""
        name = f"{logical_id}.{attribute}"
        if name in self._overrides:
            return self._overrides[name]
        if attribute.startswith("Outputs."):
            return self._output(logical_id, attribute.removeprefix("Outputs."))
        resource = self._resources.get(logical_id)
        kind = str(resource.get("Type")) if isinstance(resource, Object) else ""
        if isinstance(resource, Object) and (kind, attribute) in _PUBLISHED_ATTRIBUTES:
            arn = self._published_arn(logical_id, resource)
            return arn.rpartition(":")[2] if attribute == "Version" else arn
        if pattern := _ATTRIBUTES.get((kind, attribute)):
            return pattern.format(name=self.name_of(logical_id), **self._arn_fields)
        value = self._generated_by_sam(name)
        if value is None and is_custom(kind):
            value = self._context.stored(f"attribute:{self._context.qualified_name(name)}")
        if value is None:
            return self.unresolved(name, f"{name} is only known after deployment")
        return value

    def _output(self, logical_id: str, output: str) -> str:
        value = self._context.nested_output(logical_id, output)
        if value is None:
            name = f"{logical_id}.Outputs.{output}"
            return self.unresolved(name, f"{name} is only known after deployment")
        return value if isinstance(value, Unresolved) else as_text(value)

    def name_of(self, logical_id: str) -> str:
        """Return a resource's name: from the template, else from CDK, else its logical ID."""
        if logical_id in self._new_names:
            return self._new_names[logical_id]
        resource = self._resources.get(logical_id)
        properties = resource.get("Properties") if isinstance(resource, Object) else None
        kind = str(resource.get("Type")) if isinstance(resource, Object) else ""
        generated = self._generated_name(kind, logical_id, properties)
        if not isinstance(properties, Object):
            return generated
        name = properties.get(_NAME_PROPERTIES.get(kind, f"{kind.rpartition('::')[2]}Name"))
        value = self._resolve(name)
        if isinstance(value, Unresolved):
            if not _NAME.fullmatch(value):
                return generated
            if kind == _BUCKET:
                return value.lower()  # other names are invalid
        return as_text(value) or generated

    def _generated_name(self, kind: str, logical_id: str, properties: Value) -> str:
        """Return a name for a resource without one; AWS adds the stack and a random suffix."""
        name = self.id_in_code(logical_id)
        if kind == _BUCKET:
            return name.lower()
        is_fifo = isinstance(properties, Object) and "true" in (
            self._resolve(properties.get("FifoQueue")),
            self._resolve(properties.get("FifoTopic")),
        )
        return f"{name}.fifo" if is_fifo else name

    def rename(self, logical_id: str, name: str) -> None:
        """Give a resource another name."""
        self._new_names[logical_id] = name

    def id_in_code(self, logical_id: str) -> str:
        """Return the construct ID from the CDK code, or the logical ID without CDK."""
        return self._construct_ids.get(logical_id, logical_id)

    def unresolved(self, name: str, problem: str, line: int | None = None) -> Unresolved:
        """Record that a name has no value, and how the user sets it."""
        option = shlex.quote(f"{self._context.qualified_name(name)}=VALUE")
        hint = f"set it with --parameter {option}"
        if self._variable:
            hint += f", or {self._variable} in .env"
        self.note(line or self._line, f"{problem}; {hint}", name)
        return Unresolved(name)

    def placeholder(self, name: str, notice: str) -> Unresolved:
        """Record a notice about a name that the user cannot set."""
        self.note(self._line, notice, name)
        return Unresolved(name)

    def note(self, line: int | None, notice: str, subject: str | None = None) -> None:
        """Record a notice, `PROBLEM; HINT`, once for each line, or for each subject."""
        if not _is_muted.get():
            self._notes.setdefault(subject or f"{line}: {notice}", (line, notice))

    def notices(self) -> Iterator[str]:
        """Yield the notices as `PATH:LINE: PROBLEM; HINT`."""
        for line, notice in self._notes.values():
            yield f"{place_of(self._document.path, line)}: {notice}"

    def why(self, value: Unresolved) -> str:
        """Return the notice about a value without its place."""
        _, notice = self._notes.get(value) or (None, "")
        parts = (each for key, (_, each) in self._notes.items() if key in value)
        return notice or next(parts, "it is only known after deployment")

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
                self.note(parameter.line_of("AllowedValues"), notice, f"{name} {as_text(each)}")


def _member(value: Value, *keys: str) -> Value:
    """Return a nested value, None if a mapping on the way has no such key."""
    for key in keys:
        value = value.get(key) if isinstance(value, Object) else None
    return value


def is_custom(kind: str) -> bool:
    """Whether a type is that of a custom resource, which a function creates."""
    return kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"


def as_text(value: Value) -> str:
    """Return a value as the text that CloudFormation would use."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Array):
        return ",".join(map(as_text, value))
    return json.dumps(value)


def referenced_id(value: Value) -> str | None:
    """Return the logical ID that a value refers to by `Ref`, `GetAtt`, `Sub` or text."""
    match value:
        case str():
            return value.removeprefix("${").partition("}")[0].partition(".")[0]
        case {"Ref": str() as name} | {"Fn::GetAtt": [str() as name, *_]}:
            return name
        case {"Fn::Sub": str() as text}:
            names = (name for name in _SUB_VARIABLE.findall(text) if not name.startswith("AWS::"))
            return next(names, referenced_id(text))
        case {"Fn::GetAtt": str() as text}:
            return referenced_id(text)
        case {"Fn::Join": [_, Array() as items]}:
            return next((referenced_id(item) for item in items if isinstance(item, Object)), None)
        case _:
            return None
