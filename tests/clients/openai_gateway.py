"""The official openai package against an OGONG gateway, as any application would use it.

usage: openai_gateway.py BASE_URL MODEL_ID

Prints one JSON object; exits 1 with a sentence on the first thing that is not as OpenAI's own service does it.
"""

import json
import sys

import openai

PROMPT = "Name three colours of the rainbow."
ASK = {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 32, "temperature": 0}


def hold(condition, what):
    if not condition:
        sys.exit(f"openai client: {what}")


def listed(client, model):
    ids = [entry.id for entry in client.models.list()]
    hold(model in ids, f"{model} is not among the models {ids}")
    return ids


def plain(client, model):
    raw = client.chat.completions.with_raw_response.create(model=model, **ASK)
    answer = raw.parse()
    choice = answer.choices[0]
    hold(answer.object == "chat.completion", f"object is {answer.object}")
    hold(choice.message.role == "assistant" and choice.message.content, f"message is {choice.message}")
    hold(choice.finish_reason in ("stop", "length"), f"finish_reason is {choice.finish_reason}")
    usage = answer.usage
    hold(usage and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0, f"usage is {usage}")
    return {
        "reply_id": raw.headers["x-ogong-reply-id"],
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "completion_tokens": usage.completion_tokens,
    }


def streamed(client, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model, stream=True, stream_options={"include_usage": True}, **ASK
    )
    pieces, finish, usage = [], None, None
    for chunk in raw.parse():
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
    hold(sum(map(bool, pieces)) > 1, f"the answer came in {len(pieces)} pieces")
    hold(finish in ("stop", "length"), f"finish_reason is {finish}")
    hold(usage and usage.completion_tokens > 0, f"usage is {usage}")
    return {
        "reply_id": raw.headers["x-ogong-reply-id"],
        "text": "".join(pieces),
        "finish_reason": finish,
        "pieces": len(pieces),
    }


def refused(client, kinds, **request):
    """The exception that the package makes of a refusal."""
    try:
        client.chat.completions.create(**{**ASK, **request})
    except kinds as error:
        hold(str(error), "an exception without words")
        body = error.body if isinstance(error.body, dict) else {}
        return {"exception": type(error).__name__, "status": error.status_code, "message": body.get("message", str(error))}
    sys.exit(f"openai client: {sorted(request)} was not refused")


def main(url, model):
    # A retry would hide a refusal that should have been an answer.
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none needed", max_retries=0, timeout=120)
    found = {
        "openai": openai.__version__,
        "models": listed(client, model),
        "plain": plain(client, model),
        "streamed": streamed(client, model),
        "foreign_model": refused(client, openai.NotFoundError, model="gpt-4o"),
        "unknown_model": refused(client, openai.NotFoundError, model="ogong/verified/nobody/nothing"),
        "logit_bias": refused(client, openai.BadRequestError, model=model, logit_bias={"42": 5}),
    }
    hold(found["plain"]["text"] == found["streamed"]["text"], "at temperature 0 both say the same")
    unknown = found["unknown_model"]
    hold(unknown["status"] == 404 and "/v1/models" in unknown["message"], f"an unknown model got {unknown}")
    hold("logit_bias" in found["logit_bias"]["message"], f"the refusal does not name the field: {found['logit_bias']}")
    print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
