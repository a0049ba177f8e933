"""The compared methods of the literature as trainable peers of SDML.

All of them get the feature sets that ``sdml prepare`` makes, and all are ranked and judged by
``sdml.retrieval``. They serve comparison only and are not shipped in the package. The map:

- ``peer``: what a method is; ``views``: what it is given; ``pairing``: rows that belong together;
- ``linear``, ``scatter``, ``deep``, ``networks``: what several methods compute with;
- one file for each method, and ``catalogue`` with the list of them;
- ``scoring``, ``cell``, ``runner``, ``table``, ``__main__``: from an experiment file to a table.
"""
