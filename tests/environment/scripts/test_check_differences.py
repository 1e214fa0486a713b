"""What `scripts/check` prints for responses that are not as expected."""

import pytest

from tests.environment.support.checks import Checks, proxy

UUID = "3b241101-e2bb-4255-8caf-4136c566a962"


def test_equal_differences_are_grouped(checks: Checks) -> None:
    for n in "1234":
        body = f"The received message is: {n}"
        checks.write(f"e{n}", proxy(body.replace("received", "NEW")), proxy(body))
    checks.write("other", 1, 1)
    done = checks.run()

    assert done.stdout.splitlines() == [
        '4 events: body: "The received message…" → "The NEW message…"',
        "  e1.json, e2.json, e3.json, e4.json",
        "1 of 5 events as expected",
    ]
    assert (done.returncode, done.stderr) == (1, "")


def test_each_prints_one_line_for_each_event(checks: Checks) -> None:
    checks.write("equal", 1, 1)
    checks.write("new", 1)
    checks.write("other", {"a": 1, "b": 2}, {"a": 2, "b": 3})

    *lines, summary = checks.rows("--each")

    assert lines[0].startswith("passed  equal.json ")
    assert lines[0].endswith(" ms")
    assert lines[1:] == [
        "new     new.json   no expected response yet (--accept writes it)",
        "failed  other.json a: 2 → 1 (and 1 more)",
    ]
    assert summary == "1 of 3 events as expected"


DIFFERENT = [
    ({"statusCode": 500}, {"statusCode": 200}, "statusCode: 200 → 500"),
    ({"a": [1, 2]}, {"a": [1]}, "a[1]: not expected: 2"),
    ({"a": [1]}, {"a": [1, {"b": 2}]}, 'a[1]: missing: {"b":2}'),
    ({"a b": {"c": None}}, {"a b": {"c": 0}}, '["a b"].c: 0 → null'),
    ([1], {"a": 1}, 'the response: {"a":1} → [1]'),
    ("é", "e", 'the response: "e" → "é"'),
    (proxy('{"id": 1, "n": 2}'), proxy('{"n": 3,\n"id": 1}'), "body.n: 3 → 2"),
    (proxy("[1]"), proxy('{"n": 1}'), 'body: {"n":1} → [1]'),
    ({"n": "1"}, {"n": "<number>"}, 'n: "<number>" → "1"'),
    ({"s": 1}, {"s": "<string>"}, 's: "<string>" → 1'),
    ({"id": UUID[1:]}, {"id": "<uuid>"}, f'id: "<uuid>" → "{UUID[1:]}"'),
    ({"at": "soon"}, {"at": "<timestamp>"}, 'at: "<timestamp>" → "soon"'),
    ({}, {"a": "<any>"}, 'a: missing: "<any>"'),
    ("x (1) y", "x (<number>)", 'the response: "x (<number>)" → "x (1) y"'),
]


def test_a_difference_is_printed_with_its_path(checks: Checks) -> None:
    for number, (response, expected, _) in enumerate(DIFFERENT, 10):
        checks.write(f"e{number}", response, expected)

    *rows, _ = checks.rows("--full")
    assert rows == [f"e{number}.json: {row}" for number, (*_, row) in enumerate(DIFFERENT, 10)]


SAME = [
    ({"a": None, "b": {"c": 1}}, {"a": "<any>", "b": "<any>"}),
    ({"s": "", "n": -1.5e3}, {"s": "<string>", "n": "<number>"}),
    (
        {"id": UUID, "now": 1700000000, "ms": 1700000000123},
        {"id": "<uuid>", "now": "<timestamp>", "ms": "<timestamp>"},
    ),
    (["2026-11-25T10:20:30.123Z", "2026-11-25"], ["<timestamp>", "<timestamp>"]),
    ("Wed, 25 Nov 2026 10:20:30 GMT", "<timestamp>"),
    (f"Order {UUID} (no. 7) of\n2026", "Order <uuid> (no. <number>) of\n<any>"),
    (proxy(f'{{"id": "{UUID}", "n": [1]}}'), proxy('{"n": ["<number>"], "id": "<uuid>"}')),
    ("<uuid>", "<uuid>"),
]


def test_placeholders_match_values_of_their_kind(checks: Checks) -> None:
    for number, (response, expected) in enumerate(SAME):
        checks.write(f"e{number}", response, expected)

    assert checks.rows() == [f"{len(SAME)} of {len(SAME)} events as expected"]


def test_rows_are_cut_at_80_columns_except_with_full(checks: Checks) -> None:
    checks.write("e", {"k" * 20: "y" * 300}, {"k" * 20: ["z"] * 80})

    assert max(map(len, checks.rows())) <= 80
    assert "y" * 300 in checks.rows("--full")[0]


def test_rows_are_limited_except_with_full(checks: Checks) -> None:
    checks.write("e", {f"k{n}": 1 for n in range(30)}, {f"k{n}": 0 for n in range(30)})

    *_, others, _ = rows = checks.rows()
    assert len(rows) <= 11
    assert others == "and 22 other differences (--full shows each)"
    assert len(checks.rows("--full")) == 31


def test_quiet_counts_the_events_of_a_difference(checks: Checks) -> None:
    for name in ("a", "b", "c"):
        checks.write(name, 1, 1 if name == "c" else 2)

    assert checks.rows("--quiet") == ["2 events: the response: 2 → 1", "1 of 3 events as expected"]


def test_a_new_event_is_reported_and_the_others_are_checked(checks: Checks) -> None:
    checks.write("new", 1)
    checks.write("other", 2, 2)
    done = checks.run()

    assert done.stdout.splitlines() == [
        "new.json: no expected response yet (--accept writes it)",
        "1 of 2 events as expected",
    ]
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_an_event_in_the_encoding_of_powershell_is_sent(checks: Checks, encoding: str) -> None:
    checks.write("event", "tschüss", "tschüss")
    for file in ("event.json", "expected/event.json"):
        path = checks.project / "events" / file
        path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)

    assert checks.rows() == ["1 of 1 events as expected"]


def test_check_without_events_succeeds(checks: Checks) -> None:
    done = checks.run()

    assert done.returncode == 0
    assert done.stdout == "No checks yet. Add one to events/.\n"
