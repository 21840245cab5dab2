"""EDIINT-Features: read from requests, told in every message and MDN."""

from dataclasses import replace

import pytest

from as2gateway import features
from as2gateway.features import Feature
from as2gateway.headers import Headers
from as2gateway.request import read_request
from tests.gateway.test_quirks import REPORT, mdn
from tests.gateway.test_send import POLICY, compose

TOLD = frozenset(Feature)


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (None, set()),
        ("", set()),
        ("multiple-attachments", {"multiple-attachments"}),
        ("Multiple-Attachments , CEM,", {"multiple-attachments", "cem"}),
        ("AS2-Reliability;x, a b, unknown-1", {"unknown-1"}),
    ],
)
def test_features_are_read_in_any_case(value: str | None, tokens: set[str]) -> None:
    assert features.read(value) == tokens
    fields = (("AS2-From", "A"), ("AS2-To", "B"))
    headers = Headers((*fields, ("EDIINT-Features", value)) if value is not None else fields)
    assert read_request(headers).features == tokens


def test_features_are_told_in_messages_and_mdns_or_in_neither() -> None:
    for headers in (compose(POLICY)[0], mdn(REPORT).headers):
        assert headers.get("AS2-Version") == "1.1"
        assert "EDIINT-Features" not in headers
    message = compose(replace(POLICY, features=TOLD))[0]
    for headers in (message, mdn(replace(REPORT, features=TOLD)).headers):
        assert headers.get("AS2-Version") == "1.2"
        assert headers.get("EDIINT-Features") == "AS2-Reliability, CEM, multiple-attachments"


@pytest.mark.parametrize("version", [None, "1.0", "1.1", "1.2", "1.3", "1.9", "2", "x"])
def test_any_version_is_read_as_this_protocol(version: str | None) -> None:
    fields = [("AS2-From", "A"), ("AS2-To", "B")]
    if version is not None:
        fields.append(("AS2-Version", version))
    assert read_request(Headers(tuple(fields))).as2_from == "A"


@pytest.mark.parametrize(
    ("ours", "theirs", "written"),
    [
        ("US", "US", "US"),
        ("US", '"US"', '"US"'),
        ("A B", "A B", "A B"),
        ("A B", '"A B"', '"A B"'),
        ("A B", "", '"A B"'),
        ("US", "OTHER", "US"),
        ("US", '"', "US"),
    ],
)
def test_an_mdn_repeats_the_quoting_of_the_request(ours: str, theirs: str, written: str) -> None:
    headers = mdn(replace(REPORT, as2_from=ours, from_field=theirs)).headers
    assert headers.get("AS2-From") == written
    headers = mdn(replace(REPORT, as2_to=ours, to_field=theirs)).headers
    assert headers.get("AS2-To") == written
    if theirs not in {"", '"'}:
        request = read_request(Headers((("AS2-From", theirs), ("AS2-To", theirs))))
        assert (request.from_field, request.to_field) == (theirs, theirs)
