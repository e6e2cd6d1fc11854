//! What the committed IDL says about instructions: accounts with their flags, and where the integers among the arguments are.

use serde_json::Value;
use std::collections::BTreeMap;

const IDL: &str = include_str!("../../artifacts/ogong_chain.json");

/// One account of an instruction.
#[derive(Clone, Debug)]
pub struct IdlAccount {
    pub name: String,
    pub writable: bool,
    pub signer: bool,
    pub optional: bool,
    /// A program or sysvar that can be no other.
    pub fixed: bool,
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct IdlInstruction {
    pub name: String,
    pub discriminator: Vec<u8>,
    /// In order; those of a group stand where the group stands.
    pub accounts: Vec<IdlAccount>,
    args: Vec<Value>,
}

/// An integer among the arguments.
#[derive(Clone, Debug)]
pub struct Integer {
    /// Path of field names.
    pub name: String,
    /// Where in the instruction's data.
    pub at: usize,
    pub bytes: usize,
}

/// Everything of the IDL that is asked for here.
pub struct Idl {
    pub instructions: Vec<IdlInstruction>,
    types: BTreeMap<String, Value>,
}

impl Idl {
    /// The committed one.
    pub fn committed() -> Self {
        let idl: Value = serde_json::from_str(IDL).expect("the IDL is JSON");
        let list = |key: &str| idl[key].as_array().expect("a list").clone();
        let types = list("types").into_iter().map(|one| (text(&one["name"]), one["type"].clone())).collect();
        let instructions = list("instructions").iter().map(IdlInstruction::read).collect();
        Self { instructions, types }
    }

    /// The instruction of a name.
    pub fn instruction(&self, name: &str) -> &IdlInstruction {
        self.instructions.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("the IDL has no {name}"))
    }

    /// The integers in the data of an instruction, fields of structs and of list items included.
    pub fn integers(&self, instruction: &IdlInstruction, data: &[u8]) -> Vec<Integer> {
        let mut walk = Walk { idl: self, data, at: instruction.discriminator.len(), found: Vec::new() };
        for arg in &instruction.args {
            walk.value(&text(&arg["name"]), &arg["type"]);
        }
        assert_eq!(walk.at, data.len(), "{}: the arguments are all of the data", instruction.name);
        walk.found
    }
}

impl IdlInstruction {
    fn read(value: &Value) -> Self {
        let bytes = value["discriminator"].as_array().expect("bytes");
        let byte = |value: &Value| u8::try_from(value.as_u64().expect("a number")).expect("a byte");
        let mut accounts = Vec::new();
        flatten(&value["accounts"], &mut accounts);
        Self {
            name: text(&value["name"]),
            discriminator: bytes.iter().map(byte).collect(),
            accounts,
            args: value["args"].as_array().expect("a list").clone(),
        }
    }
}

fn flatten(list: &Value, into: &mut Vec<IdlAccount>) {
    for account in list.as_array().expect("a list") {
        if account["accounts"].is_array() {
            flatten(&account["accounts"], into);
            continue;
        }
        let flag = |key: &str| account[key].as_bool().unwrap_or(false);
        into.push(IdlAccount {
            name: text(&account["name"]),
            writable: flag("writable"),
            signer: flag("signer"),
            optional: flag("optional"),
            fixed: account["address"].is_string(),
        });
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

struct Walk<'a> {
    idl: &'a Idl,
    data: &'a [u8],
    at: usize,
    found: Vec<Integer>,
}

impl Walk<'_> {
    fn value(&mut self, name: &str, kind: &Value) {
        match kind.as_str() {
            Some("u8") => self.integer(name, 1),
            Some("u16") => self.integer(name, 2),
            Some("u32") => self.integer(name, 4),
            Some("u64") => self.integer(name, 8),
            Some("pubkey") => self.at += 32,
            Some("bytes" | "string") => {
                let length = self.length();
                self.at += length;
            }
            Some(other) => panic!("{name}: a type that is not known here: {other}"),
            None => self.compound(name, kind),
        }
    }

    fn compound(&mut self, name: &str, kind: &Value) {
        if let Some(pair) = kind["array"].as_array() {
            let count = usize::try_from(pair[1].as_u64().expect("a length")).expect("a length");
            if pair[0] == "u8" {
                self.at += count;
                return;
            }
            (0..count).for_each(|place| self.value(&format!("{name}[{place}]"), &pair[0]));
        } else if kind["vec"] != Value::Null {
            for place in 0..self.length() {
                self.value(&format!("{name}[{place}]"), &kind["vec"]);
            }
        } else {
            let defined = text(&kind["defined"]["name"]);
            let fields = self.idl.types[&defined]["fields"].as_array().expect("a struct").clone();
            for field in &fields {
                self.value(&format!("{name}.{}", text(&field["name"])), &field["type"]);
            }
        }
    }

    fn integer(&mut self, name: &str, bytes: usize) {
        self.found.push(Integer { name: name.to_owned(), at: self.at, bytes });
        self.at += bytes;
    }

    fn length(&mut self) -> usize {
        let bytes = self.data[self.at..self.at + 4].try_into().expect("4 bytes");
        self.at += 4;
        usize::try_from(u32::from_le_bytes(bytes)).expect("a length")
    }
}
