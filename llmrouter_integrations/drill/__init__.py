"""Drills: every fault of the catalogue, brought about, and what the router makes of it."""
