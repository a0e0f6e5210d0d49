"""Answers of a given shape, with the real `openai` package against a real conduit-node: every one is valid, at
temperature 1, from a model of random weights as from a real one. Further random schemas: CONDUIT_SCHEMAS of them."""

import json
import os
import re
import time

import jsonschema
import openai
import pydantic

import node_process
import random_schemas
from node_process import Node

CHAT = [{"role": "user", "content": "Report the weather in Oslo and in Rome."}]
WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 20},
        "celsius": {"type": "integer", "minimum": -60, "maximum": 60},
        "sky": {"enum": ["clear", "cloudy", "rain"]},
    },
    "required": ["city", "celsius", "sky"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "The weather", "parameters": WEATHER}},
    {"type": "function", "function": {"name": "stop", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}}},
]


class Step(pydantic.BaseModel):
    explanation: str = pydantic.Field(max_length=30)
    is_last: bool


class Solution(pydantic.BaseModel):
    steps: list[Step] = pydantic.Field(max_length=3)
    answer: int | None


def client_of(node: Node) -> openai.OpenAI:
    return openai.OpenAI(base_url=node.url + "/v1", api_key="none", max_retries=0)


def ask(node: Node, **fields):
    fields = {"model": "test", "messages": CHAT, "temperature": 1, "max_tokens": 160, **fields}
    return client_of(node).chat.completions.create(**fields)


def format_of(schema: dict) -> dict:
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def refused(node: Node, **fields) -> openai.BadRequestError:
    try:
        ask(node, **fields)
    except openai.BadRequestError as error:
        return error
    raise AssertionError(f"a refusal was expected for {fields}")


def fits_a_schema(node: Node) -> None:
    """response_format json_schema: every seed's answer is valid, whole and streamed alike, and so are n choices"""
    for seed in range(8):
        answer = ask(node, response_format=format_of(WEATHER), seed=seed).choices[0]
        jsonschema.validate(json.loads(answer.message.content), WEATHER)
        assert answer.finish_reason == "stop"
    events = list(ask(node, response_format=format_of(WEATHER), seed=7, stream=True))
    assert "".join(event.choices[0].delta.content or "" for event in events) == answer.message.content
    choices = ask(node, response_format=format_of(WEATHER), n=4, seed=1).choices
    for choice in choices:
        jsonschema.validate(json.loads(choice.message.content), WEATHER)
    assert len({choice.message.content for choice in choices}) > 1
    assert isinstance(json.loads(ask(node, response_format={"type": "json_object"}).choices[0].message.content), dict)


def is_valid_when_its_length_is_reached(node: Node) -> None:
    """max_tokens hits in the midst: the answer is complete all the same; too few for any is refused with both numbers"""
    schema = {"type": "array", "items": WEATHER, "minItems": 1}
    error = refused(node, response_format=format_of(schema), max_tokens=2)
    least = int(re.search(r"has (\d+) tokens", error.message).group(1))
    assert "max_tokens is 2;" in error.message, error.message
    for length in (least, least + 1, least + 7, least + 40):
        answer = ask(node, response_format=format_of(schema), max_tokens=length)
        assert answer.usage.completion_tokens <= length
        jsonschema.validate(json.loads(answer.choices[0].message.content), schema)


def parses_into_a_pydantic_model(node: Node) -> None:
    """chat.completions.parse gives the object; its stream gives it too"""
    client = client_of(node)
    fields = dict(model="test", messages=CHAT, response_format=Solution, temperature=1, max_tokens=200, seed=3)
    message = client.chat.completions.parse(**fields).choices[0].message
    assert isinstance(message.parsed, Solution), message
    with client.chat.completions.stream(**fields) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == message.parsed


