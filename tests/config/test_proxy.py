"""The proxy's configuration in ``deploy/`` lets what may be large through as it comes."""

import re

import pytest

from config.api.door import ROOT as API
from messages.endpoint import PATHS
from tests.maps import ROOT

TEXT = (ROOT / "deploy" / "nginx.conf").read_text()
_BLOCK = re.compile(r"location ~ (\S+) \{(.*?)\}", re.DOTALL)


@pytest.mark.parametrize("path", [*PATHS, f"/{API}messages"])
def test_documents_are_neither_bounded_nor_buffered(path: str) -> None:
    ((pattern, settings),) = _BLOCK.findall(TEXT)
    assert re.search(pattern, path)
    assert "client_max_body_size 0;" in settings
    assert "proxy_request_buffering off;" in settings


@pytest.mark.parametrize("path", ["/admin/", "/as2x", "/api/v1/messages/3", f"/{API}docs"])
def test_nothing_else_is_let_through_so(path: str) -> None:
    ((pattern, _settings),) = _BLOCK.findall(TEXT)
    assert not re.search(pattern, path)
