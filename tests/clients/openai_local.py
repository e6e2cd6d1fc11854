"""The official openai package against `ogong-provider local`.

usage: openai_local.py BASE_URL MODEL

Prints one JSON object; exits 1 with a sentence on the first thing that is not as OpenAI's own service does it.
"""

import json
import sys

import openai

PROMPT = "Name three colours of the rainbow."
ASK = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 16, "temperature": 0, "seed": 7}


def hold(condition, what):
    if not condition:
        sys.exit(f"openai client: {what}")


def models(client, model):
    ids = [entry.id for entry in client.models.list()]
    hold(model in ids, f"{model} is not among {ids}")
    hold(client.models.retrieve(model).id == model, "retrieve gives another model")


def chat(client, model):
    answer = client.chat.completions.create(model=model, **ASK)
    choice, usage = answer.choices[0], answer.usage
    hold(answer.object == "chat.completion" and answer.model == model, f"answer is {answer}")
    hold(choice.message.role == "assistant" and choice.finish_reason == "length", f"choice is {choice}")
    hold(usage.completion_tokens == 16 and usage.total_tokens == usage.prompt_tokens + 16, f"usage is {usage}")
    pieces, usage = [], None
    for chunk in client.chat.completions.create(model=model, stream=True, stream_options={"include_usage": True}, **ASK):
        usage = chunk.usage or usage
        pieces += [choice.delta.content or "" for choice in chunk.choices]
    hold("".join(pieces) == choice.message.content, "streamed it says something else")
    hold(usage and usage.completion_tokens == 16, f"usage is {usage}")
    text = ""
    try:
        with client.chat.completions.stream(model=model, **ASK) as stream:
            for event in stream:
                text += event.delta if event.type == "content.delta" else ""
    except openai.LengthFinishReasonError as error:
        # The helper takes an answer that was cut for an error, and hands it over with it.
        hold(error.completion.choices[0].message.content == text, "the helper's answer is another")
    hold(text == choice.message.content, "the stream helper gives something else")
    return choice.message.content


def sampled(client, model):
    warm = {**ASK, "temperature": 1}
    first, second = (client.chat.completions.create(model=model, **warm).choices[0].message.content for _ in "ab")
    hold(first == second, f"the same seed said {first!r} and {second!r}")
    stopped = client.chat.completions.create(model=model, **{**ASK, "stop": [" "]}).choices[0]
    hold(" " not in stopped.message.content and stopped.finish_reason == "stop", f"stop gave {stopped}")


def completions(client, model):
    ask = {"model": model, "prompt": "One, two,", "max_tokens": 8, "temperature": 0, "seed": 7}
    whole = client.completions.create(**ask)
    hold(whole.object == "text_completion" and whole.choices[0].text, f"completion is {whole}")
    chunks = list(client.completions.create(stream=True, stream_options={"include_usage": True}, **ask))
    text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    hold(text == whole.choices[0].text, "streamed it says something else")
    usage = chunks[-1].usage
    counts = (whole.usage.prompt_tokens, whole.usage.completion_tokens)
    hold(usage and (usage.prompt_tokens, usage.completion_tokens) == counts, f"usage is {usage}, not {whole.usage}")


def responses(client, model):
    ask = {"model": model, "input": PROMPT, "max_output_tokens": 16, "temperature": 0, "extra_body": {"seed": 7}}
    first = client.responses.create(**ask)
    hold(first.status == "incomplete" and first.incomplete_details.reason == "max_output_tokens", f"response is {first}")
    events = list(client.responses.create(stream=True, **ask))
    hold(events[0].type == "response.created" and events[-1].type == "response.incomplete", f"{[e.type for e in events]}")
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    hold(text == first.output_text, "streamed it says something else")
    hold(client.responses.retrieve(first.id).output_text == first.output_text, "retrieve gives another response")
    hold(client.responses.input_items.list(first.id).data[0].role == "user", "the input items are not there")
    second = client.responses.create(model=model, input="And more.", previous_response_id=first.id, max_output_tokens=2)
    hold(second.usage.input_tokens > first.usage.input_tokens, "the conversation was not gone on with")
    client.responses.delete(first.id)
    refused(openai.NotFoundError, lambda: client.responses.retrieve(first.id))
    return first.output_text


PERSON = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "save", "description": "Save a person.", "parameters": PERSON}}


def constrained(client, model):
    ask = {"model": model, "messages": [{"role": "user", "content": "How old is Ann? She is 7."}], "max_tokens": 40, "temperature": 0}
    schema = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": PERSON}}
    answer = client.chat.completions.create(response_format=schema, **ask).choices[0].message.content
    hold(isinstance(json.loads(answer)["age"], int), f"the schema gave {answer!r}")
    called = client.chat.completions.create(tools=[TOOL], tool_choice="required", parallel_tool_calls=False, **ask).choices[0]
    hold(called.finish_reason == "tool_calls", f"a required call ended with {called.finish_reason}")
    hold(len(called.message.tool_calls) == 1, f"not parallel, and still {called.message.tool_calls}")
    call = called.message.tool_calls[0]
    hold(call.function.name == "save" and isinstance(json.loads(call.function.arguments)["age"], int), f"the call is {call}")
    made = {"role": "assistant", "content": "", "tool_calls": [call.model_dump()]}
    result = [made, {"role": "tool", "tool_call_id": call.id, "content": "saved"}]
    after = client.chat.completions.create(**{**ask, "messages": ask["messages"] + result, "max_tokens": 4}, tools=[TOOL], tool_choice="none")
    hold(after.choices[0].message.content and not after.choices[0].message.tool_calls, f"after the result: {after}")
    item = client.responses.create(
        model=model, input="Save Ann, who is 7.", tools=[{"type": "function", "name": "save", "parameters": PERSON}],
        tool_choice="required", parallel_tool_calls=False, max_output_tokens=40, temperature=0,
    ).output[0]
    hold(item.type == "function_call" and "age" in json.loads(item.arguments), f"the response's item is {item}")


def told(client, model):
    ask = {"model": model, "messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 2, "temperature": 0}
    entry = client.chat.completions.create(logprobs=True, top_logprobs=3, **ask).choices[0].logprobs.content[0]
    hold(len(entry.top_logprobs) == 3 and entry.logprob <= 0, f"logprobs are {entry}")
    hold(len(client.chat.completions.create(n=2, **ask).choices) == 2, "n=2 gave another number of choices")
    vectors = client.embeddings.create(model=model, input=["a king", "a queen"])
    hold([entry.index for entry in vectors.data] == [0, 1], "embeddings are out of order")
    hold(len(vectors.data[0].embedding) == 576 and vectors.usage.prompt_tokens > 0, f"an embedding has {len(vectors.data[0].embedding)} numbers")


def refused(kind, call):
    """The exception that the package makes of a refusal."""
    try:
        call()
    except kind as error:
        hold(str(error), "an exception without words")
        return str(error)
    sys.exit(f"openai client: {kind.__name__} was not raised")


def main(url, model):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none needed", max_retries=0, timeout=300)
    models(client, model)
    text = chat(client, model)
    sampled(client, model)
    completions(client, model)
    constrained(client, model)
    told(client, model)
    hold(responses(client, model) == text, "responses say something else than chats")
    unknown = refused(openai.NotFoundError, lambda: client.chat.completions.create(**{**ASK, "model": "nobody"}))
    wrong = refused(openai.BadRequestError, lambda: client.chat.completions.create(model=model, messages="hello"))
    print(json.dumps({"client": f"openai {openai.__version__}", "text": text, "unknown": unknown, "wrong": wrong}))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
