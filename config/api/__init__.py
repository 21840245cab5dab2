"""REST API: its door, how the routers of the apps are put together, and what failures say."""
