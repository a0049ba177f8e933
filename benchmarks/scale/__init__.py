"""Growth: a cost model fitted to measurements, and a simulated queue of trainings.

One thread everywhere, so that what is measured is the work: set here, before numpy is loaded.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
