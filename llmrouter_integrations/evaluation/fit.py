"""Learning a predictor from labels: everything is chosen from the labels themselves.

No row decides about its own prediction: tasks, penalties, the weight of each opinion and what
counts as familiar are chosen by predictions that leave the row out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from llmrouter_integrations.evaluation.ridge import (
    SparseRows,
    Ridge,
    nonnegative_weights,
)
from llmrouter_integrations.routing.predictor import (
    FittedPredictor,
    Halves,
    Opinions,
    Structure,
    Words,
    softmax,
    split,
)
from llmrouter_integrations.routing.text_features import (
    BUCKETS,
    STRUCTURE,
    line_hash,
    normalized_lines,
    read_prompt,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from llmrouter_integrations.evaluation.datasets import LabelledTable
    from llmrouter_integrations.routing.text_features import Reading

__all__ = ["MAX_ROWS", "fit"]

MAX_ROWS = 20_000
SHRINKAGE_ROWS = 10.0
SHARED_LINE_SHARE = 0.05
SHARED_LINE_ROWS = 20
MAX_TASKS = 64
LEAST_TASK_ROWS = 5
STRUCTURE_WEIGHT = 0.05 ** 0.5
DOUBT_ROWS = 30.0
BENDS = (0.25, 0.5, 0.75)


def fit(table: LabelledTable, *, seed: int = 0) -> FittedPredictor:
    rng = np.random.default_rng(seed)
    quality = table.quality
    level = np.nanmean(quality, axis=0)
    shared = _shared_lines(table.prompts)
    readings = [read_prompt(p, shared) for p in table.prompts]
    n, m = quality.shape
    figures = np.array([r.structure for r in readings])
    words, sparse = _words(readings, shared)
    structure, bent = _structure(figures, readings)
    # groups
    groups, member = _groups(table)
    res = quality - level
    h = split(res)
    onehot = np.zeros((n, len(groups)))
    if groups: onehot[np.arange(n), member] = 1
    share = onehot.mean(0)
    ridge = Ridge(sparse, bent * STRUCTURE_WEIGHT, rng)
    G = len(groups)
    if G:
        tasks = ridge.fit(onehot - share)
        sums = onehot.T @ quality; counts = onehot.sum(0)
        tab = (sums + SHRINKAGE_ROWS * level) / (counts[:, None] + SHRINKAGE_ROWS)
        sc = tasks.left_out
        best = max((float(np.log((softmax(b * sc) * onehot).sum(1) + 1e-9).mean()), b) for b in (3., 5., 8., 12., 20., 30.))
        sharp = best[1]
        p = softmax(sharp * sc)
        own = (onehot @ sums - quality + SHRINKAGE_ROWS * level) / ((onehot @ counts)[:, None] - 1 + SHRINKAGE_ROWS)
        bt = p @ tab + (p * onehot).sum(1)[:, None] * (own - onehot @ tab)
    else:
        tab = np.zeros((0, m)); sharp = 1.; bt = np.tile(level, (n, 1))
    inferred = split(bt - level)
    told = split(own - level) if G else inferred
    com = ridge.fit(h.common); ap = ridge.fit(h.apart)
    fits = ([tasks] if G else []) + [com, ap]
    ops = [Halves(com.left_out, ap.left_out)]
    if G:
        rc = ridge.fit(h.common - told.common)
        ra = ridge.fit(h.apart - told.apart)
        U, s_, Vt = np.linalg.svd(ra.left_out, full_matrices=False); Pm = Vt[:V['rank']].T @ Vt[:V['rank']]
        ra = replace(ra, by_word=ra.by_word @ Pm, by_figure=ra.by_figure @ Pm, left_out=ra.left_out @ Pm)
        fits += [rc, ra]
        ops.append(Halves(rc.left_out, ra.left_out))
    J = [np.concatenate([getattr(x, k) for x in fits], axis=1) for k in ('by_word', 'by_figure')]
    wc, wa = [], []
    for first in (inferred, told):
        parts = [first, *ops]
        wc.append(nonnegative_weights(np.array([x.common[:, 0] for x in parts]).T, h.common[:, 0], DOUBT_ROWS))
        wa.append(nonnegative_weights(np.array([x.apart.ravel() for x in parts]).T, h.apart.ravel(), DOUBT_ROWS * m))
    wc, wa = np.array(wc), np.array(wa)
    op = Opinions(np.asarray(J[0], np.float32), J[1] * STRUCTURE_WEIGHT, sharp, tab, wc, wa)
    info = dict(pen=[x.penalty for x in fits], sharp=sharp, wc=wc.round(2), wa=wa.round(2))
    return FittedPredictor(table.models, groups, level, words, structure, op, notes=(str(info),))


V = dict(rank=2, ridge=.1, q=.99, far=1.)


def _groups(table):
    if table.groups is None or len(set(table.groups)) < 2: return (), None
    names, place, counts = np.unique(np.array(table.groups, dtype=object), return_inverse=True, return_counts=True)
    return tuple(str(x) for x in names), place


def _shared_lines(prompts):
    counts = {}
    for p in prompts:
        for l in {line_hash(x) for x in normalized_lines(p) if len(x) > 3}:
            counts[l] = counts.get(l, 0) + 1
    least = max(SHARED_LINE_ROWS, SHARED_LINE_SHARE * len(prompts))
    return frozenset(l for l, c in counts.items() if c >= least)


def _words(readings, shared):
    n = len(readings)
    starts = np.concatenate(([0], np.cumsum([len(r.buckets) for r in readings])))
    columns = np.concatenate([r.buckets for r in readings])
    df = np.bincount(columns, minlength=BUCKETS)
    w = np.where(df > 0, np.sqrt(np.log((n + 1) / (df + 1))), 0)
    rarity = np.log((n + 1) / (df + .3))
    v = w[columns]
    rows = np.repeat(np.arange(n), np.diff(starts))
    norm = np.sqrt(np.bincount(rows, v * v, n)); norm[norm == 0] = 1
    return Words(shared, w.astype(np.float32), rarity.astype(np.float32)), SparseRows(starts, columns, v / norm[rows], BUCKETS)


def _structure(figures, readings):
    c, s = figures.mean(0), figures.std(0)
    floor = np.where(np.arange(len(s)) < 21, .1, .2)
    near = np.maximum(s, floor)
    s = np.where(s < 1e-6, 1e9, s)
    sc = np.clip((figures - c) / s, -4, 4)
    bends = np.quantile(sc, BENDS, axis=0)
    away = (figures - c) / near
    close = np.linalg.inv(np.cov(away.T) + V['ridge'] * np.eye(len(s)))
    df = np.bincount(np.concatenate([r.buckets for r in readings]), minlength=BUCKETS)
    n = len(readings)
    rare = np.array([np.log((n + 1) / (df[r.buckets] - 1 + .3)).mean() if len(r.buckets) else 0. for r in readings])
    dist = np.sqrt(((away @ close) * away).sum(1))
    both = np.stack([dist, rare], 1)
    ordinary = np.quantile(both, V['q'], axis=0); strange = ordinary + V['far'] * (ordinary - np.median(both, axis=0))
    st = Structure(c, s, near, bends, close, ordinary, strange)
    return st, st.bent(sc)
