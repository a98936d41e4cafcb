"""SQL, as sqlglot parses it."""

from __future__ import annotations

import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from score.scored_outputs import HOSTILE, fails_on_all_hostile, score, value

from evalgate.domain import Unscored
from evalgate.score import sql_output

GOOD = [
    "SELECT a FROM b WHERE c = 1;",
    "with x as (select 1 as y) select * from x",
    "INSERT INTO t (a) VALUES (1); DELETE FROM t",
    "CREATE TABLE t (a INT)",
    "(SELECT 1) UNION ALL SELECT 2",
]
BAD = ["", "SELECT", "hello world", "I cannot help", "SELECT a FROM b WHERE"]
READING = [
    "SELECT 1",
    " select * from t ",
    "SELECT 1; SELECT 2",
    "WITH a AS (SELECT 1) SELECT * FROM a",
    "SELECT 'drop'",
]
WRITING = ["DROP TABLE t", "SELECT 1; DROP TABLE t", "DELETE FROM t", "show tables", "-- select 1"]


def test_five_outputs_pass_and_five_fail() -> None:
    assert [value("is_sql", text) for text in GOOD] == [1.0] * 5
    assert [value("is_sql", text) for text in BAD] == [0.0] * 5
    assert [value("is_sql", text, statements=["select"]) for text in READING] == [1.0] * 5
    assert [value("is_sql", text, statements=["select"]) for text in WRITING] == [0.0] * 5


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", ["select", "delete"]),
        ("WITH n AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM n", ["select", "insert"]),
        ("SELECT * INTO copy FROM t", ["select", "create"]),
        ("SELECT * FROM (SELECT 1) AS a", ["select"]),
        ("INSERT INTO t SELECT * FROM u", ["insert"]),
        ("CREATE TABLE t AS SELECT 1", ["create"]),
        ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", ["merge"]),
        ("ALTER TABLE t DROP COLUMN a", ["alter"]),
        ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET a = 1", ["merge"]),
        ("WITH x AS (UPDATE t SET a = 1 RETURNING a) DELETE FROM u", ["delete", "update"]),
        ("TRUNCATE TABLE t", ["truncate"]),
        ("SELECT 1; -- the sum", ["select"]),
        ("SELECT 1; /* a */ DELETE FROM t; -- b", ["select", "delete"]),
    ],
)
def test_a_query_that_changes_something_is_more_than_a_query(text: str, kinds: list[str]) -> None:
    assert sql_output.list_statements(text, "postgres") == kinds
    assert value("is_sql", text, dialect="postgres", statements=["select"]) == float(kinds == ["select"])


def test_a_dialect_decides() -> None:
    backticks = "SELECT `a` FROM `b`"
    assert value("is_sql", backticks, dialect="mysql") == 1.0
    assert value("is_sql", backticks, dialect="postgres") == 0.0
    with pytest.raises(ValueError, match='unknown dialect "postgress"; did you mean "postgres"'):
        score("is_sql", "SELECT 1", dialect="postgress")


def test_hostile_outputs_are_no_sql_and_write_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    began = time.perf_counter()
    assert fails_on_all_hostile("is_sql")
    for depth in (20, 400):
        for form in ("SELECT " + "(" * depth + "1" + ")" * depth, "SELECT " + "CASE WHEN " * depth):
            score("is_sql", form)
    assert value("is_sql", "EXPLAIN SELECT 1") == 0.0
    assert time.perf_counter() - began < 15
    assert capfd.readouterr() == ("", "")


def test_a_text_that_is_too_long_is_not_parsed() -> None:
    assert "no more than 50000 are parsed" in score("is_sql", "SELECT 1, " + "1, " * 20_000 + "1").reason
    assert any(len(text) > sql_output.MAX_LENGTH for text in HOSTILE)


def test_a_crash_of_the_package_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlglot

    def crash(*arguments: object, **options: object) -> None:
        raise KeyError("inside")

    monkeypatch.setattr(sqlglot.Dialect, "get_or_raise", crash)
    assert score("is_sql", "SELECT 1") == Unscored(reason="sqlglot failed on this output: KeyError")


def test_without_the_package_the_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(ValueError, match=r"pip install 'prompt-evalgate\[sql\]'"):
        score("is_sql", "SELECT 1")


def test_a_text_that_takes_exponentially_many_steps_is_unscored() -> None:
    scored = score("is_sql", f"SELECT * FROM {'a JOIN ' * 40}b")
    assert isinstance(scored, Unscored) and "too many steps" in scored.reason
    joined = " ".join(f"JOIN t{n} ON t{n}.id = t{n - 1}.id" for n in range(1, 60))
    assert value("is_sql", f"SELECT * FROM t0 {joined}") == 1.0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["a ", "JOIN ", "DECIMAL(", "(", "SELECT ", "FROM ", "1 ", ")", "a JOIN ", "x -> "]), max_size=6
    ),
    st.integers(min_value=1, max_value=200),
)
def test_no_text_takes_more_steps_than_its_length_allows(
    monkeypatch: pytest.MonkeyPatch, parts: list[str], times: int
) -> None:
    monkeypatch.setattr(sql_output, "STEPS", (2_000, 10))
    text = f"SELECT * FROM {''.join(parts) * times}"
    scored = score("is_sql", text)
    assert isinstance(scored, Unscored) or scored.value in (0.0, 1.0)


@pytest.mark.parametrize("text", ["INSERT INTO t (a, b)", "update t", "INSERT INTO t", "UPDATE your account"])
def test_a_statement_that_writes_nothing_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="without what it writes"):
        sql_output.list_statements(text)


def test_each_way_to_write_is_a_statement() -> None:
    for rest, dialect in (("DEFAULT VALUES", ""), ("SELECT 1", ""), ("VALUES (1)", ""), ("TABLE u", "mysql")):
        assert sql_output.list_statements(f"INSERT INTO t {rest}", dialect) == ["insert"]
    assert sql_output.list_statements("INSERT OVERWRITE TABLE t TABLE u", "spark") == ["insert"]
