"""AS2 Restart: header fields in, decisions out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from as2gateway.headers import Headers
from as2gateway.restart import (
    ContentRange,
    Part,
    PartialBody,
    RangeNotSatisfiable,
    check_continues,
    check_whole,
    new_transfer_id,
    part_fields,
    question,
    read_part,
    read_transfer_id,
    resume_at,
)

#: As in section 5.2 of the draft.
ETAG = '"ci1257348820455.829541_tharding_2k_te"'
RANGE = "bytes 65982464-307502442/307502443"
REST, TOTAL = 241_519_979, 307_502_443


def fields(**named: str) -> Headers:
    return Headers(tuple((name.replace("_", "-"), value) for name, value in named.items()))


@pytest.mark.parametrize("value", [ETAG, f" {ETAG} ", '"!"', f'"{"x" * 200}"'])
def test_a_strong_entity_tag_names_a_transfer(value: str) -> None:
    assert read_transfer_id(fields(etag=value)) == value.strip()


@pytest.mark.parametrize(
    "value", ["", "x", '""', 'W/"x"', '"a b"', '"a"b"', '"ä"', f'"{"x" * 201}"', '"x', '"a\x7f"']
)
def test_what_is_no_strong_entity_tag_names_none(value: str) -> None:
    assert read_transfer_id(fields(ETag=value)) == ""
    assert read_part(fields(ETag=value), 10) is None


def test_a_post_without_a_range_begins_a_transfer() -> None:
    assert read_part(fields(ETag=ETAG), TOTAL) == Part(ETAG, 0, TOTAL)
    assert read_part(fields(ETag=ETAG), None) == Part(ETAG, 0, None)


def test_a_post_with_a_range_goes_on() -> None:
    headers = fields(ETag=ETAG, Content_Range=RANGE)
    assert read_part(headers, REST) == Part(ETAG, 65_982_464, TOTAL)
    assert read_part(headers, None) == Part(ETAG, 65_982_464, TOTAL)


@pytest.mark.parametrize(
    ("value", "length"),
    [(RANGE, REST - 1), (RANGE, REST + 1), ("bytes 0-99/200", 100), ("bytes 100-149/200", 50)],
)
def test_a_range_that_is_not_the_rest_cannot_be_satisfied(value: str, length: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        read_part(fields(ETag=ETAG, Content_Range=value), length)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "lines 0-1/2",
        "bytes 1-/2",
        "bytes */9",
        "bytes 5-4/9",
        "bytes 0-9/9",
        "bytes 0-9/*",
        "bytes -1-2/9",
        f"bytes 0-1/{'9' * 19}",
    ],
)
def test_a_range_that_cannot_be_read_is_refused(value: str) -> None:
    with pytest.raises(PartialBody):
        read_part(fields(ETag=ETAG, Content_Range=value), 2)


@pytest.mark.parametrize("value", ["bytes 0-999/1000", "bytes 0-9/10", "bytes 00-/x"])
def test_without_a_transfer_a_range_from_the_start_is_passed_over(value: str) -> None:
    check_whole(fields(Content_Range=value))
    assert read_part(fields(Content_Range=value), 4) is None


@pytest.mark.parametrize("value", ["bytes 1-9/10", "bytes 0-5/100", "lines 1", "bytes */10", ""])
def test_without_a_transfer_a_part_is_refused(value: str) -> None:
    with pytest.raises(PartialBody):
        check_whole(fields(Content_Range=value))
    with pytest.raises(PartialBody):
        read_part(fields(Content_Range=value), 9)


@pytest.mark.parametrize(("offset", "held"), [(0, 0), (50, 50), (20, 50), (99, 100)])
def test_a_part_continues_what_is_held(offset: int, held: int) -> None:
    check_continues(Part(ETAG, offset, 100), held, 100)
    check_continues(Part(ETAG, offset, 100), held, None)


def test_a_gap_is_refused_with_the_octet_to_go_on_at() -> None:
    with pytest.raises(RangeNotSatisfiable) as refusal:
        check_continues(Part(ETAG, 51, 100), 50, 100)
    assert refusal.value.content_range == "bytes */50"


def test_another_total_is_another_message() -> None:
    with pytest.raises(RangeNotSatisfiable, match="had 100 bytes, now 101"):
        check_continues(Part(ETAG, 50, 101), 50, 100)


@pytest.mark.parametrize(
    ("status", "held", "offset"),
    [
        (200, "65982464", 65_982_464),
        (204, "7", 7),
        (200, "0", 0),
        (200, None, 0),
        (200, "many", 0),
        (200, "-1", 0),
        (200, str(TOTAL), TOTAL - 1),
        (200, str(TOTAL + 1), 0),
        (200, "9" * 400, 0),
        (301, "5", 0),
        (404, "5", 0),
        (405, None, 0),
        (501, "5", 0),
        (500, "5", None),
        (503, None, None),
    ],
)
def test_an_answer_to_head_says_where_to_go_on(
    status: int, held: str | None, offset: int | None
) -> None:
    assert resume_at(status, held, TOTAL) == offset


def test_what_is_asked_and_sent_is_as_the_draft_shows() -> None:
    message = fields(AS2_Version="1.1", AS2_From="VENDOR", AS2_To='"A B"', Message_ID="<1@x>")
    assert question(ETAG, message).fields == (
        ("ETag", ETAG),
        ("AS2-To", '"A B"'),
        ("AS2-From", "VENDOR"),
        ("AS2-Version", "1.2"),
    )
    assert part_fields(ETAG, 65_982_464, TOTAL) == (("ETag", ETAG), ("Content-Range", RANGE))


def test_each_message_has_a_transfer_of_its_own() -> None:
    names = {new_transfer_id(message, digest) for message in "ab" for digest in "cd"}
    assert len(names) == 4
    assert new_transfer_id("a", "c") in names
    assert {read_transfer_id(fields(ETag=name)) for name in names} == names


@given(st.integers(0, 10**17), st.integers(0, 10**17), st.integers(1, 10**17))
def test_what_is_written_is_read(first: int, more: int, after: int) -> None:
    span = ContentRange(first, first + more, first + more + after)
    assert ContentRange.parse(str(span)) == span
    assert span.length == more + 1
