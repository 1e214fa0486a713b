"""
The property names that AWS accepts, as trees: a name leads to the names below it.

Nothing below an empty tree is checked. `*` stands for any name. Only the resources and sections
that this package reads are here, and all properties of these.

Sources: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resources-and-properties.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from collections.abc import Mapping

type Names = Mapping[str, "Names"]


def _names(text: str = "", /, **below: Names) -> Names:
    return {**{name: {} for name in text.split()}, **below}


def _any(names: Names) -> Names:
    return {"*": names}


_DESTINATION = _names("Destination Type")
_INVOKE_CONFIG = _names(
    "MaximumEventAgeInSeconds MaximumRetryAttempts",
    DestinationConfig=_names(OnFailure=_DESTINATION, OnSuccess=_DESTINATION),
)
_CORS = _names("AllowCredentials AllowHeaders AllowMethods AllowOrigins ExposeHeaders MaxAge")
_URL = _names("AuthType InvokeMode", Cors=_CORS)
_ROUTE_SETTINGS = _names(
    "DataTraceEnabled DetailedMetricsEnabled LoggingLevel ThrottlingBurstLimit ThrottlingRateLimit"
)

_FUNCTION = _names(
    # read
    "Architectures AutoPublishAlias CodeUri Description Events FunctionName Handler ImageUri"
    " InlineCode Layers MemorySize PackageType RecursiveLoop ReservedConcurrentExecutions Runtime"
    " Timeout"
    # reported
    " CapacityProviderConfig DurableConfig FileSystemConfigs SnapStart"
    # permissions, keys and networks, which have no effect here
    " AssumeRolePolicyDocument CodeSigningConfigArn KmsKeyArn PermissionsBoundary Policies Role"
    " RolePath SourceKMSKeyArn VpcConfig"
    # deployment and scaling, which have no effect here
    " AutoPublishAliasAllProperties AutoPublishCodeSha256 DeploymentPreference"
    " FunctionScalingConfig PropagateTags ProvisionedConcurrencyConfig PublishToLatestPublished"
    " RuntimeManagementConfig Tags Tracing TracingConfig VersionDeletionPolicy VersionDescription",
    Code=_names(
        "ImageUri S3Bucket S3Key S3ObjectStorageMode S3ObjectVersion SourceKMSKeyArn ZipFile"
    ),
    DeadLetterConfig=_names("TargetArn"),
    DeadLetterQueue=_names("TargetArn Type"),
    Environment=_names("Variables"),
    EphemeralStorage=_names("Size"),
    EventInvokeConfig=_INVOKE_CONFIG,
    FunctionUrlConfig=_URL,
    ImageConfig=_names("Command EntryPoint WorkingDirectory"),
    LoggingConfig=_names("ApplicationLogLevel LogFormat LogGroup SystemLogLevel"),
    TenancyConfig=_names("TenantIsolationMode"),
)
_IDENTITY = "Context Headers QueryStrings ReauthorizeEvery StageVariables"
_API = _names(
    "AccessLogSetting AlwaysDeploy ApiKeySourceType BinaryMediaTypes CacheClusterEnabled"
    " CacheClusterSize CanarySetting DefinitionBody DefinitionUri Description"
    " DisableExecuteApiEndpoint Domain EndpointAccessMode EndpointConfiguration FailOnWarnings"
    " GatewayResponses MergeDefinitions MethodSettings MinimumCompressionSize Mode Models Name"
    " OpenApiVersion Policy PropagateTags SecurityPolicy StageName Tags TracingEnabled Variables",
    Auth=_names(
        "AddApiKeyRequiredToCorsPreflight AddDefaultAuthorizerToCorsPreflight ApiKeyRequired"
        " DefaultAuthorizer InvokeRole ResourcePolicy",
        Authorizers=_any(
            _names(
                "AuthorizationScopes DisableFunctionDefaultPermissions FunctionArn"
                " FunctionInvokeRole FunctionPayloadType UserPoolArn",
                Identity=_names(f"Header ValidationExpression {_IDENTITY}"),
            )
        ),
        UsagePlan=_names("CreateUsagePlan Description Quota Tags Throttle UsagePlanName"),
    ),
    Cors=_names("AllowCredentials AllowHeaders AllowMethods AllowOrigin MaxAge"),
)
_HTTP_API = _names(
    "AccessLogSettings DefinitionBody DefinitionUri Description DisableExecuteApiEndpoint Domain"
    " FailOnWarnings Name PropagateTags StageName StageVariables Tags",
    Auth=_names(
        "DefaultAuthorizer EnableIamAuthorizer",
        Authorizers=_any(
            _names(
                "AuthorizationScopes AuthorizerPayloadFormatVersion"
                " EnableFunctionDefaultPermissions EnableSimpleResponses FunctionArn"
                " FunctionInvokeRole IdentitySource",
                Identity=_names(_IDENTITY),
                JwtConfiguration=_names("Audience Issuer audience issuer"),
            )
        ),
    ),
    CorsConfiguration=_CORS,
    DefaultRouteSettings=_ROUTE_SETTINGS,
    RouteSettings=_any(_ROUTE_SETTINGS),
)

_MAPPING = _names(
    "BatchSize BisectBatchOnFunctionError Enabled FunctionResponseTypes KmsKeyArn"
    " MaximumBatchingWindowInSeconds MaximumRecordAgeInSeconds MaximumRetryAttempts"
    " ParallelizationFactor ProvisionedPollerConfig StartingPosition StartingPositionTimestamp"
    " TumblingWindowInSeconds",
    DestinationConfig=_names(OnFailure=_DESTINATION),
    FilterCriteria=_names(Filters=_names("Pattern")),
    MetricsConfig=_names("Metrics"),
    ScalingConfig=_names("MaximumConcurrency"),
)
_DELIVERY = _names(
    DeadLetterConfig=_names("Arn QueueLogicalId Type"),
    RetryPolicy=_names("MaximumEventAgeInSeconds MaximumRetryAttempts"),
)
_RULE = {
    **_names("Enabled EventBusName Input InputPath Pattern RuleName State", Target=_names("Id")),
    **_names(InputTransformer=_names("InputPathsMap InputTemplate")),
    **_DELIVERY,
}
EVENTS: Mapping[str, Names] = {
    "Api": _names(
        "Method Path RequestParameters ResponseTransferMode RestApiId TimeoutInMillis",
        Auth=_names(
            "ApiKeyRequired AuthorizationScopes Authorizer InvokeRole OverrideApiAuth"
            " ResourcePolicy"
        ),
        RequestModel=_names("Model Required ValidateBody ValidateParameters"),
    ),
    "CloudWatchEvent": _RULE,
    "DynamoDB": {**_MAPPING, "Stream": {}},
    "EventBridgeRule": _RULE,
    "HttpApi": _names(
        "ApiId Method Path PayloadFormatVersion TimeoutInMillis",
        Auth=_names("AuthorizationScopes Authorizer"),
        RouteSettings=_ROUTE_SETTINGS,
    ),
    "Kinesis": {**_MAPPING, "Stream": {}},
    "S3": _names("Bucket Events", Filter=_names(S3Key=_names(Rules=_names("Name Value")))),
    "SNS": _names(
        "FilterPolicy FilterPolicyScope RedrivePolicy Region Topic",
        SqsSubscription=_names("BatchSize Enabled QueueArn QueuePolicyLogicalId QueueUrl"),
    ),
    "SQS": {**_MAPPING, "Queue": {}},
    "Schedule": {
        **_names("Description Enabled Input Name RuleName Schedule State"),
        **_DELIVERY,
    },
    "ScheduleV2": {
        **_names(
            "Description EndDate GroupName Input KmsKeyArn Name OmitName PermissionsBoundary"
            " RoleArn ScheduleExpression ScheduleExpressionTimezone StartDate State",
            FlexibleTimeWindow=_names("MaximumWindowInMinutes Mode"),
        ),
        **_DELIVERY,
    },
}
"""The properties of SAM's events, by type."""

