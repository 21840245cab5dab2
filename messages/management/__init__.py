"""Commands of the messages app."""
