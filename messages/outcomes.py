"""Outcomes: what an attempt came to, from what the partner's server did. No rows are touched.

Conformance SND-04 to SND-09 and REL-02, threats SD10. MDNs are judged in ``mdns``.
"""

import datetime as dt
import re
from dataclasses import dataclass, replace

from as2gateway.policy import MDNMode
from messages import backoff
from messages.models import MDN, ErrorClass, Message, State
from messages.transport import Answer, TransportError
from partners.encryption import KeyRingError

#: Statuses that an operator here or there mends without touching the message. They are tried again
#: for that reason (SD10); every other 4xx is about the message itself, which will not change.
_CHECK = {
    401: "It asks for a password, or does not take ours: check the connection's user name and "
    "password, and the URL.",
    403: "Ask the partner whether our AS2 id and our address are set up there.",
    404: "Check the URL of the connection.",
}
#: Characters of an answer that are shown to the operator.
_SHOWN = 200

#: The code of a message that was cut, and whose receiver was busy with it.
RESTART_BUSY = "restart-busy"

_HINTS = {
    ErrorClass.DNS: "Check the host name in the URL of the connection.",
    ErrorClass.CONNECT: "Check the URL, and that firewalls on both sides let us through.",
    ErrorClass.TLS: "Check the partner's TLS certificate, and whether it is the one agreed on; "
    "“Test TLS” on the connection's page shows which versions, suites and certificates they take.",
    ErrorClass.TIMEOUT: "If the partner is slow by nature, raise the response timeout.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to.

    ``queued`` means that the same bytes go out again later, as long as attempts are left.
    """

    state: State
    #: a short slug and the operator's text; empty when all is well
    code: str = ""
    text: str = ""
    error_class: ErrorClass | None = None
    #: what the partner's Retry-After asks for
    asked: dt.timedelta | None = None
    #: whether the attempt counts towards the limit: a fault of our own disk does not
    counts: bool = True
    #: whether the next attempt may follow at once
    at_once: bool = False


def of_fault(error: TransportError) -> Outcome:
    """No answer came: the message may have arrived or not, so the same bytes go again (SD4)."""
    hint = _HINTS.get(error.error_class, "")
    text = f"The attempt failed: {error.text}. {hint}".rstrip()
    return Outcome(State.QUEUED, error.error_class.value, text, error.error_class)


def of_busy(error: TransportError) -> Outcome:
    """The partner is not done with what came of the message before: it is asked again (RST-06)."""
    text = f"The message was not sent on: {error.text}. It is asked again, and then all is sent."
    return Outcome(State.QUEUED, RESTART_BUSY, text, error.error_class)


def of_stale(error: TransportError) -> Outcome:
    """The partner closed a connection that was kept open: likely before it read the message.

    It need not be so. So it is an attempt, and the next one a repetition, but not to be waited for.
    """
    text = f"The message is sent again at once: {error.text}."
    code, of = error.error_class.value, error.error_class
    return Outcome(State.QUEUED, code, text, of, counts=False, at_once=True)


def of_own_fault(error: OSError) -> Outcome:
    """Our own disk does not work: the partner has not been asked."""
    text = (
        f"The message could not be built or read: {error.strerror or error}. "
        "See to the disk of the store; the message is tried again."
    )
    return Outcome(State.QUEUED, "disk", text, counts=False)


def of_key_ring(error: KeyRingError) -> Outcome:
    """A private key cannot be read: the partner has not been asked."""
    text = f"The message could not be built: {error} Then it is sent by itself."
    return Outcome(State.QUEUED, "key-ring", text, counts=False)


def missing(key: str) -> Outcome:
    """Our own octets are gone, and no attempt will bring them back."""
    text = (
        f"A file of this message is missing in the store: {key}. "
        "Restore it from a backup and resend, or send the document anew."
    )
    return Outcome(State.FAILED, "file-missing", text)


def unbuildable(error: Exception) -> Outcome:
    """The settings do not make a message: a key is missing, or they contradict each other."""
    return Outcome(State.FAILED, "not-built", f"The message could not be built: {error}")


def exhausted(outcome: Outcome, tries: int) -> Outcome:
    """The last attempt that the connection allows has come to nothing, too."""
    text = f"{outcome.text} That was attempt {tries}, the last one: resend it when that is mended."
    return replace(outcome, state=State.FAILED, text=text)


def given_up(message: Message) -> Outcome:
    """The attempts are used up, and what the last one waited for did not come (SD9)."""
    if message.mdn_deadline is None:
        text = (
            "The process that made the last attempt ended before the answer was recorded. "
            "Whether the partner has the message is unknown: ask, or resend the same bytes."
        )
        return Outcome(State.FAILED, ErrorClass.LOST.value, text, ErrorClass.LOST)
    text = (
        f"The partner took the message, but no MDN came within "
        f"{message.connection.mdn_wait_minutes} minutes, after {message.tries} attempts. Check "
        "that the partner can reach the MDN URL in our messages, then resend."
    )
    return Outcome(State.FAILED, "no-mdn", text)


def of_useless_mdn(mdn: MDN) -> Outcome:
    """A 2xx came with an MDN that proves nothing.

    One that cannot be read is as good as none, and the same bytes go again. One that was read and
    did not hold would come again word for word, since a partner repeats its MDN for a repeated
    message: so the message fails now, and tells what to mend (MIC-13). Who forges this answer holds
    the connection of our own POST, and could as well have given none (threats R25).
    """
    text = f"The partner's MDN proves nothing: {mdn.failure_text}"
    if not mdn.disposition:
        return Outcome(State.QUEUED, "mdn-unreadable", text, ErrorClass.ANSWER)
    return Outcome(State.FAILED, "mdn-unproven", text, ErrorClass.ANSWER)


def with_mdn(outcome: Outcome, mdn: MDN) -> Outcome:
    """Add what an MDN says that came with an error status: information, no proof (SND-08)."""
    said = f" The MDN with it says: {mdn.disposition}." if mdn.disposition else ""
    return replace(outcome, text=outcome.text + said)


def of_answer(answer: Answer, mode: MDNMode, now: dt.datetime) -> Outcome:
    """Judge an answer that carries no MDN, or not one that counts."""
    if answer.succeeded:
        return _of_success(answer, mode)
    code, said = f"http-{answer.status}", f"The partner answered {answer.status}{_shown(answer)}."
    asked = backoff.retry_after(answer.headers.get("Retry-After"), now)
    if answer.may_pass:
        return Outcome(State.QUEUED, code, said, ErrorClass.HTTP, asked)
    if answer.status in _CHECK:
        text = f"{said} {_CHECK[answer.status]}"
        return Outcome(State.QUEUED, code, text, ErrorClass.HTTP, asked)
    return Outcome(State.FAILED, code, f"{said} {_advice(answer)}", ErrorClass.HTTP)


def _of_success(answer: Answer, mode: MDNMode) -> Outcome:
    if mode is MDNMode.NONE:
        return Outcome(State.DELIVERED)
    if mode is MDNMode.ASYNC:
        return Outcome(State.WAITING)
    # Transferred, but nothing proves that it was processed (SND-06): as if no answer had come.
    text = (
        f"The partner answered {answer.status} without the MDN that was asked for{_shown(answer)}. "
        "Check that the URL is that of their AS2 server, and that they send MDNs at once."
    )
    return Outcome(State.QUEUED, "mdn-missing", text, ErrorClass.ANSWER)


def _advice(answer: Answer) -> str:
    if 300 <= answer.status < 400:  # noqa: PLR2004  never followed (SND-09)
        target = _line(answer.headers.get("Location") or "nowhere")
        return (
            f"It points to {target}, which is not followed: if the partner confirms that "
            "address, set it as the URL of the connection and resend."
        )
    return "It will not take this message: ask the partner for the reason before you resend."


def _shown(answer: Answer) -> str:
    """The beginning of an answer, as one line of text without its markup."""
    text = answer.body[: 20 * _SHOWN].decode("utf-8", "replace")
    text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|$)|<[^>]*>", " ", text)
    line = _line(text)
    return f" and said “{line}”" if line else ""


def _line(text: str) -> str:
    """What a partner wrote as one line to be shown, and stored: PostgreSQL takes no NUL."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_SHOWN]
