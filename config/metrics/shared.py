"""Shared: the folder through which web processes add up what each of them has counted."""

import os
import shutil
from pathlib import Path
from typing import Final

from django.conf import settings

#: Names the folder to the library, which looks for it once, when it is imported.
_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


def is_on() -> bool:
    """Whether anybody may read metrics."""
    return bool(settings.AS2_METRICS_TOKEN or settings.AS2_METRICS_ALLOW)


def prepare(folder: Path) -> None:
    """Make the folder anew; call it before the library is imported, in the first process."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    os.environ[_VARIABLE] = str(folder)


def is_prepared() -> bool:
    """Whether several processes count together."""
    return _VARIABLE in os.environ
