"""SDML: cross-modal retrieval with independently trained modalities.

One fixed orthonormal subspace, one supervised auto-encoder per modality
(Hu, Zhen, Peng, Liu: Scalable Deep Multimodal Learning for Cross-Modal Retrieval, SIGIR 2019).

Letters in array names, throughout the package:
``N`` samples, ``D`` input features, ``K`` code size, ``C`` classes, ``Q`` queries, ``G`` gallery.
"""

from __future__ import annotations

__version__ = "0.1.0"
