"""What tests of partners may ask for."""

from pathlib import Path

import pytest
from pytest_django import Settings

from tests.partners.applying import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A good file of settings with its keys."""
    return Folder(tmp_path).fill()


@pytest.fixture
def sheets(settings: Settings, tmp_path: Path) -> Path:
    """The folder of this installation's own compliance profiles, empty."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    settings.AS2_PROFILES = folder
    return folder
