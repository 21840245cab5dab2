"""Django's database backend for SQLite, with a queue for its writers."""
