"""The AWS resources on the page, and the accessibility of every view, in a real browser."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Locator, Page, expect

from support import browser as browsers
from support.aws import Aws
from support.http import request
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, CodeUri: code/, Handler: app.handler}}
Resources:
  Dead: {Type: AWS::SQS::Queue}
  Orders:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 1}
  Sequence: {Type: AWS::SQS::Queue, Properties: {QueueName: sequence.fifo, FifoQueue: true}}
  Items:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions:
        - {AttributeName: id, AttributeType: S}
        - {AttributeName: at, AttributeType: N}
      KeySchema: [{AttributeName: id, KeyType: HASH}, {AttributeName: at, KeyType: RANGE}]
  Files: {Type: AWS::S3::Bucket}
  News: {Type: AWS::SNS::Topic}
  Shop: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
  Clicks: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Orders.Arn
            FunctionResponseTypes: [ReportBatchItemFailures]
        Fifo: {Type: SQS, Properties: {Queue: !GetAtt Sequence.Arn}}
        Upload: {Type: S3, Properties: {Bucket: !Ref Files, Events: s3:ObjectCreated:*}}
        News: {Type: SNS, Properties: {Topic: !Ref News}}
        Rule:
          Type: EventBridgeRule
          Properties: {EventBusName: shop, Pattern: {source: [example]}}
        Clicks: {Type: Kinesis, Properties: {Stream: !GetAtt Clicks.Arn, StartingPosition: LATEST}}
        Nightly: {Type: Schedule, Properties: {Schedule: cron(0 3 * * ? *)}}
        Post: {Type: HttpApi, Properties: {Path: /orders, Method: post}}
"""
CODE = """
import json

def handler(event, context):
    print("called")
    if "raise" in json.dumps(event):
        raise ValueError("cannot work on this")
    if "reject" in json.dumps(event):
        return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    return {"records": len(event.get("Records", []))}
"""
_JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def service(emulator: None, start_module_service: StartService) -> LambdaService:  # noqa: ARG001  # it must be installed first
    files = {"template.yaml": TEMPLATE, "code/app.py": CODE, "seed/tables/Items.json": "[]"}
    service = start_module_service(files, handler=None)
    service.wait_until_ready()
    return service


@pytest.fixture(scope="module")
def window(browser: Browser, service: LambdaService) -> Iterator[Page]:
    with browsers.open_page(browser, service.admin_url, reduced_motion="reduce") as page:
        yield page


@pytest.fixture
def page(window: Page, service: LambdaService) -> Page:
    window.goto(service.admin_url)
    window.get_by_role("button", name="Resources").click()
    expect(window.get_by_role("heading", name="Queues")).to_be_visible()
    return window


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def add(page: Page, verb: str, name: str, text: str | None) -> None:
    """Open the form of a resource and send a text, or the sample in it."""
    here = card(page, name)
    here.get_by_role("button", name=f"{verb}: {name}").click()
    if text is not None:
        here.get_by_role("textbox", name="text").fill(text)
    here.get_by_role("form").get_by_role("button", name=verb, exact=True).click()


def rows(service: LambdaService, label: str) -> list[dict[str, Any]]:
    found = service.admin("/api/rows").json()
    return [each for each in found if str(each.get("label")).startswith(label)]


def test_sent_message_fails_and_ends_in_the_dead_letter_queue(page: Page) -> None:
    add(page, "Send message", "Orders", "raise")
    expect(card(page, "Orders").get_by_role("status")).to_contain_text("Sent message")
    expect(card(page, "Orders")).to_contain_text("Dead after 1 receive")
    expect(card(page, "Orders")).to_contain_text("Read byWork")
    expect(card(page, "Orders").get_by_role("button", name="Show messages")).to_be_hidden()

    expect(card(page, "Dead")).to_contain_text("Messages1")  # the view polls
    card(page, "Dead").get_by_role("button", name="Show messages").click()
    expect(card(page, "Dead").locator("pre")).to_have_text("raise")

    page.get_by_role("option", name="SQS Orders").first.click()
    details = page.get_by_role("region", name="Details")
    expect(details).to_contain_text("1 message then in Dead")
    details.get_by_role("link", name="Orders").click()
    expect(card(page, "Orders")).to_be_in_viewport()


def test_batch_with_failed_items_is_listed_among_the_failed(
    page: Page, service: LambdaService
) -> None:
    Aws(service).send("Orders", "reject")

    page.get_by_role("button", name="Failed").click()
    name = re.compile("^Failed items, .* failed items 1 of 1 message failed; visible again in ")
    page.get_by_role("option", name=name).click()
    details = page.get_by_role("region", name="Details")
    expect(details.get_by_role("heading", name="SQS Orders (1) failed items")).to_be_visible()
    expect(details).to_contain_text("1 message then in Dead")


def test_put_item_is_listed(page: Page, service: LambdaService) -> None:
    card(page, "Items").get_by_role("button", name="Show items").click()
    add(page, "Put item", "Items", '{"id": "a", "at": 1.5, "tags": ["x"]}')

    expect(card(page, "Items")).to_contain_text("Items1")
    expect(card(page, "Items").locator("pre")).to_contain_text('"at": 1.5')
    item = Aws(service).dynamodb.get_item(
        TableName="Items", Key={"id": {"S": "a"}, "at": {"N": "1.5"}}
    )["Item"]
    assert item["tags"] == {"L": [{"S": "x"}]}


