"""How cases moved: worse, same, better, the same everywhere."""

from __future__ import annotations

from report.measured_gate import decided, held

from evalgate.report import movements


def test_a_case_moves_by_a_point_of_the_scale() -> None:
    after = {0: 0.75, 1: 0.751, 2: 1.0, 3: 0.5}
    gate = decided(60, lambda place: held(after.get(place, 0.8)), lambda place: held(1.0 if place < 3 else 0.25))
    moves = movements.list_moves(gate)["quality"]
    direction = {move.case: move.direction for move in moves}
    assert [direction[f"c00{place}"] for place in range(4)] == ["worse", "same", "same", "better"]
    assert [move.change for move in moves] == sorted(move.change for move in moves)
    assert str(movements.count_moves(moves)) == "1 worse, 2 same, 57 better"


def test_the_counts_agree_with_the_comparison() -> None:
    gate = decided(60, lambda place: held(0.4 if place < 7 else 0.9), lambda place: held(0.9))
    (compared,) = [c for c in gate.comparisons if c.criterion == "quality"]
    moves = movements.list_moves(gate)["quality"]
    assert {move.case for move in moves if move.direction == "worse"} == {*compared.regressed, *compared.broken}
    assert len(moves) == compared.pairs


def test_a_case_without_both_scores_has_no_move() -> None:
    gate = decided(60, lambda place: held(0.9, answer=float(place > 0)), lambda place: held(0.9))
    assert "c000" not in {move.case for move in movements.list_moves(gate)["quality"]}


def test_without_a_baseline_nothing_moves(samples) -> None:
    assert movements.list_moves(samples.new_prompt().gates[0]) == {}
