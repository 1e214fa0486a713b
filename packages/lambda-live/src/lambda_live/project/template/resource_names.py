"""The names, ARNs and attributes of a template's resources."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from lambda_live.model.function import Account
from lambda_live.project.cdk.stacks import construct_ids
from lambda_live.project.document import Document, Object, Value, load_table
from lambda_live.project.template.values import Unresolved, as_text

_TYPES: Mapping[str, Mapping[str, str]] = load_table(
    Path(__file__).with_name("resource_names.yaml")
)
_FUNCTION_ARN = "arn:{partition}:lambda:{region}:{account}:function:{name}"
_BUCKET = "AWS::S3::Bucket"
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

_NAME = re.compile(r"[\w.-]+")
_ALIAS, _VERSION = "AWS::Lambda::Alias", "AWS::Lambda::Version"
_SAM_FUNCTION = "AWS::Serverless::Function"
_SAM_RULES = ("CloudWatchEvent", "EventBridgeRule", "Schedule", "ScheduleV2")
_SAM_VERSION = re.compile(r"\.?Version([0-9a-f]{10})?")
FIRST_VERSION = "1"
_PUBLISHED_ATTRIBUTES = ((_ALIAS, "AliasArn"), (_VERSION, "FunctionArn"), (_VERSION, "Version"))


class ResourceNames:
    """The names and ARNs of one template's resources, as far as the template determines them."""

    def __init__(
        self, document: Document, account: Account, resolve: Callable[[Value], Value]
    ) -> None:
        self._document = document
        self._resources = document.section("Resources")
        self._construct_ids = construct_ids(self._resources)
        self._resolve = resolve
        self._account = account
        self._new_names: dict[str, str] = {}

    def name_of(self, logical_id: str) -> str:
        """Return a resource's name: from the template, else from CDK, else its logical ID."""
        if logical_id in self._new_names:
            return self._new_names[logical_id]
        resource, kind = self._resources.get(logical_id), self.type_of(logical_id)
        generated = self._generated_name(kind, logical_id)
        key = _TYPES.get(kind, {}).get("name", f"{kind.rpartition('::')[2]}Name")
        value = self._resolve(_member(resource, "Properties", key))
        if isinstance(value, Unresolved):
            if not _NAME.fullmatch(value):
                return generated
            if kind == _BUCKET:
                return value.lower()  # other names are invalid
        return as_text(value) or generated

    def type_of(self, logical_id: str) -> str:
        """Return the type of a resource, or an empty text."""
        return as_text(_member(self._resources, logical_id, "Type"))

    def _generated_name(self, kind: str, logical_id: str) -> str:
        """Return a name for a resource without one; AWS adds the stack and a random suffix."""
        name = self.id_in_code(logical_id)
        if kind == _BUCKET:
            return name.lower()
        properties = _member(self._resources, logical_id, "Properties")
        flags = (_member(properties, key) for key in ("FifoQueue", "FifoTopic"))
        return f"{name}.fifo" if "true" in map(self._resolve, flags) else name

    def rename(self, logical_id: str, name: str) -> None:
        """Give a resource another name."""
        self._new_names[logical_id] = name

    def id_in_code(self, logical_id: str) -> str:
        """Return the construct ID from the CDK code, or the logical ID without CDK."""
        return self._construct_ids.get(logical_id, logical_id)

    def function_arn(self, function: str) -> str:
        """Return the unqualified ARN of a function, given by its name or by any ARN of it."""
        parts = function.split(":")
        return ":".join(parts[:7]) if parts[0] == "arn" else self._account.function_arn(parts[0])

    def ref(self, logical_id: str) -> str | None:
        """Return what `Ref` of a resource returns, or None if AWS generates it."""
        kind = self.type_of(logical_id)
        if kind in (_ALIAS, _VERSION):
            return self._published_arn(logical_id)
        if _GENERATED.fullmatch(kind):
            return None
        return self._format(_TYPES.get(kind, {}).get("Ref", "{name}"), logical_id)

    def attribute(self, logical_id: str, attribute: str) -> str | None:
        """Return what `GetAtt` returns, or None if it does not follow from the name."""
        kind = self.type_of(logical_id)
        if (kind, attribute) in _PUBLISHED_ATTRIBUTES:
            arn = self._published_arn(logical_id)
            return arn.rpartition(":")[2] if attribute == "Version" else arn
        pattern = _TYPES.get(kind, {}).get(attribute)
        if pattern and attribute not in ("Ref", "name"):
            return self._format(pattern, logical_id)
        return self.generated_by_sam(f"{logical_id}.{attribute}")

    def _format(self, pattern: str, logical_id: str) -> str:
        account = self._account
        return pattern.format(
            name=self.name_of(logical_id),
            partition=account.partition,
            region=account.region,
            account=account.account_id,
            suffix=account.url_suffix,
        )

    def _published_arn(self, logical_id: str) -> str:
        """Return the ARN of an AWS::Lambda::Alias or AWS::Lambda::Version."""
        function = self._function_of(logical_id)
        is_alias = self.type_of(logical_id) == _ALIAS
        name = self.name_of(logical_id) if is_alias else self._version_of(logical_id, function)
        arn = f"{self.function_arn(function)}:{name}"
        return Unresolved(arn) if isinstance(function, Unresolved) else arn

    def _function_of(self, published: str) -> str:
        name = _member(self._resources, published, "Properties", "FunctionName")
        return as_text(self._resolve(name))

    def _version_of(self, logical_id: str, function: str) -> str:
        """Return a version's number: AWS counts the versions of each function from 1."""
        versions = [each for each in self._resources if self.type_of(each) == _VERSION]
        before = versions[: versions.index(logical_id) + 1]
        return str(sum(self._function_of(each) == function for each in before))

    def generated_by_sam(self, name: str) -> str | None:
        """
        Return what SAM generates for a function: the ARN of an alias or version, a rule's name.

        https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
        """
        for function, resource in self._resources.items():
            rest = name.removeprefix(function)
            if rest == name or self.type_of(function) != _SAM_FUNCTION:
                continue
            alias = self._sam_alias(function)
            arn = self._format(_FUNCTION_ARN, function)
            if rest == ".Alias" or (alias and rest == f"Alias{alias}"):
                return f"{arn}:{alias or '$LATEST'}"
            if _SAM_VERSION.fullmatch(rest):
                return f"{arn}:{FIRST_VERSION if alias else '$LATEST'}"
            if _member(resource, "Properties", "Events", rest, "Type") in _SAM_RULES:
                return name
        return None

    def _sam_alias(self, function: str) -> str:
        own = _member(self._resources, function, "Properties", "AutoPublishAlias")
        general = _member(self._document.section("Globals"), "Function", "AutoPublishAlias")
        return as_text(self._resolve(general if own is None else own))


def _member(value: Value, *keys: str) -> Value:
    """Return a nested value, None if a mapping on the way has no such key."""
    for key in keys:
        value = value.get(key) if isinstance(value, Object) else None
    return value
