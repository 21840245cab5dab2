"""The house: settings, processes, URLs, logs and health."""
