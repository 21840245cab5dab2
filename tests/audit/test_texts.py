import pytest

from audit.texts import storable


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("Größe", None, "Größe"),
        ("Größe", 3, "Grö"),
        ("a\0b", None, "a\N{REPLACEMENT CHARACTER}b"),
        ("a\udc80b", None, "a?b"),
    ],
)
def test_what_no_database_takes_is_replaced(text: str, limit: int | None, kept: str) -> None:
    assert storable(text, limit) == kept
