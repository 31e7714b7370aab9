"""The simulation of nodes that are not here, where arithmetic knows the answer."""

from __future__ import annotations

import pytest
from benchmarks.archive import Measured, simulate

PLAIN = Measured(
    machine="none",
    cores=2,
    cases=1,
    case_s=(10.0,),
    wall_1_s=10.0,
    wall_2_s=5.0,
    scaling=2.0,
    overhead_s=0.0,
    overhead_share=0.0,
    start_s=0.0,
    dispatch_s=0.0,
    read_bytes=0.0,
    written_bytes=0.0,
    rss_mb={},
)


def other(**changes) -> Measured:
    return Measured(**{**PLAIN.__dict__, **changes})


def test_what_costs_nothing_scales_without_end():
    for nodes in (1, 10):
        found = simulate(PLAIN, nodes, 100.0, cases=320, cores=16)
        assert found.hours * 3600 == pytest.approx(10 * 320 / (16 * nodes))
        assert found.efficiency == pytest.approx(1)


def test_a_storage_gives_no_more_than_its_bandwidth():
    # 100 MB per case at 100 MB/s: one a second, however many nodes.
    found = simulate(other(read_bytes=1e8), 10, 100.0, cases=320, cores=16)
    assert found.hours * 3600 == pytest.approx(320 + 10)
    assert found.limit == "storage"


def test_a_dispatcher_gives_no_more_than_it_can():
    found = simulate(other(dispatch_s=1.0), 10, 100.0, cases=320, cores=16)
    assert found.hours * 3600 == pytest.approx(320 + 10)
    assert found.limit == "scheduler"
