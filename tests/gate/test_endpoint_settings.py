"""The settings of an endpoint in a whole run: what is sent, what is kept, and what shows nowhere."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from chat_server import Received, Reply, completion, error
from gate import live_run
from gated_project import CASES, CONFIG, World, prompt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate import run_gate

SECRETS = st.text("abcXYZ019-_/+=. ", min_size=8, max_size=24).map(str.strip).filter(lambda text: len(text) >= 8)


def configure(world: World, *, main: bool = True, url: str = "", model: str = "m", **more: str) -> None:
    """Give the target these settings, on the default branch as well."""
    own = "".join(f", {key}: {value}" for key, value in more.items())
    text = CONFIG.format(url=url or world.server.url).replace("model: m,", f'model: "{model}"{own},')
    world.repository.write("evalgate.yml", text)
    if main:
        world.repository.commit("configured")
        world.repository.git("branch", "--force", "main")


def bodies(world: World, *, judged: bool = False) -> list[dict[str, Any]]:
    return [one.body for one in world.server.received if is_judge(one.body) is judged]


def is_judge(body: dict[str, Any]) -> bool:
    return "Output:" in body["messages"][-1]["content"]


def by_words(world: World) -> None:
    """Let the endpoint tell a judge's request by its messages, whatever format it asks for."""
    usual = world.server.script
    assert callable(usual)

    def script(received: Received, number: int) -> Reply:
        if is_judge(received.body):
            return Reply(body=completion(json.dumps({"score": 5, "reason": "as scripted"})))
        return usual(received, number)

    world.server.script = script


def test_headers_are_sent_and_their_values_show_nowhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "of-the-gateway-1")
    configure(world, headers='{X-Gateway-Key: "${GATEWAY_KEY}"}')
    world.edit()
    world.application = lambda system, user: json.dumps({"answer": f"{user}; you sent of-the-gateway-1"})
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.err
    assert {one.headers["x-gateway-key"] for one in world.server.received} == {"of-the-gateway-1"}
    for path in [*world.root.rglob("*")]:
        assert not path.is_file() or b"of-the-gateway-1" not in path.read_bytes(), path
    asked = len(world.server.received)
    monkeypatch.setenv("GATEWAY_KEY", "of-the-gateway-2")  # a new key asks nothing again
    assert world.evalgate("run").code == 0 and len(world.server.received) == asked


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=SECRETS, header=SECRETS, query=SECRETS, data=st.data())
def test_no_secret_of_a_target_reaches_an_error(world: World, key: str, header: str, query: str, data: Any) -> None:
    told = data.draw(st.sampled_from([key, header, query]))
    status = data.draw(st.sampled_from([200, 400, 401, 404]))
    world.server.script = [error(status, f"you sent {told}")]
    configure(world, main=False, url=world.server.url + "?code=${CODE}", headers='{X-Key: "${HEADER}"}')
    environment = {"API_KEY": key, "HEADER": header, "CODE": query}
    with pytest.raises(Exception) as caught:
        run_gate(world.root / "evalgate.yml", environment=environment, no_cache=True, baseline="main")
    shown = str(caught.value)
    assert not any(secret in shown for secret in (key, header, query)), shown


def test_a_header_without_a_value_is_told_before_a_call(world: World) -> None:
    configure(world, headers='{X-Gateway-Key: "${GATEWAY_KEY}"}')
    world.edit()
    ended = world.evalgate("run")
    assert (ended.code, world.server.received) == (2, [])
    assert "GATEWAY_KEY" in ended.err and "X-Gateway-Key".lower() in ended.err.lower()


def test_parameters_are_under_those_of_prompt_and_judge(world: World) -> None:
    configure(world, parameters="{temperature: 0.5, max_tokens: 77, top_p: 0.9}")
    text = prompt("2.0.0", "Be brief, always and everywhere, please.")
    world.repository.write("prompts/support.prompt.yml", f"{text}modelParameters: {{temperature: 0.1}}\n")
    assert world.evalgate("run").code == 5  # a MAJOR change awaits a sign-off
    sent = {(body["temperature"], body["max_tokens"], body["top_p"]) for body in bodies(world)}
    assert sent == {(0.1, 77, 0.9), (0.5, 77, 0.9)}  # the baseline's prompt has no temperature
    assert {(body["temperature"], body["max_tokens"]) for body in bodies(world, judged=True)} == {(0.5, 77)}


def test_other_parameters_are_other_answers_and_a_reason_for_the_level(world: World) -> None:
    configure(world, parameters="{temperature: 0.5}")
    assert world.evalgate("baseline", "sample").code == 0
    configure(world, main=False, parameters="{temperature: 0.7}")
    world.edit("2.0.0")
    asked = len(world.server.received)
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 5, ended.err
    assert len(world.server.received) - asked >= 3 * CASES  # both arms, and judges on equal outputs
    assert world.report()["gates"][0]["stored_baseline"] is None  # its samples are those of another target
    assert "temperature 0.5 -> 0.7" in json.dumps(world.report())


@pytest.mark.parametrize("form", ["json_object", "none"])
def test_a_judge_asks_for_json_as_the_target_takes_it(world: World, form: str) -> None:
    configure(world, response_format=form)
    world.edit()
    by_words(world)
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.err
    asked = bodies(world, judged=True)
    assert len(asked) > CASES / 2
    assert {json.dumps(body.get("response_format")) for body in asked} == {
        "null" if form == "none" else '{"type": "json_object"}'
    }
    for body in asked:
        assert "JSON object" in body["messages"][0]["content"] and '"score"' in body["messages"][0]["content"]


