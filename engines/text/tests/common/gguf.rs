//! Writes GGUF files with random weights: real architectures, too small to know anything.

use std::path::Path;

const ALIGNMENT: usize = 32;
const U32: u32 = 4;
const F32: u32 = 6;
const BOOL: u32 = 7;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// A file under construction.
#[derive(Default)]
pub struct Gguf {
    entries: Vec<Vec<u8>>,
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
    state: u64,
}

impl Gguf {
    /// A file that says it is of `architecture`.
    pub fn new(architecture: &str) -> Self {
        Self::default().text("general.architecture", architecture)
    }

    fn entry(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.entries.push([&string(key)[..], &kind.to_le_bytes(), value].concat());
        self
    }

    pub fn text(self, key: &str, value: &str) -> Self {
        self.entry(key, STRING, &string(value))
    }

    pub fn number(self, key: &str, value: u32) -> Self {
        self.entry(key, U32, &value.to_le_bytes())
    }

    pub fn real(self, key: &str, value: f32) -> Self {
        self.entry(key, F32, &value.to_le_bytes())
    }

    pub fn truth(self, key: &str, value: bool) -> Self {
        self.entry(key, BOOL, &[u8::from(value)])
    }

    pub fn reals(self, key: &str, values: &[f32]) -> Self {
        self.list(key, F32, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    pub fn numbers(self, key: &str, values: &[u32]) -> Self {
        self.list(key, U32, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn list(self, key: &str, kind: u32, count: usize, items: Vec<u8>) -> Self {
        let head = [&kind.to_le_bytes()[..], &(count as u64).to_le_bytes()].concat();
        self.entry(key, ARRAY, &[head, items].concat())
    }

    /// Takes over all entries of the file at `path` whose key begins with `prefix`.
    pub fn entries_of(mut self, path: &Path, prefix: &str) -> Self {
        let bytes = std::fs::read(path).expect("a model");
        let count = word(&bytes, 16);
        let mut at = 24;
        for _ in 0..count {
            let start = at;
            let key = word(&bytes, at);
            let key = &bytes[at + 8..at + 8 + key];
            let kind = at + 8 + key.len();
            at = kind + 4 + length(&bytes, u32_at(&bytes, kind), kind + 4);
            if key.starts_with(prefix.as_bytes()) {
                self.entries.push(bytes[start..at].to_vec());
            }
        }
        self
    }

    /// A tensor of small random weights; `shape` has the fastest dimension first.
    pub fn random(self, name: &str, shape: &[usize]) -> Self {
        let scale = 1.0 / (shape[0] as f32).sqrt();
        self.filled(name, shape, |random| random * scale)
    }

    /// A tensor of ones, as norms are.
    pub fn ones(self, name: &str, shape: &[usize]) -> Self {
        self.filled(name, shape, |_| 1.0)
    }

    /// A tensor of nothing.
    pub fn zeros(self, name: &str, shape: &[usize]) -> Self {
        self.filled(name, shape, |_| 0.0)
    }

    /// A matrix that hands on the first of its inputs as they are.
    pub fn identity(self, name: &str, inputs: usize, outputs: usize) -> Self {
        let mut file = self.zeros(name, &[inputs, outputs]);
        if let Some((_, _, values)) = file.tensors.last_mut() {
            (0..outputs).for_each(|at| values[at * inputs + at] = 1.0);
        }
        file
    }

    fn filled(mut self, name: &str, shape: &[usize], value: impl Fn(f32) -> f32) -> Self {
        let count = shape.iter().product();
        let values = (0..count)
            .map(|_| {
                self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                value(((self.state >> 40) as f32 / (1u64 << 24) as f32).mul_add(2.0, -1.0))
            })
            .collect();
        self.tensors.push((name.to_owned(), shape.to_vec(), values));
        self
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) {
        let mut infos = Vec::new();
        let mut data = Vec::new();
        for (name, shape, values) in &self.tensors {
            infos.extend(string(name));
            infos.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|side| infos.extend((*side as u64).to_le_bytes()));
            infos.extend(0u32.to_le_bytes());
            infos.extend((data.len() as u64).to_le_bytes());
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
        }
        let counts = [self.tensors.len() as u64, self.entries.len() as u64].map(u64::to_le_bytes).concat();
        let mut file = [b"GGUF", &3u32.to_le_bytes()[..], &counts, &self.entries.concat(), &infos].concat();
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        file.extend(data);
        std::fs::write(path, file).expect("the file");
    }
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn word(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes")) as usize
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Bytes of a value of `kind` that stands at `at`.
fn length(bytes: &[u8], kind: u32, at: usize) -> usize {
    match kind {
        0 | 1 | BOOL => 1,
        2 | 3 => 2,
        U32 | 5 | F32 => 4,
        STRING => 8 + word(bytes, at),
        ARRAY => {
            let (inner, count) = (u32_at(bytes, at), word(bytes, at + 4));
            let start = at + 12;
            (0..count).fold(start, |at, _| at + length(bytes, inner, at)) - at
        }
        _ => 8,
    }
}
