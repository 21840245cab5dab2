"""Tests of one product follow each other, so that it is started once for a file of them."""

from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file and product what else comes in any order; see ``meetings.Meetings``."""
    places = [at for at, item in enumerate(items) if _HERE in item.path.parents]
    ours = sorted((items[at] for at in places), key=_group)
    for at, item in zip(places, ours, strict=True):
        items[at] = item


def _group(item: pytest.Item) -> tuple[str, str]:
    # Only a parametrised test has one.
    parameters = getattr(item, "callspec", None)
    return str(item.path), str(parameters.params.get("product", "") if parameters else "")
