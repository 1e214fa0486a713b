"""What a name in a template stands for: a parameter, a pseudo parameter or a resource."""

import json
from collections.abc import Callable

from lambda_live.project.cdk.constructs import construct_ids
from lambda_live.project.template.document import Array, Document, Object, Value
from lambda_live.project.template.stack_context import Surroundings


class StandIn(str):
    """Text in place of a value that only a deployment, or a person, can give."""

    __slots__ = ()


ACCOUNT = "123456789012"
"""The account of a function that has none, as in AWS's own examples."""

# Where Ref is not the name. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
_MACHINE_ARN = "arn:{partition}:states:{region}:{account}:stateMachine:{name}"
_LAYER_ARN = "arn:{partition}:lambda:{region}:{account}:layer:{name}:1"
_REFS = {
    "AWS::Lambda::LayerVersion": _LAYER_ARN,
    "AWS::Serverless::LayerVersion": _LAYER_ARN,
    "AWS::SNS::Topic": "arn:{partition}:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "https://sqs.{region}.amazonaws.com/{account}/{name}",
    "AWS::StepFunctions::StateMachine": _MACHINE_ARN,
    "AWS::Serverless::StateMachine": _MACHINE_ARN,
}
_FUNCTION_ARN = "arn:{partition}:lambda:{region}:{account}:function:{name}"
_TABLE_ARN = "arn:{partition}:dynamodb:{region}:{account}:table/{name}"
_ARNS = {
    "AWS::DynamoDB::Table": _TABLE_ARN,
    "AWS::Events::EventBus": "arn:{partition}:events:{region}:{account}:event-bus/{name}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{name}",
    "AWS::Lambda::Function": _FUNCTION_ARN,
    "AWS::S3::Bucket": "arn:{partition}:s3:::{name}",
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{name}",
    "AWS::Serverless::Function": _FUNCTION_ARN,
    "AWS::Serverless::SimpleTable": _TABLE_ARN,
}
_ATTRIBUTES = {
    # it stands for the path /, which has no name
    ("AWS::ApiGateway::RestApi", "RootResourceId"): "{name}",
    ("AWS::SQS::Queue", "QueueUrl"): _REFS["AWS::SQS::Queue"],
    ("AWS::SNS::Topic", "TopicArn"): _REFS["AWS::SNS::Topic"],
    **{((kind), "Arn"): arn for kind, arn in (_REFS | _ARNS).items() if arn.startswith("arn")},
}
_NAMES = {
    "AWS::Events::EventBus": "Name",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::SSM::Parameter": "Name",
    "AWS::Serverless::LayerVersion": "LayerName",
    "AWS::Serverless::SimpleTable": "TableName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Serverless::StateMachine": "Name",
}


