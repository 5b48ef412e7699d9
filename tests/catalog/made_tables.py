"""What a made table says of scores in general."""

COMPONENTS = {
    "means": {"Coding": 0.6, "Agentic Coding": 0.4, "IF": 0.7, "Language": 0.7, "Reasoning": 0.6},
    "sizes": {"Coding": 2, "Agentic Coding": 3, "IF": 4, "Language": 4, "Reasoning": 1},
    "levels": 0.01,
    "categories": {
        "Coding": 0.002,
        "Agentic Coding": 0.003,
        "IF": 0.001,
        "Language": 0.0,
        "Reasoning": 0.001,
    },
    "tasks": {
        "Coding": 0.004,
        "Agentic Coding": 0.003,
        "IF": 0.004,
        "Language": 0.002,
        "Reasoning": 0.0,
    },
}
PLACING = {
    "mean": 0.5,
    "per_year": 1.0,
    "per_doubling": 0.25,
    "usual": [0.0, 2.0],
    "spread": [0.25, 4.0],
    "variance": 0.04,
    "kinship": 0.5,
    "links": {"LiveBench": [0.0, 1.0, 0.0025], "Puzzles": [-1.0, 2.0, 0.16]},
    "lines": {"acme/small": [[[1, 0], "acme/small-1", 0.4], [[3, 0], "acme/small-3", -0.4]]},
    "widening": 1.0,
}
QUALITY = {"components": COMPONENTS, "placing": PLACING}
