"""Presets: what is known of partners and of their software, as settings to start from.

Each is a file with a version; each value has a reason and a source. What no source says is left to
the defaults of ``Connection``. A preset is a start, no rule: what a partner insists on is told by
compliance profiles (``as2gateway.compliance``).
"""

from partners.presets.reading import Note, Preset, PresetError, Source, Value, known_presets, preset

__all__ = [
    "Note",
    "Preset",
    "PresetError",
    "Source",
    "Value",
    "known_presets",
    "preset",
]
