"""Access: whose partners and connections a user sees. One rule, asked by every page and by the API.

What a user may do is a matter of permissions (``config.access``); on which rows, of this package.
"""
