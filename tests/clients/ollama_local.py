"""The official ollama package against `ogong-provider local`.

usage: ollama_local.py BASE_URL MODEL GGUF

Prints one JSON object; exits 1 with a sentence on the first thing that is not as Ollama does it.
"""

import json
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import ollama

PROMPT = "Name three colours of the rainbow."
MESSAGES = [{"role": "user", "content": PROMPT}]
OPTIONS = {"num_predict": 16, "temperature": 0, "seed": 7, "repeat_penalty": 1.0}


def hold(condition, what):
    if not condition:
        sys.exit(f"ollama client: {what}")


def looks(client, model):
    listed = client.list().models
    hold([entry.model for entry in listed] == [f"{model}:latest"], f"list is {listed}")
    hold(listed[0].size > 0 and len(listed[0].digest) == 64, f"entry is {listed[0]}")
    shown = client.show(model)
    hold(shown.modelinfo["general.architecture"] == "llama" and "completion" in shown.capabilities, f"show is {shown}")
    running = client.ps().models
    hold(running[0].model == f"{model}:latest" and running[0].context_length == 1024, f"ps is {running}")


def chats(client, model):
    whole = client.chat(model, MESSAGES, options=OPTIONS)
    hold(whole.done and whole.done_reason == "length" and whole.eval_count == 16, f"chat is {whole}")
    hold(whole.total_duration > 0 and whole.eval_duration > 0 and whole.prompt_eval_count > 0, f"counts are {whole}")
    parts = list(client.chat(model, MESSAGES, options=OPTIONS, stream=True))
    text = "".join(part.message.content or "" for part in parts)
    hold(text == whole.message.content, "streamed it says something else")
    hold([part.done for part in parts] == [False] * (len(parts) - 1) + [True], "done stands elsewhere than at the end")
    return whole.message.content


def generates(client, model):
    whole = client.generate(model, PROMPT, options=OPTIONS)
    text = "".join(part.response for part in client.generate(model, PROMPT, options=OPTIONS, stream=True))
    hold(text == whole.response, "streamed it says something else")
    raw = client.generate(model, "One, two,", raw=True, options=OPTIONS)
    hold(raw.response, "raw says nothing")
    loaded = client.generate(model, "")
    hold(loaded.done and loaded.done_reason == "load", f"load is {loaded}")
    return whole.response


def constrained(client, model):
    person = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    ask = {"messages": [{"role": "user", "content": "How old is Ann? She is 7."}], "options": {**OPTIONS, "num_predict": 40}}
    answer = client.chat(model, format=person, **ask).message.content
    hold(isinstance(json.loads(answer)["age"], int), f"the schema gave {answer!r}")
    vectors = client.embed(model, ["a king", "a queen"])
    hold([len(vector) for vector in vectors.embeddings] == [576, 576] and vectors.prompt_eval_count > 0, "embed")
    hold(len(client.embeddings(model, "a king").embedding) == 576, "embeddings")
    first = client.generate(model, "My name is Ann.", options={**OPTIONS, "num_predict": 2})
    second = client.generate(model, "What is my name?", context=first.context, options={**OPTIONS, "num_predict": 2})
    hold(len(second.context) > len(first.context) and second.prompt_eval_count > len(first.context), "the context was not gone on with")


def makes(client, model):
    made = client.create("terse", from_=model, system="Be brief.", parameters={"num_predict": 3, "temperature": 0})
    hold(made.status == "success", f"create is {made}")
    steps = [step.status for step in client.create("terse", from_=model, system="Be brief.", stream=True)]
    hold(steps[-1] == "success", f"create says {steps}")
    client.copy("terse", "terser")
    hold("Be brief." in client.show("terser").modelfile, "the copy lost its system prompt")
    for name in ("terse", "terser"):
        hold(client.delete(name).status == "success", "delete")
    hold(client.pull(model).status == "success", "pull")
    hold([step.status for step in client.pull(model, stream=True)][-1] == "success", "pull, streamed")


def uploads(client, model, path):
    digest = client.create_blob(path)
    hold(digest.startswith("sha256:"), f"the blob is {digest}")
    made = client.create("uploaded", files={"mine.gguf": digest}, system="Be brief.")
    hold(made.status == "success", f"create from a blob is {made}")
    shown = client.show("uploaded")
    hold(shown.modelinfo["general.architecture"] == "llama" and "Be brief." in shown.modelfile, f"it is {shown}")
    answer = client.chat("uploaded", MESSAGES, options={**OPTIONS, "num_predict": 2})
    hold(answer.eval_count == 2, f"it says {answer}")
    hold(client.delete("uploaded").status == "success", "delete of what was uploaded")


def stays(client, model):
    ask = {"options": {"num_predict": 1}}
    left = lambda: (client.ps().models[0].expires_at - datetime.now(timezone.utc)).total_seconds()
    client.generate(model, "x", keep_alive="2h", **ask)
    hold(3600 < left() <= 7200, f"2h keeps it for {left()} s")
    client.chat(model, MESSAGES, keep_alive=600, **ask)
    hold(60 < left() <= 600, f"600 keeps it for {left()} s")
    client.embed(model, "x", keep_alive="-1m")
    hold(left() > 86400 * 365, f"-1m keeps it for {left()} s")
    gone = client.generate(model, "", keep_alive=0)
    hold(gone.done_reason == "unload", f"unload is {gone}")
    refused(400, lambda: client.generate(model, "x", keep_alive="soon"))


def refused(status, call):
    try:
        call()
    except ollama.ResponseError as error:
        hold(error.status_code == status and error.error, f"refused with {error.status_code} {error.error!r}")
        return error.error
    sys.exit("ollama client: ResponseError was not raised")


def main(url, model, path):
    client = ollama.Client(host=url, timeout=300)
    client.chat(model, MESSAGES, options={"num_predict": 1})
    looks(client, model)
    text = chats(client, model)
    hold(generates(client, model) == text, "generate says something else than chat")
    constrained(client, model)
    makes(client, model)
    uploads(client, model, path)
    # So small a model has no tokens for filling in.
    infill = refused(400, lambda: client.generate(model, "def add(a, b):", suffix="return c"))
    unknown = refused(404, lambda: client.chat("nobody", MESSAGES))
    stays(client, model)
    template = refused(400, lambda: client.generate(model, "x", template="{{ .Prompt }}"))
    print(json.dumps({"client": f"ollama {version('ollama')}", "text": text, "unknown": unknown, "template": template, "infill": infill}))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
