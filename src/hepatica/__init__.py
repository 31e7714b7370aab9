"""Hepatica: the liver and its colorectal metastases from contrast-enhanced T1 MRI.

Research use only. Not for diagnosis, treatment or surgical decisions.
"""

import time

__version__ = "0.1.0"

#: When the package was first imported, on `time.perf_counter`'s clock.
STARTED = time.perf_counter()
