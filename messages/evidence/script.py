"""The script of a bundle: POSIX sh and openssl, so that nobody has to trust a program of ours."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import quote

from as2gateway.mic import MIC

_HEAD = """\
#!/bin/sh
# Verifies this bundle: sh verify.sh. It needs openssl (1.1.1 or newer) and dd, and no network.
# It ends with 0 if everything holds, with 1 if anything does not, with 2 if it cannot work.
set -u
case $0 in */*) cd "${0%/*}" || exit 2 ;; esac
command -v openssl >/dev/null || { echo "openssl is not installed"; exit 2; }
failed=0

ok() { printf '  ok    %s\\n' "$1"; }
bad() { printf '  FAIL  %s\\n' "$1"; failed=1; }

# digest ALGORITHM: of what comes in, hexadecimal
digest() { hex=$(openssl dgst "-$1"); printf '%s' "${hex##* }"; }

# contains FILE TEXT
contains() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *"$2"*) return 0 ;; esac
  done < "$1"
  return 1
}

# signed SIGNATURE CONTENT CERTIFICATE FINGERPRINT WHOSE
signed() {
  print=$(openssl x509 -in "$3" -outform DER | digest sha256)
  if [ "$print" = "$4" ]; then ok "$5 certificate has the fingerprint $4"
  else bad "$5 certificate has the fingerprint $print instead of $4"; fi
  if openssl cms -verify -binary -inform DER -in "$1" -content "$2" \\
       -certfile "$3" -nointern -noverify -purpose any -out /dev/null 2>/dev/null
  then ok "$5 signature over $2 holds"
  else bad "$5 signature over $2 does not hold"; fi
}

echo "The files of the bundle are as they were made:"
while read -r want name; do
  if [ -f "$name" ] && [ "$(digest sha256 < "$name")" = "$want" ]; then ok "$name"
  else bad "$name is missing or was changed"; fi
done < SHA256SUMS
"""
_TAIL = """
echo
if [ "$failed" -eq 0 ]; then echo "Everything holds."
else echo "THIS BUNDLE DOES NOT HOLD. See the lines with FAIL."; fi
exit "$failed"
"""


@dataclass(frozen=True, slots=True)
class Signed:
    """A detached signature: the files of it, and whose it is."""

    signature: str
    content: str
    certificate: str
    fingerprint: str
    #: as it stands before "signature" in a sentence
    whose: str


@dataclass(frozen=True, slots=True)
class Steps:
    """What there is to verify; empty fields are what a bundle does not have."""

    document_sha256: str = ""
    signatures: Sequence[Signed] = ()
    #: where in the MDN's body its signed part is: octets to skip, and its length
    signed_part: tuple[int, int] | None = None
    #: the file in which the MDN's fields stand readable
    report: str = ""
    message_id: str = ""
    disposition: str = ""
    mic: MIC | None = None
    #: whether the MIC is over ``signed-content.bin``
    content: bool = False
    #: octets of that before the document; None if the document is encoded in it
    before_document: int | None = None


def script(steps: Steps) -> str:
    """Write the script for these steps."""
    return _HEAD + "".join(_parts(steps)) + _TAIL


def _parts(steps: Steps) -> Iterator[str]:
    if steps.signatures or steps.signed_part:
        yield '\necho; echo "Signatures:"\n'
    if steps.signed_part:
        skip, count = steps.signed_part
        yield (
            f"part=$(dd if=mdn/body.bin bs=1 skip={skip} count={count} 2>/dev/null"
            " | digest sha256)\n"
            'if [ "$part" = "$(digest sha256 < mdn/signed-part.bin)" ]\n'
            'then ok "mdn/signed-part.bin is a part of mdn/body.bin"\n'
            'else bad "mdn/signed-part.bin is not in mdn/body.bin"; fi\n'
        )
    for each in steps.signatures:
        words = (each.signature, each.content, each.certificate, each.fingerprint, each.whose)
        yield f"signed {' '.join(map(quote, words))}\n"
    yield from _of_report(steps)
    yield from _of_document(steps)


def _of_report(steps: Steps) -> Iterator[str]:
    if not steps.report:
        return
    yield '\necho; echo "What the MDN says:"\n'
    for what, text in (
        ("the Message-ID", steps.message_id),
        ("the disposition", steps.disposition),
    ):
        if text:
            yield (
                f"if contains {quote(steps.report)} {quote(text)}\n"
                f"then ok {quote(f'it names {what} {text}')}\n"
                f"else bad {quote(f'it does not name {what} {text}')}; fi\n"
            )
    if steps.mic and steps.content:
        name = steps.mic.algorithm.value.replace("-", "")
        yield (
            f"mic=$(openssl dgst -{name} -binary < signed-content.bin | openssl base64 -A)\n"
            f'if contains {quote(steps.report)} "$mic"\n'
            f'then ok "its MIC is the {name} digest of signed-content.bin: $mic"\n'
            f'else bad "its MIC is not the {name} digest of signed-content.bin: $mic"; fi\n'
        )


def _of_document(steps: Steps) -> Iterator[str]:
    if not steps.document_sha256:
        return
    yield (
        '\necho; echo "The document:"\n'
        f'if [ "$(digest sha256 < document)" = {steps.document_sha256} ]\n'
        f'then ok "its SHA-256 is {steps.document_sha256}"\n'
        'else bad "it is not the document that was recorded"; fi\n'
    )
    if steps.content and steps.before_document is not None:
        # What stands before the document is skipped as one block; at least one octet does.
        yield (
            f"inside=$(dd if=signed-content.bin ibs={steps.before_document} skip=1 2>/dev/null"
            " | digest sha256)\n"
            'if [ "$inside" = "$(digest sha256 < document)" ]\n'
            'then ok "it is what stands in signed-content.bin"\n'
            'else bad "it is not what stands in signed-content.bin"; fi\n'
        )


def names(report: bytes, mic: MIC) -> bool:
    """Tell whether a MIC stands readable in a report, neither encoded nor folded."""
    return base64.b64encode(mic.digest) in report
