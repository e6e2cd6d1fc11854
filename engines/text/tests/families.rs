//! Tool calls of several families: what a family's template writes for a call, its parser reads back as the same call, whole
//! and piece by piece.

mod common;

use common::model;
use llama_cpp_4::chat::{ChatApplyParams, ChatTemplates, ToolChoice};
use ogong_text::cancel::Cancel;
use ogong_text::model::Model;
use ogong_text::placement::Placement;
use serde_json::{Value, json};

/// Templates in the manner of families that llama.cpp reads each in its own way, or works out from the template.
const FAMILIES: [(&str, &str); 18] = [
    ("hermes", ogong_text::tools::TEMPLATE),
    ("llama 3.1", include_str!("families/llama-3.1.jinja")),
    ("mistral", include_str!("families/mistral.jinja")),
    ("qwen3-coder", include_str!("families/qwen3-coder.jinja")),
    ("kimi k2", include_str!("families/kimi-k2.jinja")),
    ("gpt-oss", include_str!("families/gpt-oss.jinja")),
    ("deepseek v3.1", include_str!("families/deepseek-v3.1.jinja")),
    ("glm 4", include_str!("families/glm-4.jinja")),
    ("gigachat 3", include_str!("families/gigachat-3.jinja")),
    ("minimax m2", include_str!("families/minimax-m2.jinja")),
    ("ministral 3", include_str!("families/ministral-3.jinja")),
    ("lfm2", include_str!("families/lfm2.jinja")),
    ("minicpm 5", include_str!("families/minicpm-5.jinja")),
    ("nemotron 2", include_str!("families/nemotron-2.jinja")),
    ("command-r", include_str!("families/command-r.jinja")),
    ("gemma 4", include_str!("families/gemma-4.jinja")),
    ("cohere 2", include_str!("families/cohere-2.jinja")),
    ("functionary 3.2", include_str!("families/functionary-v3.2.jinja")),
];

const END_MARKS: [&str; 10] = [
    "<|END_OF_TURN_TOKEN|>",
    "<SPECIAL_12>",
    "<|im_end|>",
    "<|eot_id|>",
    "</s>",
    "<|call|>",
    "<|return|>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
    "<turn|>",
];

fn tools() -> String {
    json!([{"type": "function", "function": {
        "name": "get_weather", "description": "The weather of a city.",
        "parameters": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    }}])
    .to_string()
}

/// A call of `arguments`.
fn call(arguments: &Value) -> Value {
    json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": arguments.to_string()}},
    ]})
}

/// What the template writes as the assistant's turn for `message`.
fn written(templates: &ChatTemplates, message: &Value) -> String {
    let user = json!({"role": "user", "content": "Weather in Paris?"});
    let render = |messages: Value, open: bool| {
        let params = ChatApplyParams::new(messages.to_string()).with_tools(tools()).with_add_generation_prompt(open);
        templates.apply(&params).expect("rendered").prompt
    };
    let (asked, whole) = (render(json!([user]), true), render(json!([user, message]), false));
    let turn = whole.strip_prefix(&asked).unwrap_or_else(|| panic!("{whole:?} does not begin with {asked:?}"));
    let end = END_MARKS.iter().filter_map(|mark| turn.find(mark)).min().unwrap_or(turn.len());
    turn[..end].to_owned()
}

#[test]
fn a_call_that_is_written_is_read_back() {
    let target =
        Model::load(&model("Q8_0"), &Placement::default(), None, false, false, &Cancel::default()).expect("model");
    let arguments = json!({"city": "Paris \"ville\" {x} 🙂", "days": 3});
    for (family, source) in FAMILIES {
        let templates = ChatTemplates::from_model(target.llama(), Some(source)).expect("templates");
        let text = written(&templates, &call(&arguments));
        let user = json!([{"role": "user", "content": "Weather in Paris?"}]).to_string();
        let params = ChatApplyParams::new(user).with_tools(tools()).with_tool_choice(ToolChoice::Auto);
        let applied = templates.apply(&params).expect("applied");
        let parsed: Value = serde_json::from_str(&applied.parse(&text, false).expect("parsed")).expect("json");
        let call = &parsed["tool_calls"][0]["function"];
        assert_eq!(call["name"], "get_weather", "{family}: {text:?} is read as {parsed}");
        let read: Value = serde_json::from_str(call["arguments"].as_str().expect("text")).expect("json");
        assert_eq!(read, arguments, "{family}");
        // As it comes in, arguments only grow.
        let mut before = String::new();
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let Ok(partial) = applied.parse(&text[..end], true) else { continue };
            let partial: Value = serde_json::from_str(&partial).expect("json");
            let now = partial["tool_calls"][0]["function"]["arguments"].as_str().unwrap_or_default().to_owned();
            assert!(now.starts_with(&before), "{family}: {before:?} became {now:?}");
            before = now;
        }
        let text = written(&templates, &json!({"role": "assistant", "content": "It is sunny."}));
        let parsed = applied.parse(&text, false).unwrap_or_else(|error| panic!("{family}: {text:?}: {error}"));
        let plain: Value = serde_json::from_str(&parsed).expect("json");
        assert_eq!(plain["content"].as_str().map(str::trim), Some("It is sunny."), "{family}");
    }
}
