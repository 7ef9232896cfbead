"""The open task of the notebook on measures: which share of what a model makes is copied from its training data?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssgan_lite.course.exercises import answer_of, describe, expect, expect_number

SOLUTION = """\
def copied_share(generated, train, unseen):
    def nearest(others):
        return np.linalg.norm(generated[:, None] - others[None], axis=2).min(axis=1)

    # A face that was not copied is about as far from the nearest training face as from the nearest unseen one,
    # wherever it lies. A copy is much nearer to the first.
    return float((nearest(train) < 0.5 * nearest(unseen)).mean())"""
D = 12                          # numbers per face


def examine(answer: Callable) -> None:
    """Ask the reader's measure about models of which we know how much they copy."""
    rng = np.random.default_rng(7)

    def cloud(n: int, size: float = 1.0) -> np.ndarray:
        return size * rng.standard_normal((n, D))

    def asked(generated: np.ndarray, train: np.ndarray, unseen: np.ndarray) -> float:
        share = answer_of(answer, generated, train, unseen)
        expect_number(share, "the share")
        expect(-1e-9 <= float(share) <= 1 + 1e-9, f"A share lies between 0 and 1; you return {float(share):.3g}")
        return float(share)

    train, unseen = cloud(300), cloud(200)
    first = answer(train[:100], train, unseen)
    expect(not isinstance(first, np.ndarray) or first.ndim == 0, f"one number is wanted, the share of all generated "
                                                                 f"faces; you return {describe(first)}")
    copies = asked(train[::3], train, unseen)
    expect(copies > 0.9, f"A model that hands out training faces gets {copies:.2f}; all of its faces are copies")
    honest = asked(cloud(150), train, unseen)
    expect(honest < 0.1, f"fresh faces, drawn from the same cloud as the training faces, get {honest:.2f}: of two "
                         "equally near neighbors one is always the nearer, and that is no copying")
    shaken = asked(train[100:250] + cloud(150, 0.05), train, unseen)
    expect(shaken > 0.9, f"copies with a little noise on them (a twentieth of the cloud's size) get {shaken:.2f}; "
                         "they are copies all the same")
    part = np.concatenate([cloud(105), train[200:245] + cloud(45, 0.05)])
    rng.shuffle(part)
    mixed = asked(part, train, unseen)
    expect(abs(mixed - 0.3) < 0.1, f"of 150 faces 45 are copies, a share of 0.30; you find {mixed:.2f}. Judge every "
                                   "face by itself, not all of them by one median")
    for scale in (100.0, 0.01):
        scaled = asked(scale * part, scale * train, scale * unseen)
        expect(abs(scaled - mixed) < 0.02, f"all features times {scale:g} change your share from {mixed:.2f} to "
                                           f"{scaled:.2f}: a fixed distance means nothing, its unit is the "
                                           "extractor's")
    bad = asked(np.concatenate([cloud(75), cloud(75) + 3]), train, unseen)
    expect(bad < 0.1, f"half of the faces are fresh, half are bad ones, far from all real faces; nothing is copied, "
                      f"and you find {bad:.2f}: bad faces must not decide what counts as near")
    narrow = asked(cloud(150, 0.05), train, unseen)
    expect(narrow < 0.1, f"A model that makes nothing but average faces gets {narrow:.2f}. They are near to many "
                         "real faces, to unseen ones as well: compare with those for each face")
    lopsided = asked(cloud(150), cloud(600), unseen[:60])
    expect(lopsided < 0.1, f"fresh faces get {lopsided:.2f} when there are ten times as many training faces as "
                           "unseen ones: among more faces the nearest is a little nearer")

    def kinds(n: int, far: int = 20) -> np.ndarray:
        """Most faces are much alike, a few are very different."""
        return np.concatenate([cloud(n, 0.02) + far, cloud(n // 2)])

    train, unseen, fresh = kinds(160), kinds(160), kinds(80)
    alike = asked(fresh, train, unseen)
    expect(alike < 0.1, f"where most faces are much alike and a few very different, fresh faces get {alike:.2f}: "
                        "what is near depends on where a face lies")
    rare = asked(np.concatenate([fresh[:80], train[160:240] + cloud(80, 0.05)]), train, unseen)
    expect(abs(rare - 0.5) < 0.1, f"in the same data only the different ones are copied, half of all; you find "
                                  f"{rare:.2f}: what is near depends on where a face lies")
