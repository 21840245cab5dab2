import pytest

from as2gateway import errors
from as2gateway.errors import AS2Error
from as2gateway.policy import InboundPolicy
from messages.verdicts import explain
from tests import factories

POLICY = InboundPolicy(as2_from="AMAZON", as2_to="VENDOR")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            errors.UnexpectedProcessingError("KeyError: 'x'"),
            "unexpected-processing-error",
            "KeyError: 'x'. This is a fault of the gateway",
        ),
        (
            errors.InsufficientMessageSecurity("it is weak."),
            "insufficient-message-security",
            "It is weak. Ask Amazon to sign and encrypt as agreed.",
        ),
        (
            errors.MalformedMessage("line\r\n\x00break \u2028 here"),
            "malformed-message",
            "Line   break   here. Send",
        ),
        (errors.LimitExceeded("x" * 9999), "limit-exceeded", "X" + "x" * 499 + ". Nothing"),
        (errors.AuthenticationFailed(""), "authentication-failed", ". The connection has no"),
    ],
)
def test_every_fault_has_words_of_bounded_length(error: AS2Error, code: str, text: str) -> None:
    explanation = explain(error, factories.bare_connection(), POLICY)
    assert explanation.code == code
    assert explanation.text.startswith(text)
