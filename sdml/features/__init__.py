"""Features: from files or raw items to labelled, checked, transformed vectors in splits."""

from sdml.features.extractors import EXTRACTORS, make_extractor
from sdml.features.extractors.fitted import (
    FittedExtractor,
    extractor_from_objects,
    extractor_to_objects,
)
from sdml.features.feature_set import FeatureSet, Split, build_feature_set, training_classes
from sdml.features.labels import sort_classes
from sdml.features.new_samples import read_vectors
from sdml.features.readers import named_files, read_table
from sdml.features.stored import load_split, other_objects
from sdml.features.table import Table
from sdml.features.table_parts import (
    VECTORS,
    joined_tables,
    part_of,
    read_part,
    write_part,
)
from sdml.features.transforms import TransformState

__all__ = [
    "EXTRACTORS",
    "VECTORS",
    "FeatureSet",
    "FittedExtractor",
    "Split",
    "Table",
    "TransformState",
    "build_feature_set",
    "extractor_from_objects",
    "extractor_to_objects",
    "joined_tables",
    "load_split",
    "make_extractor",
    "named_files",
    "other_objects",
    "part_of",
    "read_part",
    "read_table",
    "read_vectors",
    "sort_classes",
    "training_classes",
    "write_part",
]
