"""Hepatica: the liver and its colorectal metastases from contrast-enhanced T1 MRI.

Research use only. Not for diagnosis, treatment or surgical decisions.
"""

__version__ = "0.1.0"
