"""``send`` and ``messages``."""
