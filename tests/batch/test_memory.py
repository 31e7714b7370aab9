"""What one process holds of an archive does not grow with the archive."""

import pytest
from benchmarks.archive import stubs


@pytest.mark.slow
def test_client_and_scheduler_forget_what_is_done():
    found = stubs(4000, 2)
    assert found["done"] == 4000
    assert found["left_at_the_scheduler"] < 50  # the last ones are on their way out
    rss = found["rss_mb"]
    # Three thousand more tasks, each of which would leave 10 kB if it were kept.
    assert rss["4000"] - rss["1000"] < 30
