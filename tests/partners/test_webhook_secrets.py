"""Secrets of webhooks, as people write them."""

import pytest

from partners import webhook_secrets


def test_a_secret_is_read_as_it_was_written() -> None:
    secret = webhook_secrets.new_secret()
    assert webhook_secrets.written(secret).startswith("whsec_")
    assert webhook_secrets.read(f" {webhook_secrets.written(secret)}\n") == secret


@pytest.mark.parametrize("text", ["whsec_???", "whsec_" + "A" * 28, "whsec_" + "A" * 88, ""])
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="It has to"):
        webhook_secrets.read(text)
