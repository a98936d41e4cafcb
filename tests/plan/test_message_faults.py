from evalgate.domain import Case, GoldenDataset, Level, PromptVersion, Target
from evalgate.domain.message_shapes import MessageReader
from evalgate.domain.messages import make_history
from evalgate.plan.message_faults import find_message_faults
from evalgate.plan.prompt_diff import describe_differences

GOOD = [{"role": "user", "content": "Hi"}]
HISTORY = PromptVersion(name="p", path="p", source="working tree", messages=(make_history("talk"),))
API = Target(name="t", kind="openai", location="u", identity="u", model="m")
LOCAL = Target(name="t", kind="local", location="m", identity="m")


def find(*talks: object, version: PromptVersion = HISTORY, target: Target = API) -> list[str]:
    cases = tuple(Case(id=f"c{i}", fields={"talk": talk}, line=i + 1) for i, talk in enumerate(talks))
    return [
        str(fault) for fault in find_message_faults(version, target, GoldenDataset(path="cases.jsonl", cases=cases))
    ]


def test_faults_of_histories_have_the_line_of_their_case() -> None:
    found = find(GOOD, [{"role": "user", "contnt": "x"}], [], "Hello")
    assert [each.split(": ")[0] for each in found] == ["cases.jsonl:2", "cases.jsonl:2", "cases.jsonl:4"]
    assert 'the history "talk" has a fault at [0].contnt: unknown key "contnt"' in found[0]
    assert 'did you mean "content"?' in found[0]
    assert 'the history "talk" must be a list of messages, not a text' in found[2]


def test_the_faults_of_many_cases_are_counted() -> None:
    found = find(*["Hello"] * 50)
    assert len(found) == 21 and found[-1].startswith("cases.jsonl: 30 more cases")


def test_the_embedded_model_gets_no_image() -> None:
    picture = [{"role": "user", "content": [{"type": "image", "image": "https://a.example/x.png"}]}]
    (fault,) = find(GOOD, picture, picture, target=LOCAL)
    assert "cases.jsonl:2" in fault and "embedded model" in fault
    assert find(GOOD, target=LOCAL) == find(picture) == []
    message = MessageReader(is_template=True).read(picture[0], ())
    assert message is not None
    own = PromptVersion(name="p", path="p", source="working tree", messages=(message,))
    assert find(GOOD, version=own, target=LOCAL)


def make_version(image: str = "a.png", arguments: str = "{}", detail: str = "low") -> PromptVersion:
    reader = MessageReader(is_template=True)
    items = [
        {"role": "user", "content": "words " * 200},
        {"role": "user", "content": [{"type": "image", "image": image, "detail": detail}]},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": arguments}}]},
    ]
    messages = tuple(message for item in items if (message := reader.read(item, ())) is not None)
    return PromptVersion(name="p", path="p", source="s", messages=messages)


def find_level(version: PromptVersion) -> Level:
    return describe_differences(version, make_version(), minor_share=0.05, minor_words=60)[0]


def test_a_changed_image_or_call_is_no_patch() -> None:
    assert find_level(make_version()) is Level.PATCH
    for edited in (make_version(image="b.png"), make_version(detail="high"), make_version(arguments='{"all": true}')):
        assert find_level(edited) is Level.MINOR
