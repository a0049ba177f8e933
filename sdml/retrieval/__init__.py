"""Retrieval: rank a gallery for each query, and judge the rankings.

Only torch and numpy are used here: no files, clock, environment or global randomness.
"""

from sdml.retrieval.average_precision import RetrievalScores, score
from sdml.retrieval.cross_modal import CrossModalResult, evaluate
from sdml.retrieval.curves import Curves
from sdml.retrieval.direction import PairResult, score_codes
from sdml.retrieval.gallery_block import squared_lengths
from sdml.retrieval.protocol import Protocol
from sdml.retrieval.sampled import QuerySample, evaluate_sampled
from sdml.retrieval.search import SearchResult, search
from sdml.retrieval.shards import merge, search_shards
from sdml.retrieval.similarity import (
    cosine_representation,
    default_temperature,
    posterior_representation,
)

__all__ = [
    "CrossModalResult",
    "Curves",
    "PairResult",
    "Protocol",
    "QuerySample",
    "RetrievalScores",
    "SearchResult",
    "cosine_representation",
    "default_temperature",
    "evaluate",
    "evaluate_sampled",
    "merge",
    "posterior_representation",
    "score",
    "score_codes",
    "search",
    "search_shards",
    "squared_lengths",
]
