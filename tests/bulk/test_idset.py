"""`IdSet` is a set, whatever goes in and however much."""

from __future__ import annotations

import tracemalloc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vcf_tasks_async import idset
from vcf_tasks_async.idset import IdSet

IDS = st.text(max_size=3) | st.integers(0, 40).map(str) | st.uuids().map(str)


@pytest.mark.parametrize("exact", [1, 4, 9, 20_000])
@given(batch=st.lists(IDS, max_size=120))
def test_it_behaves_as_a_set_also_beyond_the_switch_to_fingerprints(exact, batch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(idset, "_EXACT", exact)
        ids, model = IdSet(), set()
        for task_id in batch:
            assert (task_id in ids) is (task_id in model)
            assert ids.add(task_id) is (task_id not in model)
            model.add(task_id)
            assert task_id in ids
            assert len(ids) == len(model)
        assert all(task_id in ids for task_id in model)


class Collisions(RuleBasedStateMachine):
    """Fingerprints all fall on few places, and one of them on the mark of an empty one."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(idset, "_EXACT", 4)
        # Zero is no fingerprint; negative ones and those at the end of the table must wrap.
        self.patch.setattr(idset, "_fingerprint", lambda task_id: (int(task_id) - 30) * 8 or 1)
        self.ids, self.model = IdSet(), set()

    @rule(number=st.integers(0, 200))
    def add(self, number: int) -> None:
        assert self.ids.add(str(number)) is (number not in self.model)
        self.model.add(number)

    @invariant()
    def all_are_there_and_no_others(self) -> None:
        assert len(self.ids) == len(self.model)
        assert {n for n in range(-5, 201) if n != 30 and str(n) in self.ids} == self.model - {30}

    def teardown(self) -> None:
        self.patch.undo()


TestCollisions = Collisions.TestCase


def test_the_exact_memory_is_left_with_one_id_more_and_nothing_is_forgotten():
    ids, exact = IdSet(), idset._EXACT
    for i in range(60_000):
        assert ids.add(f"t{i}")
        if i % 1000 == 0 or exact - 3 < i < exact + 3:
            assert len(ids) == i + 1
            assert not ids.add(f"t{i}")
            assert f"t{i + 1}" not in ids
    assert not any(ids.add(f"t{i}") for i in range(60_000))
    assert len(ids) == 60_000


def test_fifty_thousand_uuids_take_little():
    rng = Random(1)
    tracemalloc.start()
    try:
        ids = IdSet()
        for _ in range(50_000):
            ids.add(f"{rng.getrandbits(128):032x}")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(ids) == 50_000
    assert held < 1_500_000


def test_no_single_id_costs_the_moving_of_all(monkeypatch):
    steps, real = 0, idset._place

    def place(table, fingerprint):
        nonlocal steps
        steps += 1
        return real(table, fingerprint)

    monkeypatch.setattr(idset, "_place", place)
    ids, most = IdSet(), 0
    for i in range(100_000):
        steps = 0
        ids.add(f"t{i}")
        most = max(most, steps)
    # Each takes half a microsecond: 2 ms, as elsewhere.
    assert most <= 4_200


@pytest.mark.parametrize(("expected", "most"), [(50_000, 1_100_000), (10**15, 12_000_000)])
def test_a_set_that_knows_what_to_expect_makes_one_table_and_never_takes_a_server_at_its_word(expected, most):
    tracemalloc.start()
    try:
        ids = IdSet()
        ids.expect(expected)
        before, _ = tracemalloc.get_traced_memory()
        new = [ids.add(f"t{i}") for i in range(50_000)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (all(new), len(ids), len(ids._tables)) == (True, 50_000, 1)
    assert before < 1_000
    assert held < most
