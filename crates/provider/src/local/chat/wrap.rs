//! Breaking lines at the terminal's width, word by word, while text arrives in pieces.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Where the cursor stands. What is written goes through [`Wrap::push`].
#[derive(Debug)]
pub struct Wrap {
    /// Columns of the terminal; `None` does not break.
    width: Option<usize>,
    column: usize,
    /// The word under way, already on the screen.
    word: String,
}

impl Wrap {
    /// A writer for a terminal of this many columns.
    pub fn new(width: Option<usize>) -> Self {
        // On a sliver nothing is gained by breaking.
        Self { width: width.filter(|width| *width >= 20), column: 0, word: String::new() }
    }

    /// What to write for a piece of text: the text itself, with breaks. A word that turns out too long for its line is taken back and
    /// written again on the next.
    pub fn push(&mut self, text: &str) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        let mut out = String::new();
        for c in text.chars() {
            match c {
                '\n' => {
                    out.push('\n');
                    self.column = 0;
                    self.word.clear();
                }
                ' ' | '\t' => {
                    self.word.clear();
                    // A blank at the edge becomes the break itself.
                    if self.column + 1 >= width {
                        out.push('\n');
                        self.column = 0;
                    } else if self.column > 0 || c == '\t' || out.ends_with('\n') || out.is_empty() {
                        out.push(' ');
                        self.column += 1;
                    }
                }
                _ => self.put(c, width, &mut out),
            }
        }
        out
    }

    fn put(&mut self, c: char, width: usize, out: &mut String) {
        let columns = c.width().unwrap_or(0);
        if self.column + columns > width {
            let word = self.word.width();
            if word > 0 && word + columns < width && word < self.column {
                // Back over the word, erase it, and write it on the next line.
                out.push_str(&format!("\x1b[{word}D\x1b[K\n{}", self.word));
                self.column = word;
            } else {
                out.push('\n');
                self.column = 0;
                self.word.clear();
            }
        }
        out.push(c);
        self.column += columns;
        // Scripts without blanks break anywhere.
        if columns > 1 {
            self.word.clear();
        } else {
            self.word.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal shows of it.
    fn shown(width: usize, pieces: &[&str]) -> Vec<String> {
        let mut wrap = Wrap::new(Some(width));
        let out: String = pieces.iter().map(|piece| wrap.push(piece)).collect();
        let mut lines = vec![String::new()];
        let mut rest = out.as_str();
        while let Some(c) = rest.chars().next() {
            if let Some(escape) = rest.strip_prefix("\x1b[") {
                let (count, after) = escape.split_once('D').expect("back");
                let line = lines.last_mut().expect("a line");
                let keep = line.chars().count() - count.parse::<usize>().expect("a number");
                *line = line.chars().take(keep).collect();
                rest = after.strip_prefix("\x1b[K").expect("erase");
            } else {
                if c == '\n' {
                    lines.push(String::new())
                } else {
                    lines.last_mut().expect("a line").push(c)
                }
                rest = &rest[c.len_utf8()..];
            }
        }
        lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn words_stay_whole_however_they_arrive() {
        let text = "the quick brown fox jumps over the lazy dog";
        let whole = shown(20, &[text]);
        assert_eq!(whole, ["the quick brown fox", "jumps over the lazy", "dog"]);
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(shown(20, &letters), whole);
    }

    #[test]
    fn long_words_break_and_wide_letters_count_twice() {
        assert_eq!(shown(20, &["aaaaaaaaaaaaaaaaaaaaaaaaa"]), ["aaaaaaaaaaaaaaaaaaaa", "aaaaa"]);
        assert_eq!(shown(20, &["日本語日本語日本語日本語"]), ["日本語日本語日本語日", "本語"]);
        assert_eq!(shown(20, &["a\nb"]), ["a", "b"]);
        assert_eq!(Wrap::new(None).push("any  thing"), "any  thing");
    }

    #[test]
    fn indentation_survives() {
        assert_eq!(shown(40, &["x:\n    y = 1"]), ["x:", "    y = 1"]);
    }
}