class References:
    """Looks names up; keeps the sentences on those that it can't know, each once."""

    def __init__(
        self, document: Document, surroundings: Surroundings, resolve: Callable[[Value], Value]
    ) -> None:
        region, stack = surroundings.region, surroundings.stack
        self._surroundings = surroundings
        self._overrides = surroundings.overrides
        self._resolve = resolve
        self._parameters = document.section("Parameters")
        self._resources = document.section("Resources")
        self._constructs = construct_ids(self._resources)
        china = region.startswith("cn-")
        self._place = {
            "partition": "aws-cn" if china else "aws",
            "region": region,
            "account": ACCOUNT,
        }
        self._pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": None,
            "AWS::Partition": self._place["partition"],
            "AWS::Region": region,
            "AWS::StackName": stack,
            "AWS::StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{stack}/{stack}",
            "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
        }
        self.unknown: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def given(self, name: str) -> str | None:
        """Return what somebody gives for a name, None if nobody does."""
        return self._overrides.get(name)

    def ref(self, name: str) -> Value:
        """Return what `Ref` gives: a parameter's value, or a resource's name (None: no value)."""
        if name in self._pseudo:
            return self._overrides.get(name, self._pseudo[name])
        if name in self._parameters:
            return self._parameter(name, self._parameters[name])
        if name in self._overrides:
            return self._overrides[name]
        if isinstance(resource := self._resources.get(name), Object):
            pattern = _REFS.get(str(resource.get("Type")), "{name}")
            return pattern.format(name=self.name_of(name), **self._place)
        if (function := self._published(name)) is not None:
            return f"{self.attribute(function, 'Arn')}:$LATEST"
        return self.stand_in(name, f"Nothing in the template is called {name}")

    def _published(self, name: str) -> str | None:
        """
        Return the function whose alias or version SAM calls so; here there is the newest alone.

        https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
        """
        function, _, generated = name.rpartition(".")
        resource = self._resources.get(function)
        sams = isinstance(resource, Object) and resource.get("Type") == "AWS::Serverless::Function"
        return function if sams and generated in ("Alias", "Version") else None

    def attribute(self, logical_id: str, attribute: str) -> str:
        """Return what `GetAtt` gives, where the resource's name is enough to know it."""
        name = f"{logical_id}.{attribute}"
        if name in self._overrides:
            return self._overrides[name]
        if attribute.startswith("Outputs."):
            return self._output(logical_id, attribute.removeprefix("Outputs."))
        resource = self._resources.get(logical_id)
        kind = str(resource.get("Type")) if isinstance(resource, Object) else ""
        if pattern := _ATTRIBUTES.get((kind, attribute)):
            return pattern.format(name=self.name_of(logical_id), **self._place)
        return self.stand_in(name, f"{name} is known only once it is deployed")

    def _output(self, logical_id: str, output: str) -> str:
        value = self._surroundings.outputs(logical_id, output)
        if value is None:
            name = f"{logical_id}.Outputs.{output}"
            return self.stand_in(name, f"{name} is known only once it is deployed")
        return value if isinstance(value, StandIn) else as_text(value)

    def name_of(self, logical_id: str) -> str:
        """Return the name that the template gives a resource, else CDK's, else its logical id."""
        if logical_id in self.names:
            return self.names[logical_id]
        resource = self._resources.get(logical_id)
        properties = resource.get("Properties") if isinstance(resource, Object) else None
        if not isinstance(resource, Object) or not isinstance(properties, Object):
            return logical_id
        kind = str(resource.get("Type"))
        given = properties.get(_NAMES.get(kind, f"{kind.rpartition('::')[2]}Name"))
        return as_text(self._resolve(given)) or self.called(logical_id)

    def called(self, logical_id: str) -> str:
        """Return what a resource without a name of its own is called by who wrote it."""
        return self._constructs.get(logical_id, logical_id)

    def stand_in(self, name: str, why: str) -> StandIn:
        """Tell once why the name has no value here, and how it gets one."""
        return self.told(name, f"{why}; set it with {self._surroundings.full(name)}=VALUE")

    def told(self, name: str, sentence: str) -> StandIn:
        """Tell once what nobody can set."""
        self.unknown.setdefault(name, sentence)
        return StandIn(name)

    def why(self, value: StandIn) -> str:
        """Return the sentence on a value that can't be known."""
        told = self.unknown.get(value) or next(iter(self.unknown.values()), "")
        return told or "only a deployment knows it"

    def _parameter(self, name: str, parameter: Value) -> Value:
        written = parameter if isinstance(parameter, Object) else Object(0)
        given = self._overrides.get(name, self._surroundings.given(name))
        value, kind = written.get("Default") if given is None else given, str(written.get("Type"))
        if value is None:
            value = self._surroundings.deployed.get(name)
        if value is None:
            return self.stand_in(name, f"Parameter {name} has no default")
        if name not in self._overrides and kind.startswith("AWS::SSM::Parameter::Value"):
            return self.stand_in(name, f"Parameter {name} is looked up in SSM ({as_text(value)})")
        if isinstance(value, StandIn):
            return value
        if isinstance(value, str) and (kind == "CommaDelimitedList" or kind.startswith("List<")):
            array = Array(written.line)
            array.extend(item.strip() for item in value.split(","))
            return array
        return value


def as_text(value: Value) -> str:
    """Write a value where CloudFormation wants text."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Array):
        return ",".join(map(as_text, value))
    return json.dumps(value)
