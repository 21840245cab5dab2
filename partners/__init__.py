"""Who we exchange documents with, and as whom."""
