"""
Which properties and resources of a template have an effect here.

A property is read, has no effect on one machine, or is reported. Nothing else is silent: AWS
rejects unknown properties.

Sources: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from lambda_live.model.template import SkippedResource
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.stack import FUNCTIONS, MACRO, Resource, Stack

_SIMILARITY = 0.8

_READ = (
    *("Architectures", "AutoPublishAlias", "Code", "CodeUri", "DeadLetterConfig"),
    *("DeadLetterQueue", "Description", "Environment", "EphemeralStorage", "EventInvokeConfig"),
    *("Events", "FunctionName", "FunctionUrlConfig", "Handler", "ImageConfig", "ImageUri"),
    *("InlineCode", "Layers", "LoggingConfig", "MemorySize", "PackageType", "RecursiveLoop"),
    *("ReservedConcurrentExecutions", "Runtime", "TenancyConfig", "Timeout"),
)
_WITHOUT_EFFECT = (
    # permissions, keys and networks
    *("AssumeRolePolicyDocument", "CodeSigningConfigArn", "KmsKeyArn", "PermissionsBoundary"),
    *("Policies", "Role", "RolePath", "SourceKMSKeyArn", "VpcConfig"),
    # deployment and scaling
    *("AutoPublishAliasAllProperties", "AutoPublishCodeSha256", "DeploymentPreference"),
    *("FunctionScalingConfig", "ProvisionedConcurrencyConfig", "PublishToLatestPublished"),
    *("RuntimeManagementConfig", "VersionDeletionPolicy", "VersionDescription"),
    *("PropagateTags", "Tags", "Tracing", "TracingConfig"),
)
_FUNCTION_REPORTS = {
    "CapacityProviderConfig": (
        "the capacity provider is not emulated: each environment runs one invocation at a time"
    ),
    "DurableConfig": "durable execution is not supported: an invocation runs once, from the start",
    "FileSystemConfigs": "file systems are not mounted: the handler sees this machine's files",
    "SnapStart": "SnapStart is not supported: each environment runs its init",
}
SAM_API_REPORTS = {
    "CanarySetting": "canaries are not emulated: all requests reach the same code",
    "GatewayResponses": "gateway responses are not applied: errors have AWS's default responses",
    "Policy": "the resource policy is not enforced: requests from anywhere pass",
}
_REPORTS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(FUNCTIONS, _FUNCTION_REPORTS),
    "AWS::Serverless::Api": SAM_API_REPORTS,
    "AWS::ApiGateway::RestApi": {"Policy": SAM_API_REPORTS["Policy"]},
}
_AUTH_REPORTS = {"ResourcePolicy": SAM_API_REPORTS["Policy"]}

_UNSUPPORTED_TYPES = {
    "AWS::ApiGateway::GatewayResponse": SAM_API_REPORTS["GatewayResponses"],
    "AWS::Serverless::GraphQLApi": "GraphQL APIs are not supported; invoke its functions by name",
    "AWS::Serverless::WebSocketApi": (
        "WebSocket APIs are not supported; invoke its functions by name"
    ),
    **dict.fromkeys(
        ("AWS::Lambda::MicroVMImage", "AWS::Serverless::MicroVMImage"),
        "images of Lambda MicroVMs are not supported",
    ),
    **dict.fromkeys(
        ("AWS::Lambda::WebFunction", "AWS::Serverless::WebFunction"),
        "web functions are not supported; start its web server yourself",
    ),
    MACRO: "macros are not supported; write its result instead",
}


def unsupported_resources(stack: Stack) -> Iterator[SkippedResource]:
    """Yield the resources that would receive events on AWS, but not here."""
    for each in stack.by_type(*_UNSUPPORTED_TYPES):
        yield each.skip(_UNSUPPORTED_TYPES[each.type])


def report_properties(each: Resource) -> None:
    """Report the properties of a function or API that have no effect here but have on AWS."""
    if each.type in FUNCTIONS:
        _report_unknown(each.properties)
    if each.type in _REPORTS:
        report(each.properties, _REPORTS[each.type])
        report(each.properties.section("Auth"), _AUTH_REPORTS)


def report(properties: Properties, reports: Mapping[str, str]) -> None:
    """Report the keys that have no effect here, with the reasons in `reports`."""
    for key, problem in reports.items():
        is_off = key == "SnapStart" and properties.section(key).text("ApplyOn") == "None"
        if key in properties and not is_off:
            properties.note(key, f"{key} has no effect: {problem}")


def _report_unknown(function: Properties) -> None:
    known = (*_READ, *_WITHOUT_EFFECT, *_FUNCTION_REPORTS)
    for key in function.raw:
        if key not in known:
            near = get_close_matches(key, known, 1, _SIMILARITY)
            hint = f"did you mean {near[0]}?" if near else "it has no effect here"
            function.note(key, f"unknown property {key}; {hint}")
