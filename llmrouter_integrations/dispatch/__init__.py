"""HOW to get the answer: one sans-IO state machine, and the thin loops that drive it."""
