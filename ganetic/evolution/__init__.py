"""The search: what evolves, in what order, and what comes of it."""
