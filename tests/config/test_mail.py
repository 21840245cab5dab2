"""The mail server's URL: what it means, and what is said of a wrong one."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.mail import Mail, configure

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.mark.parametrize(
    ("url", "mail"),
    [
        ("", Mail()),
        ("smtp://mail.example", Mail(SMTP, "mail.example", 25)),
        (
            "smtp+tls://me%40example:p%3Aw@mail.example",
            Mail(SMTP, "mail.example", 587, "me@example", "p:w", starttls=True),
        ),
        ("smtps://mail.example:1465", Mail(SMTP, "mail.example", 1465, tls=True)),
    ],
)
def test_a_url_says_it_all(url: str, mail: Mail) -> None:
    assert configure(url) == mail


@pytest.mark.parametrize(
    "url", ["mail.example", "http://mail.example", "smtp://", "smtp://me:secret@mail.example:x"]
)
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL must be") as refusal:
        configure(url)
    assert "secret" not in str(refusal.value)