def calls_tools(node: Node) -> None:
    """tool_choice required and named: a call whose arguments fit; none: text; auto: either"""
    for seed in range(4):
        choice = ask(node, tools=TOOLS, tool_choice="required", seed=seed, parallel_tool_calls=False).choices[0]
        assert choice.finish_reason == "tool_calls" and len(choice.message.tool_calls) == 1, choice
        call = choice.message.tool_calls[0]
        assert call.type == "function" and call.id and call.function.name in ("get_weather", "stop")
        parameters = next(tool["function"]["parameters"] for tool in TOOLS if tool["function"]["name"] == call.function.name)
        jsonschema.validate(json.loads(call.function.arguments), parameters)
    named = {"type": "function", "function": {"name": "get_weather"}}
    choice = ask(node, tools=TOOLS, tool_choice=named, seed=1).choices[0]
    assert {call.function.name for call in choice.message.tool_calls} == {"get_weather"}
    assert choice.message.content is None
    assert ask(node, tools=TOOLS, tool_choice="none", max_tokens=8).choices[0].message.tool_calls is None
    choice = ask(node, tools=TOOLS, tool_choice="auto", max_tokens=60, seed=2).choices[0]
    assert choice.message.content or choice.message.tool_calls
    turns = [*CHAT, {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
             {"role": "tool", "tool_call_id": call.id, "content": "It rains."}]
    assert ask(node, messages=turns, tools=TOOLS, max_tokens=8).choices[0]


def streams_tool_calls(node: Node) -> None:
    """stream=True: a call's id and name first, then its arguments in pieces that together are the whole call's"""
    fields = dict(tools=TOOLS[:1], tool_choice="required", seed=5, parallel_tool_calls=False)
    whole = ask(node, **fields).choices[0].message.tool_calls[0].function
    events = [event.choices[0] for event in ask(node, **fields, stream=True)]
    pieces = [call for event in events for call in event.delta.tool_calls or []]
    assert pieces[0].id and pieces[0].function.name == whole.name and all(piece.index == 0 for piece in pieces)
    assert all(piece.id is None and piece.function.name is None for piece in pieces[1:])
    assert "".join(piece.function.arguments or "" for piece in pieces) == whole.arguments
    assert len(pieces) > 2 and events[-1].finish_reason == "tool_calls"


def knows_vllms_fields(node: Node) -> None:
    """extra_body structured_outputs and guided_*, of chats and of completions"""
    def content(**extra) -> str:
        return ask(node, extra_body=extra, max_tokens=60).choices[0].message.content

    for key in ("structured_outputs", "guided"):
        wrap = (lambda kind, value: {key: {kind: value}}) if key != "guided" else (lambda kind, value: {f"guided_{kind}": value})
        jsonschema.validate(json.loads(content(**wrap("json", WEATHER))), WEATHER)
        jsonschema.validate(json.loads(content(**wrap("json", json.dumps(WEATHER)))), WEATHER)
        assert re.fullmatch(r"[a-c]{2,4}-\d{3}", content(**wrap("regex", r"[a-c]{2,4}-\d{3}")))
        assert content(**wrap("choice", ["yes", "no"])) in ("yes", "no")
        assert content(**wrap("grammar", 'root ::= "a" [0-9]+ "b"')).startswith("a")
    text = client_of(node).completions.create(
        model="test", prompt="Once", max_tokens=20, extra_body={"structured_outputs": {"regex": "(ab){3}"}}
    ).choices[0].text
    assert text == "ababab", text


def refuses_what_cannot_be_kept(node: Node) -> None:
    """a malformed or hostile schema, two shapes at once: 400 that says what and where, and soon"""
    assert refused(node, response_format=format_of(WEATHER), extra_body={"guided_regex": "a"}).param == "guided_regex"
    assert refused(node, response_format=format_of(WEATHER), tools=TOOLS, tool_choice="required").param == "tools"
    wrong = {"type": "object", "properties": {"x": {"type": "nothing"}}}
    assert "type" in refused(node, response_format=format_of(wrong)).message
    remote = {"$ref": "https://example.com/schema"}
    assert "$ref" in refused(node, response_format=format_of(remote)).message
    deep: dict = {}
    for _ in range(60):
        deep = {"type": "array", "items": deep, "minItems": 50}
    hostile = [{"guided_regex": "(a{1000}){1000}b"}, {"guided_regex": "("}, {"guided_grammar": "root ::= root2"}, {"guided_json": deep}]
    for extra in hostile:
        begun = time.monotonic()
        error = refused(node, extra_body=extra)
        assert time.monotonic() - begun < 1, extra  # the bound itself is the compiler's own test
        print("    ", error.message[:150])
    assert ask(node, max_tokens=4).choices[0]  # and it serves on


def fits_random_schemas(node: Node) -> None:
    """whatever the schema, at temperature 1: the answer is valid"""
    count = int(os.environ.get("CONDUIT_SCHEMAS", "20"))
    answered = 0
    for seed in range(count):
        schema = random_schemas.schema(seed)
        try:
            content = ask(node, response_format=format_of(schema), seed=seed, max_tokens=200).choices[0].message.content
        except openai.BadRequestError as error:
            assert "the shortest answer" in error.message, (schema, error.message)
            continue
        validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        validator(schema).validate(json.loads(content))
        answered += 1
    assert answered >= count * 0.9, (answered, count)
    print(f"     {answered} of {count} answered, all valid")


if __name__ == "__main__":
    node_process.run(
        [
            fits_a_schema,
            is_valid_when_its_length_is_reached,
            parses_into_a_pydantic_model,
            calls_tools,
            streams_tool_calls,
            knows_vllms_fields,
            refuses_what_cannot_be_kept,
            fits_random_schemas,
        ],
        node_process.arguments(),
    )
