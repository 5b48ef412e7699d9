"""WHICH model: features, candidates, quality, cost, latency, and the decision. Pure: no I/O."""
