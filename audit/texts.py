"""Texts that others chose, made storable: a row must not fail by what a partner wrote."""


def storable(text: str, limit: int | None = None) -> str:
    """Replace what PostgreSQL does not store, NUL and lone surrogates; keep so many characters."""
    clean = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    return clean[:limit]
