"""Measures routers on labelled prompts, always beside baselines. See docs/evaluation.md.

Needs the ``eval`` extra (numpy); nothing of the router imports it at run time.
"""
