import itertools

from hypothesis import given
from hypothesis import strategies as st

from lambda_live.environments.log_records import MAX_RECORD_BYTES, LogRecordParser

MAGIC = b"\xa5\x5a\x00"


def frame(content: bytes) -> bytes:
    """Return a log record as awslambdaric frames it."""
    return MAGIC + b"\x03" + len(content).to_bytes(4, "big") + bytes(8) + content


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


def records_of(chunks: list[bytes]) -> list[bytes]:
    records = LogRecordParser()
    found = [record for chunk in chunks for record in records.feed(chunk)]
    return found + list(records.flush())


lines = st.binary(max_size=40).filter(lambda line: b"\n" not in line and b"\xa5" not in line)
contents = st.binary(max_size=40)
cuts = st.lists(st.integers(min_value=0), max_size=8)


@given(st.lists(st.tuples(st.just("line"), lines) | st.tuples(st.just("frame"), contents)), cuts)
def test_lines_and_frames_are_split_in_order(
    records: list[tuple[str, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(
        frame(content) if kind == "frame" else content + b"\n" for kind, content in records
    )
    expected = [
        content.removesuffix(b"\n") if kind == "frame" else content for kind, content in records
    ]

    assert records_of(split(stream, cuts)) == expected


@given(
    st.lists(
        st.binary(max_size=20) | st.sampled_from([b"\n", MAGIC, b"\xa5", b"\x5a\x00"]), max_size=20
    ),
    cuts,
)
def test_chunk_size_does_not_change_records(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)

    assert records_of(split(stream, cuts)) == records_of([stream])


@given(lines.filter(bool), contents)
def test_frame_terminates_line_without_newline(line: bytes, content: bytes) -> None:
    assert records_of([line + frame(content)]) == [line, content.removesuffix(b"\n")]


def test_frame_with_lines_is_one_record() -> None:
    assert records_of([frame(b"one\ntwo\n")]) == [b"one\ntwo"]


def test_flush_yields_line_without_newline() -> None:
    records = LogRecordParser()

    assert list(records.feed(b"one\ntwo")) == [b"one"]
    assert list(records.flush()) == [b"two"]
    assert list(records.flush()) == []


def test_record_above_cloudwatch_limit_is_split() -> None:
    line, content = b"l" * (2 * MAX_RECORD_BYTES + 5), b"c" * (MAX_RECORD_BYTES + 7)
    stream = (
        line
        + b"\n"
        + frame(content)
        + b"l" * MAX_RECORD_BYTES
        + b"\n"
        + frame(b"c" * MAX_RECORD_BYTES)
    )
    chunks = [stream[start : start + 65_536] for start in range(0, len(stream), 65_536)]

    sizes = [len(record) for record in records_of(chunks)]

    assert sizes == [
        MAX_RECORD_BYTES,
        MAX_RECORD_BYTES,
        5,
        MAX_RECORD_BYTES,
        7,
        MAX_RECORD_BYTES,
        MAX_RECORD_BYTES,
    ]
    assert records_of(chunks) == records_of([stream])


def test_parser_buffers_at_most_one_record() -> None:
    records = LogRecordParser()
    for start in (b"line", frame(b"")[:4] + b"\xff" * 12):
        chunk = start + bytes(65_536)
        yielded = sum(len(record) for _ in range(64) for record in records.feed(chunk))

        assert yielded >= 3 * MAX_RECORD_BYTES