RESOURCES: Mapping[str, Names] = {
    "AWS::ApiGateway::Authorizer": _names(
        "AuthType AuthorizerCredentials AuthorizerResultTtlInSeconds AuthorizerUri IdentitySource"
        " IdentityValidationExpression Name ProviderARNs RestApiId Type"
    ),
    "AWS::ApiGateway::Method": _names(
        "ApiKeyRequired AuthorizationScopes AuthorizationType AuthorizerId HttpMethod"
        " MethodResponses OperationName RequestModels RequestParameters RequestValidatorId"
        " ResourceId RestApiId",
        Integration=_names(
            "CacheKeyParameters CacheNamespace ConnectionId ConnectionType ContentHandling"
            " Credentials IntegrationHttpMethod IntegrationResponses IntegrationTarget"
            " PassthroughBehavior RequestParameters RequestTemplates ResponseTransferMode"
            " TimeoutInMillis TlsConfig Type Uri"
        ),
    ),
    "AWS::ApiGatewayV2::Api": _names(
        "ApiKeySelectionExpression BasePath Body BodyS3Location CredentialsArn Description"
        " DisableExecuteApiEndpoint DisableSchemaValidation FailOnWarnings IpAddressType Name"
        " ProtocolType RouteKey RouteSelectionExpression Tags Target Version",
        CorsConfiguration=_CORS,
    ),
    "AWS::ApiGatewayV2::Authorizer": _names(
        "ApiId AuthorizerCredentialsArn AuthorizerPayloadFormatVersion"
        " AuthorizerResultTtlInSeconds AuthorizerType AuthorizerUri EnableSimpleResponses"
        " IdentitySource IdentityValidationExpression Name",
        JwtConfiguration=_names("Audience Issuer"),
    ),
    "AWS::ApiGatewayV2::Integration": _names(
        "ApiId ConnectionId ConnectionType ContentHandlingStrategy CredentialsArn Description"
        " IntegrationMethod IntegrationSubtype IntegrationType IntegrationUri PassthroughBehavior"
        " PayloadFormatVersion RequestParameters RequestTemplates ResponseParameters"
        " TemplateSelectionExpression TimeoutInMillis TlsConfig"
    ),
    "AWS::ApiGatewayV2::Route": _names(
        "ApiId ApiKeyRequired AuthorizationScopes AuthorizationType AuthorizerId"
        " ModelSelectionExpression OperationName RequestModels RequestParameters RouteKey"
        " RouteResponseSelectionExpression Target"
    ),
    "AWS::DynamoDB::Table": _names(
        "AttributeDefinitions BillingMode ContributorInsightsSpecification"
        " DeletionProtectionEnabled GlobalSecondaryIndexes ImportSourceSpecification KeySchema"
        " KinesisStreamSpecification LocalSecondaryIndexes OnDemandThroughput"
        " PointInTimeRecoverySpecification ProvisionedThroughput ResourcePolicy SSESpecification"
        " TableClass TableName Tags WarmThroughput",
        StreamSpecification=_names("ResourcePolicy StreamViewType"),
        TimeToLiveSpecification=_names("AttributeName Enabled"),
    ),
    "AWS::Events::Rule": _names(
        "Description EventBusName EventPattern Name RoleArn ScheduleExpression State Tags Targets"
    ),
    "AWS::Kinesis::Stream": _names(
        "DesiredShardLevelMetrics MaxRecordSizeInKiB Name RetentionPeriodHours ShardCount"
        " StreamEncryption StreamModeDetails Tags WarmThroughputMiBps"
    ),
    **dict.fromkeys(("AWS::Lambda::Function", "AWS::Serverless::Function"), _FUNCTION),
    "AWS::Lambda::EventInvokeConfig": {**_INVOKE_CONFIG, **_names("FunctionName Qualifier")},
    "AWS::Lambda::EventSourceMapping": {
        **_names(
            "AmazonManagedKafkaEventSourceConfig DocumentDBEventSourceConfig EventSourceArn"
            " FunctionName LoggingConfig Queues SelfManagedEventSource"
            " SelfManagedKafkaEventSourceConfig SourceAccessConfigurations Tags Topics"
        ),
        **_MAPPING,
    },
    "AWS::Lambda::Url": {**_URL, **_names("Qualifier TargetFunctionArn")},
    "AWS::SNS::Subscription": _names(
        "DeliveryPolicy Endpoint FilterPolicy FilterPolicyScope Protocol RawMessageDelivery"
        " RedrivePolicy Region ReplayPolicy SubscriptionRoleArn TopicArn"
    ),
    "AWS::SNS::Topic": _names(
        "ArchivePolicy ContentBasedDeduplication DataProtectionPolicy DeliveryStatusLogging"
        " DisplayName FifoThroughputScope FifoTopic KmsMasterKeyId SignatureVersion Tags TopicName"
        " TracingConfig",
        Subscription=_names("Endpoint Protocol"),
    ),
    "AWS::SQS::Queue": _names(
        "ContentBasedDeduplication DeduplicationScope DelaySeconds FifoQueue FifoThroughputLimit"
        " KmsDataKeyReusePeriodSeconds KmsMasterKeyId MaximumMessageSize MessageRetentionPeriod"
        " QueueName ReceiveMessageWaitTimeSeconds RedriveAllowPolicy SqsManagedSseEnabled Tags"
        " VisibilityTimeout",
        RedrivePolicy=_names("deadLetterTargetArn maxReceiveCount"),
    ),
    "AWS::Scheduler::Schedule": _names(
        "Description EndDate FlexibleTimeWindow GroupName KmsKeyArn Name ScheduleExpression"
        " ScheduleExpressionTimezone StartDate State Target"
    ),
    "AWS::Serverless::Api": _API,
    "AWS::Serverless::HttpApi": _HTTP_API,
    "AWS::Serverless::SimpleTable": _names(
        "PointInTimeRecoverySpecification ProvisionedThroughput SSESpecification TableName Tags",
        PrimaryKey=_names("Name Type"),
    ),
}

TEMPLATE = _names(
    "AWSTemplateFormatVersion Conditions Description Hooks Mappings Metadata Outputs Parameters"
    " Rules Transform",
    Globals=_names(
        "Api CapacityProvider Function HttpApi LayerVersion MicrovmImage NetworkConnector"
        " SimpleTable StateMachine WebSocketApi"
    ),
    Resources=_any(
        _names(
            "Condition Connectors CreationPolicy DeletionPolicy DependsOn Description"
            " IgnoreGlobals Metadata Properties Type UpdatePolicy UpdateReplacePolicy Version"
        )
    ),
)
"""The sections of a template, and the keys of its resources."""

NOT_IN_GLOBALS = _names(
    Api=_names(
        "ApiKeySourceType DefinitionBody Description DisableExecuteApiEndpoint FailOnWarnings"
        " Models Mode Policy StageName Tags"
    ),
    Function=_names(
        "AutoPublishCodeSha256 Events FunctionName ImageConfig ImageUri InlineCode PackageType"
        " Policies Role VersionDescription"
    ),
    HttpApi=_names(
        "DefinitionBody DefinitionUri Description DisableExecuteApiEndpoint Name StageName"
    ),
)
"""The properties that `Globals` must not have."""
