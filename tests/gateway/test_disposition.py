import pytest

from as2gateway import errors
from as2gateway.disposition import Disposition, DispositionType, Level
from as2gateway.errors import MalformedMDN

MODE = "automatic-action/MDN-sent-automatically; "
PROCESSED, FAILED = DispositionType.PROCESSED, DispositionType.FAILED


@pytest.mark.parametrize(
    ("value", "level", "text"),
    [
        (MODE + "processed", None, ""),
        ("Automatic-action/mdn-sent-automatically;processed", None, ""),
        ("automatic-action/MDN-sent-automatically  ;  processed", None, ""),
        ("automatic-action / MDN-sent-automatically; Processed", None, ""),
        ("automatic-action/MDN-sent-automatically (by robot); (a) PROCESSED (b)", None, ""),
        (MODE + "processed,", None, ""),
        (MODE + "processed;", None, ""),
        ("manual-action/MDN-sent-manually; processed", None, ""),
        ("processed", None, ""),
        ("processed;", None, ""),
        (MODE + "processed/warning: duplicate-document", Level.WARNING, "duplicate-document"),
        (MODE + "processed / warning : x", Level.WARNING, "x"),
        (
            MODE + "processed/warning: authentication-failed, processing continued",
            Level.WARNING,
            "authentication-failed, processing continued",
        ),
        (MODE + "processed/Warning", Level.WARNING, ""),
    ],
)
def test_positive_dispositions_are_known_in_every_spelling(
    value: str, level: Level | None, text: str
) -> None:
    read = Disposition.parse(value)
    assert read == Disposition(PROCESSED, level, text)
    assert read.positive


@pytest.mark.parametrize(
    ("value", "kind", "level", "text"),
    [
        ("processed/error: decryption-failed", PROCESSED, Level.ERROR, "decryption-failed"),
        ("processed/Error:authentication-failed", PROCESSED, Level.ERROR, "authentication-failed"),
        ("processed/error", PROCESSED, Level.ERROR, ""),
        ("processed/error; x", PROCESSED, Level.ERROR, "x"),
        ("processed/error(really): x (kept)", PROCESSED, Level.ERROR, "x (kept)"),
        ("processed/ERROR: Unable to create directory", PROCESSED, Level.ERROR,
         "Unable to create directory"),
        ("processed/error: decompresion-failed", PROCESSED, Level.ERROR, "decompresion-failed"),
        ("failed/Failure: x", FAILED, Level.FAILURE, "x"),
        ("failed/failure=free text", FAILED, Level.FAILURE, "free text"),
        ("failed/failure: unsupported MIC-algorithms", FAILED, Level.FAILURE,
         "unsupported MIC-algorithms"),
        ("failed", FAILED, None, ""),
        ("failed/warning: x", FAILED, Level.WARNING, "x"),
        ("processed/warning: a, error: b", PROCESSED, Level.ERROR, "a, error: b"),
        ("processed/warning,error: decryption-failed", PROCESSED, Level.ERROR,
         "error: decryption-failed"),
        ("processed/warning, error", PROCESSED, Level.ERROR, "error"),
        ("processed/warning, failure: unsupported format", PROCESSED, Level.FAILURE,
         "failure: unsupported format"),
        ("processed/warning;error: x", PROCESSED, Level.ERROR, "error: x"),
        ("processed/warning/error: x", PROCESSED, Level.ERROR, "/error: x"),
        ("processed/", PROCESSED, Level.ERROR, ""),
        ("processed/errors: x", PROCESSED, Level.ERROR, "errors: x"),
        ("processed, failed", PROCESSED, Level.ERROR, ", failed"),
        ("processed error", PROCESSED, Level.ERROR, "error"),
    ],
)  # fmt: skip
def test_negative_dispositions_keep_their_text(
    value: str, kind: DispositionType, level: Level | None, text: str
) -> None:
    read = Disposition.parse(MODE + value)
    assert read == Disposition(kind, level, text)
    assert not read.positive


@pytest.mark.parametrize("word", ["displayed", "dispatched", "deleted", "error", "process"])
def test_an_unknown_type_is_negative_and_kept_whole(word: str) -> None:
    read = Disposition.parse(MODE + word)
    assert not read.positive
    assert read.text == MODE + word


@pytest.mark.parametrize("value", ["", ";", "  ", "/error", "123", "(processed)"])
def test_nothing_readable_is_malformed(value: str) -> None:
    with pytest.raises(MalformedMDN):
        Disposition.parse(value)


@pytest.mark.parametrize(
    ("error", "written"),
    [
        (None, "processed"),
        (errors.DecryptionFailed("x"), "processed/error: decryption-failed"),
        (errors.AuthenticationFailed("x"), "processed/error: authentication-failed"),
        (errors.IntegrityCheckFailed("x"), "processed/error: integrity-check-failed"),
        (errors.DecompressionFailed("x"), "processed/error: decompression-failed"),
        (errors.InsufficientMessageSecurity("x"), "processed/error: insufficient-message-security"),
        (errors.MalformedMessage("x"), "processed/error: unexpected-processing-error"),
        (errors.LimitExceeded("x"), "processed/error: unexpected-processing-error"),
        (errors.UnsupportedFormat("x"), "failed/failure: unsupported format"),
        (errors.UnsupportedMICAlgorithms("x"), "failed/failure: unsupported MIC-algorithms"),
        (errors.SenderEqualsReceiver("x"), "failed/failure: sender-equals-receiver"),
    ],
)
def test_each_error_is_written_in_the_exact_form(
    error: errors.AS2Error | None, written: str
) -> None:
    disposition = Disposition.for_error(error)
    assert str(disposition) == MODE + written
    assert disposition.positive is (error is None)


@pytest.mark.parametrize("kind", DispositionType)
@pytest.mark.parametrize("level", [None, *Level])
@pytest.mark.parametrize("text", ["", "some-modifier, and text"])
def test_what_is_written_reads_back(kind: DispositionType, level: Level | None, text: str) -> None:
    disposition = Disposition(kind, level, text if level else "")
    assert Disposition.parse(str(disposition)) == disposition


def test_unclosed_comments_cost_no_more_than_their_length() -> None:
    assert not Disposition.parse("processed/" + "(" * 50_000).positive
