"""The official anthropic package against `ogong-provider local`.

usage: anthropic_local.py BASE_URL MODEL

Prints one JSON object; exits 1 with a sentence on the first thing that is not as Anthropic's own service does it.
"""

import json
import sys

import anthropic

PROMPT = "Name three colours of the rainbow."
ASK = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 16, "extra_body": {"temperature": 0, "seed": 7}}


def hold(condition, what):
    if not condition:
        sys.exit(f"anthropic client: {what}")


def messages(client, model):
    whole = client.messages.create(model=model, **ASK)
    hold(whole.type == "message" and whole.role == "assistant" and whole.stop_reason == "max_tokens", f"message is {whole}")
    hold(whole.usage.output_tokens == 16 and whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0) > 0, f"usage is {whole.usage}")
    text = whole.content[0].text
    with client.messages.stream(model=model, **ASK) as stream:
        streamed = "".join(stream.text_stream)
        final = stream.get_final_message()
    hold(streamed == text and final.content[0].text == text, "streamed it says something else")
    hold(final.usage.output_tokens == 16 and final.stop_reason == "max_tokens", f"final is {final}")
    with_system = client.messages.create(model=model, system="Answer in one word.", **ASK)
    hold(with_system.content, "with a system prompt it says nothing")
    return text


def tools(client, model):
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    ask = {"model": model, "tools": [{"name": "save", "description": "Save a person.", "input_schema": schema}], "extra_body": {"temperature": 0}}
    said = [{"role": "user", "content": "Save Ann, who is 7."}]
    choice = {"type": "any", "disable_parallel_tool_use": True}
    called = client.messages.create(messages=said, tool_choice=choice, max_tokens=40, **ask)
    # So small a model may go on calling until the limit; the first call is whole.
    block = next(block for block in called.content if block.type == "tool_use")
    hold(called.stop_reason in ("tool_use", "max_tokens") and block.type == "tool_use" and isinstance(block.input["age"], int), f"the call is {called}")
    result = [{"role": "assistant", "content": [{"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "saved"}]}]
    after = client.messages.create(messages=said + result, tool_choice={"type": "none"}, max_tokens=4, **ask)
    hold(after.content[0].type == "text", f"after the result: {after}")
    counted = client.messages.count_tokens(model=model, messages=said).input_tokens
    hold(5 < counted < 100, f"counted {counted} tokens")


def refused(kind, call):
    try:
        call()
    except kind as error:
        hold(str(error), "an exception without words")
        return str(error)
    sys.exit(f"anthropic client: {kind.__name__} was not raised")


def main(url, model):
    client = anthropic.Anthropic(base_url=url, api_key="none needed", max_retries=0, timeout=300)
    hold(model in [entry.id for entry in client.models.list()], "the model is not listed")
    text = messages(client, model)
    tools(client, model)
    unknown = refused(anthropic.NotFoundError, lambda: client.messages.create(model="nobody", **ASK))
    wrong = refused(anthropic.BadRequestError, lambda: client.messages.create(model=model, **{**ASK, "max_tokens": 0}))
    print(json.dumps({"client": f"anthropic {anthropic.__version__}", "text": text, "unknown": unknown, "wrong": wrong}))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
