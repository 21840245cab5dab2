"""REST API of partners, connections and certificates; what every router needs stands here, too.

Nothing here is imported before the first call of the API (``config.api.door``).
"""
