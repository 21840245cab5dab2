"""One reading of a URL: what was checked is what is called."""

from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from as2gateway.headers import Headers
from messages.transport import PostOptions, TransportError, post
from partners.models import Connection
from partners.models.credentials import origin_of
from partners.urls import host_of, port_of, read_url
from tests.gateway.properties import examples

#: what URLs are made of, and what their parsers disagree on
PIECES = st.sampled_from(
    [
        *"\\/@:?#%[]. ",
        "evil.example",
        "partner.example",
        "::1",
        "user",
        "80",
        "443",
        "%40",
        "é",
        "x",
    ]
)
URLS = st.builds(
    "{}://{}".format, st.sampled_from(["http", "https"]), st.lists(PIECES, max_size=9).map("".join)
)


def dialled(url: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """Where the transport goes with a URL."""
    asked: list[tuple[str, int]] = []

    def refuse(place: tuple[str, int], *_: object) -> None:
        asked.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.create_connection", refuse)
    with pytest.raises(TransportError):
        post(url, Headers(()), [], 0, PostOptions())
    (place,) = asked
    return place


@examples(400)
@given(URLS)
def test_a_password_is_for_the_server_that_is_called(url: str) -> None:
    try:
        Connection._meta.get_field("url").run_validators(url)
    except ValidationError:
        return
    with pytest.MonkeyPatch.context() as monkeypatch:
        host, port = dialled(url, monkeypatch)
    assert origin_of(url) == f"{urlsplit(url).scheme}://{host}:{port}"


def test_a_backslash_ends_the_host_for_both() -> None:
    url = read_url("https://evil.example\\@partner.example/as2")
    assert (host_of(url), port_of(url)) == ("evil.example", 443)
    assert origin_of("https://evil.example\\@partner.example/as2") == "https://evil.example:443"


@pytest.mark.parametrize("url", ["ftp://a.example/", "https://", "", "a.example", "https://[::1/"])
def test_what_is_no_url_of_http_has_no_server(url: str) -> None:
    with pytest.raises(ValueError, match="the URL"):
        read_url(url)
    assert origin_of(url) == ""
