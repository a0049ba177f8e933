"""Asking the processor for a row before it is needed, in machine code made by numba.

A processor reads ahead by itself, but not past the end of a page of memory, and files are mapped in
pages of 4 KiB. Touching a later row's beginning has its page looked up and its reading ahead begun
in time. numba has no word for it, so it is said in the instructions of LLVM.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np


def prefetch_row(codes_BK: np.ndarray, row: int) -> None:
    """Begin to read a row. As plain Python it does nothing; results are the same either way."""


@cache
def teach_numba() -> None:
    """Let compiled functions call :func:`prefetch_row`; needs numba."""
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic, overload

    def typed(_: Any, codes: Any, row: Any) -> Any:
        def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
            array = context.make_array(codes)(context, builder, arguments[0])
            indices = [arguments[1], context.get_constant(row, 0)]
            start = cgutils.get_item_pointer(context, builder, codes, array, indices)  # type: ignore[no-untyped-call]
            address, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            function = builder.module.declare_intrinsic(
                "llvm.prefetch",
                [address],
                ir.FunctionType(ir.VoidType(), [address, number, number, number]),
            )
            # To read, into every cache, of data.
            builder.call(
                function, [builder.bitcast(start, address), number(0), number(3), number(1)]
            )
            return context.get_dummy_value()

        return types.void(codes, row), generate

    prefetch: Any = intrinsic(typed)
    overload(prefetch_row, strict=False)(lambda *_: lambda codes_BK, row: prefetch(codes_BK, row))
