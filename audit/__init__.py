"""Who did what: an append-only, tamper-evident record that the other apps write to."""
