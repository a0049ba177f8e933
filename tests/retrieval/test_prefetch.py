from __future__ import annotations

import numpy as np
import pytest

from sdml.retrieval.prefetch import prefetch_row, teach_numba


def test_machine_code_asks_for_the_row() -> None:
    numba = pytest.importorskip("numba", reason="numba (the extra 'fast') is not installed")
    teach_numba()
    ask = numba.njit(lambda codes_BK, row: prefetch_row(codes_BK, row))
    codes_BK = np.arange(12, dtype=np.float32).reshape(3, 4)
    for row in (0, 2):
        assert ask(codes_BK, row) is None
    assert codes_BK.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    [code] = ask.inspect_llvm().values()
    assert "@llvm.prefetch" in code


def test_plain_python_does_nothing() -> None:
    codes_BK = np.ones((2, 2), dtype=np.float32)
    prefetch_row(codes_BK, 1)
    assert (codes_BK == 1).all()
