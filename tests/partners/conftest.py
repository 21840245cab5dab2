"""What tests of partners may ask for."""

from pathlib import Path

import pytest

from tests.partners.applying import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A good file of settings with its keys."""
    return Folder(tmp_path).fill()