def test_uploaded_file_is_listed_and_downloaded(page: Page, service: LambdaService) -> None:
    files = card(page, "files")
    files.get_by_role("button", name="Upload: files").click()
    content = bytes(range(256)) * 200
    chosen = {"name": "a file.bin", "mimeType": "application/octet-stream", "buffer": content}
    files.get_by_label("File", exact=True).set_input_files(chosen)  # type: ignore[arg-type]  # a FilePayload
    files.get_by_label("Key", exact=True).fill("in/a file.bin")
    files.get_by_role("form").get_by_role("button", name="Upload").click()

    expect(files).to_contain_text("Objects1")
    files.get_by_role("button", name="Show objects").click()
    with page.expect_download() as download:
        files.get_by_role("link", name="in/a file.bin").click()
    assert download.value.path().read_bytes() == content
    wait_until(lambda: rows(service, "S3 files/in/a"), "the notification")


@pytest.mark.parametrize(
    ("verb", "name", "label"),
    [
        ("Send message", "sequence.fifo", "SQS sequence.fifo"),
        ("Publish", "News", "SNS News"),
        ("Put event", "shop", "EventBridge shop"),
        ("Put record", "Clicks", "Kinesis Clicks"),
        ("Fire now", "WorkNightly", "Schedule WorkNightly"),
    ],
)
def test_sample_of_each_kind_invokes_the_function(
    page: Page, service: LambdaService, verb: str, name: str, label: str
) -> None:
    if verb == "Fire now":
        card(page, name).get_by_role("button", name=verb).click()
    else:
        add(page, verb, name, None)
    wait_until(lambda: rows(service, label), label)
    assert rows(service, label)[0]["outcome"] == "succeeded"


def test_resources_are_read_only_while_they_are_shown(
    browser: Browser, service: LambdaService
) -> None:
    sent: list[str] = []
    with browsers.open_page(browser, service.admin_url) as page:
        page.clock.install()
        page.on("request", lambda each: sent.append(each.url.rpartition("/")[2]))
        page.goto(f"{service.admin_url}/#/resources")
        page.reload()
        expect(page.get_by_role("heading", name="Queues")).to_be_visible()
        with page.expect_request("**/api/resources"):
            page.clock.fast_forward(3_000)
        functions = page.get_by_role("button", name="Functions", exact=True)
        functions.click()
        expect(page.get_by_role("heading", name="Function", exact=True)).to_be_visible()
        sent.clear()
        page.clock.fast_forward(60_000)
        with page.expect_response("**/api/functions"):
            functions.click()
    assert "resources" not in sent
    assert "functions" in sent


def test_key_opens_the_view_and_reload_keeps_it(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Queues")).to_be_hidden()
    page.keyboard.press("d")
    expect(page.get_by_role("heading", name="Queues")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Queues")).to_be_visible()


def test_other_sites_unknown_resources_and_invalid_items_are_refused(
    service: LambdaService,
) -> None:
    path, body = "/api/resources/queue/Orders", json.dumps({"text": '{"other": 1}'}).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert request(service.admin_url, "POST", path, body, form).status == 415
    foreign = {**_JSON, "Origin": "http://example.com"}
    assert request(service.admin_url, "POST", path, body, foreign).status == 403
    missing = request(service.admin_url, "POST", "/api/resources/queue/No", body, _JSON)
    assert missing.status == 409
    assert "queue" in missing.json()["message"]
    item = request(service.admin_url, "POST", "/api/resources/table/Items", body, _JSON)
    assert item.status == 409
    assert "key" in item.json()["message"]


@pytest.fixture(scope="module")
def invoked(service: LambdaService) -> list[int]:
    """Return the ids of a succeeded and of a failed invocation, and of a save."""
    for event in ({"message": "hello"}, {"message": "raise"}):
        service.boto3.invoke(FunctionName="Work", Payload=json.dumps(event))
    found = service.admin("/api/rows").json()
    wanted = ({"outcome": "succeeded"}, {"outcome": "failed"}, {"kind": "reload"})
    return [next(row["id"] for row in found if each.items() <= row.items()) for each in wanted]


@pytest.mark.parametrize("width", [1280, 390])
def test_view_has_no_accessibility_violations(
    browser: Browser, service: LambdaService, invoked: list[int], width: int
) -> None:
    size = {"width": width, "height": 800}
    details = [f"#/rows/{each}" for each in invoked]
    with browsers.open_page(
        browser, service.admin_url, viewport=size, color_scheme="light", reduced_motion="reduce"
    ) as page:
        for view in ("#/", *details, "#/send", "#/functions", "#/resources"):
            page.goto(f"{service.admin_url}/{view}")
            page.reload()
            expect(page.get_by_role("button", name=re.compile("^live"))).to_be_visible()
            if view != "#/":
                expect(page.get_by_role("region", name="Details")).to_be_visible()
            if view == "#/resources":
                card(page, "Items").get_by_role("button", name="Put item").click()
                card(page, "files").get_by_role("button", name="Upload").click()
            assert violations(page) == [], view
            assert page.evaluate("document.documentElement.scrollWidth") == width, view
            page.emulate_media(color_scheme="dark")
            assert violations(page, runOnly=["color-contrast"]) == [], f"{view} in dark"
            page.emulate_media(color_scheme="light")


def violations(page: Page, **options: object) -> list[tuple[str, list[str]]]:
    found = Axe().run(page, options=options).response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
