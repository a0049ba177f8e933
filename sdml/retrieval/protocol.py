"""How a ranking is judged: depth, denominator, empty queries, relevance.

Average precision is one formula with four open choices, and publications differ in all of them.
Here each is a named option with a closed set of values. ``docs/protocol.md`` has the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from sdml.errors import UserError

Denominator = Literal["hits", "min", "relevant"]
EmptyQuery = Literal["zero", "skip"]
RelevanceRule = Literal["any", "exact"]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The choices behind a mean average precision.

    ``top_k``: depth k of AP@k; AP over the whole ranking is always computed too.
    ``denominator``: what the sum of precisions at the relevant ranks is divided by: ``hits``, the
    relevant items found within the depth; ``min``, min(R, depth) with R relevant items in the
    gallery; ``relevant``, R. Over the whole ranking the three are equal.
    ``empty_query``: a query whose denominator is zero scores ``zero``, or is left out (``skip``).
    ``relevance``: an item is relevant if it shares ``any`` class with the query, or if it has
    ``exact``-ly the query's set of classes. Unlabelled items are relevant to nothing.
    """

    top_k: int = 50
    denominator: Denominator = "min"
    empty_query: EmptyQuery = "zero"
    relevance: RelevanceRule = "any"

    def __post_init__(self) -> None:
        if isinstance(self.top_k, bool) or not isinstance(self.top_k, int) or self.top_k < 1:
            raise UserError(
                f"top_k must be a whole number of at least 1; received {self.top_k!r}: "
                "name the depth of AP@k"
            )
        for name, allowed in (
            ("denominator", get_args(Denominator)),
            ("empty_query", get_args(EmptyQuery)),
            ("relevance", get_args(RelevanceRule)),
        ):
            if getattr(self, name) not in allowed:
                raise UserError(
                    f"{name} must be one of {', '.join(allowed)}; "
                    f"received {getattr(self, name)!r}: choose one of these"
                )

    @classmethod
    def reference(cls, top_k: int = 50, *, multi_label: bool) -> Protocol:
        """The conventions of the released SDML code (its two AP functions disagree on empties).

        Both divide by the hits found within the depth. A query without a hit scores zero for
        single-label collections and is left out for multi-label ones. Two defects are not
        reproduced: the multi-label function cuts the whole ranking at the number of queries,
        and the single-label one fails on a gallery smaller than the depth.
        """
        return cls(
            top_k=top_k,
            denominator="hits",
            empty_query="skip" if multi_label else "zero",
            relevance="any",
        )