def test_models_that_only_stream(world: World) -> None:
    configure(world, stream="true")
    world.edit()
    usual = world.server.script
    assert callable(usual)

    def script(received: Received, number: int) -> Reply:
        if not received.body.get("stream"):
            return error(400, "this model only supports streaming")
        whole = usual(received, number).body
        assert isinstance(whole, dict)
        text = whole["choices"][0]["message"]["content"]
        pieces = [{"content": text[:3]}, {"content": text[3:]}]
        chunks: list[dict[str, Any]] = [{"model": "m-1", "choices": [{"index": 0, "delta": piece}]} for piece in pieces]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": whole["usage"]})
        lines = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n"
        return Reply(body=lines.encode(), headers={"Content_Type": "text/event-stream"})

    world.server.script = script
    ended = world.evalgate("run", "--output", "report.json")
    assert ended.code == 0, ended.err
    assert world.report()["usage"]["input_tokens"] == 100 * len(world.server.received)


def test_the_timeout_of_a_target_is_over_that_of_the_run(world: World) -> None:
    configure(world, timeout="0.05")
    world.edit()
    world.application = lambda system, user: Reply(body=completion("late"), delay=0.4)
    ended = world.evalgate("run")
    assert ended.code == 3 and "0.05 s" in ended.err


def test_cached_input_has_its_own_price(world: World) -> None:
    configure(world)
    text = (world.root / "evalgate.yml").read_text().replace("output: 2}", "output: 2, cached_input: 0.25}")
    world.repository.write("evalgate.yml", text)
    world.edit()
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 800}}
    world.application = lambda system, user: Reply(body=completion(json.dumps({"answer": user}), usage=usage))
    assert world.evalgate("run", "--output", "report.json").code == 0
    costs = {round(result["outcome"]["cost_usd"] * 1e6, 6) for result in world.report()["gates"][0]["results"]}
    assert costs == {200 * 1 + 800 * 0.25 + 10 * 2}


def test_another_model_of_the_environment_needs_a_fresh_baseline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(world, model="${CHAT_MODEL}")
    monkeypatch.setenv("CHAT_MODEL", "m-1")
    assert world.evalgate("baseline", "sample").code == 0
    world.edit()
    assert world.evalgate("run", "--output", "report.json").code == 0
    assert world.report()["gates"][0]["stored_baseline"] is not None
    assert {body["model"] for body in bodies(world)} == {"m-1"}
    world.server.received.clear()
    monkeypatch.setenv("CHAT_MODEL", "m-2")
    assert world.evalgate("run", "--output", "report.json").code == 0
    assert world.report()["gates"][0]["stored_baseline"] is None
    assert len(bodies(world)) >= 2 * CASES and {body["model"] for body in bodies(world)} == {"m-2"}


def test_the_bases_configuration_is_read_by_the_same_variables(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(world, url="${CHAT_URL}", model="${CHAT_MODEL}")
    world.edit()
    world.repository.commit("an edit")
    for verb in (["run", "--policy-ref", "base"], ["run", "--changed"], ["plan", "--policy-ref", "base"]):
        monkeypatch.delenv("CHAT_URL", raising=False)
        monkeypatch.setenv("CHAT_MODEL", "m-3")
        refused = world.evalgate(*verb)
        assert refused.code == 2 and "CHAT_URL is not set" in refused.err and "evalgate.yml:" in refused.err
        monkeypatch.setenv("CHAT_URL", world.server.url)
        assert world.evalgate(*verb).code == 0
    assert {body["model"] for body in bodies(world)} == {"m-3"}
    # the same model, written in the change: nothing is served differently
    configure(world, main=False, model="m-3")
    assert world.evalgate("run", "--output", "report.json").code == 0
    assert "base_url" not in json.dumps(world.report()["gates"][0]["notes"])


def test_a_push_does_not_wait_for_a_variable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(world, model="${CHAT_MODEL}")
    world.edit()
    world.repository.commit("an edit")
    pushed = f"refs/heads/work {world.repository.git('rev-parse', 'HEAD').strip()} refs/heads/work {'0' * 40}\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pushed.encode())))
    ended = world.evalgate("hook", "run")
    assert ended.code == 0 and "CHAT_MODEL is not set" in ended.err + ended.out


@pytest.mark.parametrize(
    ("before", "after", "is_asked_again"),
    [
        ('{X-Route: "${ONE}"}', '{X-Route: "${OTHER}"}', True),
        ("{}", '{X-Portkey-Config: "${ONE}"}', True),
        ('{X-Route: "${ONE}"}', '{X-Other: "${ONE}"}', True),
        ('{X-Gateway-Key: "${ONE}"}', '{X-Gateway-Key: "${OTHER}"}', False),
        ("{}", '{Authorization: "${ONE}"}', False),
    ],
)
def test_a_header_that_may_choose_who_answers_asks_again(
    world: World, monkeypatch: pytest.MonkeyPatch, before: str, after: str, is_asked_again: bool
) -> None:
    """A verdict of the answers of one route is none on those of another."""
    monkeypatch.setenv("ONE", "value-1")
    monkeypatch.setenv("OTHER", "value-2")
    usual = world.application
    live_run.configure(world, ("model: m,", f"model: m, headers: {before},"))
    world.edit()
    assert world.evalgate("run").code == 0
    world.server.received.clear()
    live_run.configure(world, ("model: m,", f"model: m, headers: {after},"))
    if is_asked_again:
        world.application = lambda system, user: "not JSON" if live_run.BRIEF in system else usual(system, user)
    assert world.evalgate("run").code == (1 if is_asked_again else 0)
    assert bool(world.server.received) is is_asked_again
