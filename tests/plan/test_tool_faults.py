from dataclasses import replace

from evalgate.domain import Case, Check, Gate, GoldenDataset, Message, PromptVersion
from evalgate.plan.tool_faults import find_unknown_tools

TOOLS = (
    {"type": "function", "function": {"name": "refund", "parameters": {}}},
    {"type": "custom", "custom": {"name": "run_query"}},
    {"name": "delete_account", "input_schema": {}},
)
VERSION = PromptVersion(
    name="p",
    path="p.prompt.yml",
    source="working tree",
    messages=(Message(role="user", content="{{q}}"),),
    tools=TOOLS,
    lines={"tools": 7},
)


CASES = GoldenDataset(
    path="c.jsonl",
    cases=(
        Case(id="a", line=1, fields={"tool": "refund", "tools": ["run_query", "delete_acount"]}),
        Case(id="b", line=2, fields={"tool": None, "tools": [], "wrong": "refnd", "other": "wire"}),
    ),
)


def find(kind: str, *, version: PromptVersion = VERSION, name: str = "it", **options: object) -> list[str]:
    check = Check(name=name, type=kind, options=options)
    gate = Gate(
        name="g", prompt="p.prompt.yml", dataset="d", candidate_target="t", baseline_target="t", checks=(check,)
    )
    return [str(fault) for fault in find_unknown_tools(gate, [version], CASES)]


def test_tools_that_the_prompt_offers_are_known() -> None:
    for name in ("refund", "run_query", "delete_account"):
        assert find("tool_call", tool=name) == find("no_tool_call", tools=[name]) == []
    assert find("tool_call") == []


def test_a_misspelt_tool_is_a_fault() -> None:
    (fault,) = find("no_tool_call", tool="delete_acount")
    assert "p.prompt.yml:7" in fault and "delete_account" in fault


def test_a_name_that_is_no_tool_is_a_fault_unless_the_tool_is_named_apart() -> None:
    (fault,) = find("no_tool_call", name="never_pays", tool="never_pays")
    assert "`tool`" in fault and "refund" in fault
    assert find("no_tool_call", name="never_pays", tool="wire") == []


def test_without_tools_in_the_prompt_every_name_may_be_one() -> None:
    assert find("no_tool_call", version=replace(VERSION, tools=()), name="x", tool="x") == []


def test_a_misspelt_tool_of_a_case_is_a_fault_at_the_case() -> None:
    for kind in ("tool_call", "no_tool_call"):
        (fault,) = find(kind, **{"from": "tools"})
        assert fault.startswith(
            'c.jsonl:1: the check it: the prompt offers no tool "delete_acount", which case a names'
        )
        assert "delete_account" in fault
        assert find(kind, **{"from": "wrong"})[0].startswith("c.jsonl:2: ")
        assert find(kind, **{"from": "tool"}) == find(kind, **{"from": "other"}) == []
        assert find(kind, version=replace(VERSION, tools=()), **{"from": "tools"}) == []
