"""Badges: a word on a coloured ground, the same on every page of every app."""

from enum import StrEnum

from django.utils.html import format_html
from django.utils.safestring import SafeString


class Tone(StrEnum):
    """What a colour says; the value is a class of the style sheet."""

    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    BUSY = "busy"
    PLAIN = "plain"


def badge(tone: Tone, text: str) -> SafeString:
    """Show a word on a coloured ground; the word alone says it too."""
    return format_html('<span class="as2-badge as2-{}">{}</span>', tone.value, text)
