"""Archives: thousands of cases through `run_case`, on many workers, through faults (Dask)."""
