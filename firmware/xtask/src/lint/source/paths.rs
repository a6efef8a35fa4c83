//! The paths that a piece of Rust names: a small tokenizer and the unfolding of `use` trees.
//!
//! Not a parser. It knows comments (nested), strings (raw ones too), characters against lifetimes, and brackets.

/// A path such as `std::fs::read`, and the line of its last segment.
#[derive(Debug, PartialEq)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) segments: Vec<String>,
}

#[derive(Debug, PartialEq, Clone)]
enum Token {
    Word(String),
    Colons,
    Mark(char),
}

type Placed = (Token, usize);

/// Every path named, `use` trees unfolded; items under `#[cfg(test)]` only when `tests_too`.
pub(super) fn named(text: &str, tests_too: bool) -> Vec<Named> {
    let mut tokens = tokens(text);
    if !tests_too {
        tokens = without_tests(&tokens);
    }
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].0 == Token::Word("use".into()) {
            at = unfold(&tokens, at + 1, &[], &mut found);
        } else if let Token::Word(word) = &tokens[at].0 {
            let mut path = Named { line: tokens[at].1, segments: vec![word.clone()] };
            while let (Some((Token::Colons, _)), Some((Token::Word(next), line))) =
                (tokens.get(at + 1), tokens.get(at + 2))
            {
                path.segments.push(next.clone());
                path.line = *line;
                at += 2;
            }
            found.push(path);
            at += 1;
        } else {
            at += 1;
        }
    }
    found
}

/// Unfolds one branch of a `use` tree; returns where it ends.
fn unfold(tokens: &[Placed], mut at: usize, before: &[String], found: &mut Vec<Named>) -> usize {
    let mut segments = before.to_vec();
    let mut line = None;
    while let Some((token, here)) = tokens.get(at) {
        match token {
            Token::Word(word) if word == "as" => at += 2,
            Token::Word(word) => {
                segments.push(word.clone());
                line = Some(*here);
                at += 1;
            }
            Token::Colons | Token::Mark('*') => at += 1,
            Token::Mark('{') => {
                at += 1;
                while let Some((token, _)) = tokens.get(at) {
                    match token {
                        Token::Mark('}') => break,
                        Token::Mark(',') => at += 1,
                        _ => at = unfold(tokens, at, &segments, found).max(at + 1),
                    }
                }
                at += 1;
                return at;
            }
            Token::Mark(_) => break,
        }
    }
    if let Some(line) = line {
        found.push(Named { line, segments });
    }
    at
}

/// Leaves out every item that follows `#[cfg(test)]`: up to its `;` or through its braces.
fn without_tests(tokens: &[Placed]) -> Vec<Placed> {
    let word = |text: &str| Token::Word(text.into());
    let sign = [
        Token::Mark('#'),
        Token::Mark('['),
        word("cfg"),
        Token::Mark('('),
        word("test"),
        Token::Mark(')'),
        Token::Mark(']'),
    ];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        if rest.len() < sign.len() || !rest.iter().zip(&sign).all(|(token, wanted)| token.0 == *wanted) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += sign.len();
        let mut depth = 0;
        while let Some((token, _)) = tokens.get(at) {
            at += 1;
            match token {
                Token::Mark('{' | '(' | '[') => depth += 1,
                Token::Mark('}' | ')' | ']') => depth -= 1,
                _ => {}
            }
            if depth == 0 && matches!(token, Token::Mark('}' | ';')) {
                break;
            }
        }
    }
    kept
}

/// Words, `::` and other marks, with their lines.
fn tokens(text: &str) -> Vec<Placed> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let from = at;
        let here = line;
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        match chars[at] {
            '/' if next == '/' => at = find(&chars, at, "\n").unwrap_or(chars.len()),
            '/' if next == '*' => at = comment_end(&chars, at),
            '"' => at = string_end(&chars, at + 1),
            '\'' => at = character_end(&chars, at),
            ':' if next == ':' => {
                found.push((Token::Colons, here));
                at += 2;
            }
            c if c.is_alphabetic() || c == '_' => {
                while chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                    at += 1;
                }
                let word: String = chars[from..at].iter().collect();
                let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
                let quoted = chars.get(at + hashes) == Some(&'"');
                match word.as_str() {
                    "r" | "br" | "cr" if quoted => {
                        let end: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                        at = find(&chars, at + hashes + 1, &end).map_or(chars.len(), |end| end + hashes + 1);
                    }
                    "b" | "c" if quoted && hashes == 0 => at = string_end(&chars, at + 1),
                    _ => found.push((Token::Word(word), here)),
                }
            }
            c => {
                if !c.is_whitespace() && !c.is_numeric() {
                    found.push((Token::Mark(c), here));
                }
                at += 1;
            }
        }
        line += chars[from..at].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn find(chars: &[char], from: usize, what: &str) -> Option<usize> {
    let what: Vec<char> = what.chars().collect();
    (from..chars.len()).find(|&at| chars[at..].starts_with(&what))
}

fn comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        if chars[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if chars[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// `'x'` and `'\n'` end after their quote; a lifetime is just its quote, the word after it is harmless.
fn character_end(chars: &[char], at: usize) -> usize {
    if chars.get(at + 1) == Some(&'\\') {
        return find(chars, at + 3, "'").map_or(chars.len(), |end| end + 1);
    }
    if chars.get(at + 2) == Some(&'\'') { at + 3 } else { at + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        named(text, false).into_iter().map(|named| named.segments.join("::")).collect()
    }

    #[test]
    fn use_trees_unfold() {
        assert_eq!(paths("use a::{b, c::{d as e, f::*}, self};"), ["a::b", "a::c::d", "a::c::f", "a::self"]);
        assert_eq!(paths("pub use a::b; use c;"), ["pub", "a::b", "c"]);
    }

    #[test]
    fn lines_survive_strings_and_comments() {
        let named = named("/* one\n two */ let x = \"a\nb\";\nstd::fs::read(x)", false);
        let read = named.iter().find(|named| named.segments.len() == 3).unwrap();
        assert_eq!(read.line, 4);
    }

    #[test]
    fn an_item_under_cfg_test_ends_with_its_braces() {
        assert_eq!(paths("#[cfg(test)] fn f() { g({}) } h"), ["h"]);
        assert_eq!(paths("#[cfg(test)] use a::{b}; h"), ["h"]);
    }
}
