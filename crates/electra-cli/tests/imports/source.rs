//! A source file read as far as its imports need: tokens, and from them modules with the items that they
//! define, their `use` declarations and the paths that their code writes out.
//!
//! Code that only tests see (`#[cfg(test)]`) is left out.

use std::collections::{BTreeMap, BTreeSet};

/// Source files of a crate by their path below `src`.
pub type Files = BTreeMap<String, String>;

/// A module: a file, or a block `mod name { .. }` in one.
#[derive(Debug, Default)]
pub struct Module {
    pub file: String,
    /// Names of the functions, types, constants and macros that it defines.
    pub items: BTreeSet<String>,
    pub children: BTreeSet<String>,
    pub uses: Vec<Use>,
    /// Paths of at least two segments in its code.
    pub paths: Vec<Vec<String>>,
    /// Every identifier in its code that is no later segment of a path, no field and no method.
    pub names: BTreeSet<String>,
}

/// One name of a `use` declaration.
#[derive(Debug)]
pub struct Use {
    pub path: Vec<String>,
    /// The name under which it is imported; `*` for all that the path holds.
    pub name: String,
    /// Whether it is handed on, with any visibility.
    pub is_reexport: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// The path separator, `::`.
    Sep,
    Sign(char),
}

/// Tokens of a source text without comments, literals and lifetimes.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match (at(i), at(i + 1)) {
            ('/', '/') => i = (i..chars.len()).find(|i| at(*i) == '\n').unwrap_or(chars.len()),
            ('/', '*') => i = behind_comment(&chars, i),
            ('"', _) => i = behind_string(&chars, i),
            // A lifetime or a character.
            ('\'', c) if is_word(c) && at(i + 2) != '\'' => {
                i += 1;
                while is_word(at(i)) {
                    i += 1;
                }
            }
            ('\'', '\\') => i = (i + 3..chars.len()).find(|i| at(*i) == '\'').unwrap_or(chars.len()) + 1,
            ('\'', _) => i += 3,
            (':', ':') => {
                found.push(Token::Sep);
                i += 2;
            }
            (c, _) if is_word(c) => {
                let start = i;
                while is_word(at(i)) {
                    i += 1;
                }
                let word: String = chars[start..i].iter().collect();
                let is_raw =
                    word.ends_with('r') && (at(i) == '"' || at(i) == '#' && "\"#".contains(at(i + 1)));
                match word.as_str() {
                    "r" | "br" | "cr" if is_raw => i = behind_raw_string(&chars, i),
                    "b" | "c" if at(i) == '"' => {}
                    _ => found.push(Token::Word(word)),
                }
            }
            (c, _) => {
                if !c.is_whitespace() {
                    found.push(Token::Sign(c));
                }
                i += 1;
            }
        }
    }
    found
}

fn behind_comment(chars: &[char], start: usize) -> usize {
    let (mut i, mut depth) = (start, 0);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (i, depth) = (i + 2, depth + 1),
            ('*', Some('/')) => (i, depth) = (i + 2, depth - 1),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn behind_string(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn behind_raw_string(chars: &[char], start: usize) -> usize {
    let hashes = chars[start..].iter().take_while(|c| **c == '#').count();
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let content = start + hashes + 1;
    (content..chars.len()).find(|i| chars[*i..].starts_with(&end)).map_or(chars.len(), |i| i + end.len())
}

/// The modules of a crate by their path from its root, found by following `mod` from the file `root`.
pub fn modules(files: &Files, root: &str) -> BTreeMap<Vec<String>, Module> {
    let mut modules = BTreeMap::new();
    let mut open = vec![(Vec::new(), root.to_owned())];
    while let Some((path, file)) = open.pop() {
        let text = files.get(&file).unwrap_or_else(|| panic!("`mod` names {file}, which is not there"));
        let mut reader =
            Reader { tokens: tokens(text), at: 0, file, modules: BTreeMap::new(), declared: Vec::new() };
        reader.module(path);
        for child in reader.declared {
            let stem = child.join("/");
            let file =
                [format!("{stem}.rs"), format!("{stem}/mod.rs")].into_iter().find(|f| files.contains_key(f));
            open.push((child, file.unwrap_or_else(|| panic!("`mod` names {stem}.rs, which is not there"))));
        }
        modules.extend(reader.modules);
    }
    modules
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    file: String,
    modules: BTreeMap<Vec<String>, Module>,
    /// Modules of which each has a file of its own.
    declared: Vec<Vec<String>>,
}

/// Words that begin an item whose name follows.
const ITEMS: [&str; 9] = ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "macro_rules"];

impl Reader {
    fn word(&self, at: usize) -> Option<&str> {
        match self.tokens.get(at) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn is(&self, at: usize, sign: char) -> bool {
        self.tokens.get(at) == Some(&Token::Sign(sign))
    }

    /// Reads until the end of the file or the brace that ends the module.
    fn module(&mut self, path: Vec<String>) {
        let mut module = Module { file: self.file.clone(), ..Module::default() };
        // Of each open brace: whether items stand in it. In those of a macro call they may.
        let mut open: Vec<bool> = Vec::new();
        while self.at < self.tokens.len() {
            let here = self.at;
            let in_items = open.iter().all(|items| *items);
            self.at += 1;
            match &self.tokens[here] {
                Token::Sign('{') => {
                    let is_call = here > 1 && self.is(here - 1, '!') && self.word(here - 2).is_some();
                    open.push(is_call);
                }
                Token::Sign('}') if open.pop().is_none() => break,
                Token::Sign('#') if self.is_test_attribute(here) => self.skip_item(),
                Token::Word(word) if word == "use" => {
                    let is_reexport =
                        here > 0 && (self.word(here - 1) == Some("pub") || self.is(here - 1, ')'));
                    self.use_tree(Vec::new(), is_reexport, &mut module.uses);
                }
                Token::Word(word) if word == "mod" && in_items => {
                    let name = self.word(self.at).expect("a name behind `mod`").to_owned();
                    self.at += 1;
                    let child = [path.clone(), vec![name.clone()]].concat();
                    module.children.insert(name);
                    if self.is(self.at, '{') {
                        self.at += 1;
                        self.module(child);
                    } else {
                        self.declared.push(child);
                    }
                }
                Token::Word(word) => {
                    if in_items && ITEMS.contains(&word.as_str()) {
                        let behind = if word == "macro_rules" { self.at + 1 } else { self.at };
                        if let Some(name) = self.word(behind) {
                            module.items.insert(name.to_owned());
                        }
                    }
                    let is_first =
                        here == 0 || ![Token::Sep, Token::Sign('.')].contains(&self.tokens[here - 1]);
                    if is_first {
                        self.path(here, &mut module);
                    }
                }
                _ => {}
            }
        }
        self.modules.insert(path, module);
    }

    /// Records the path that begins at a word.
    fn path(&mut self, start: usize, module: &mut Module) {
        let mut path = vec![self.word(start).expect("a word").to_owned()];
        let mut at = start + 1;
        while self.tokens.get(at) == Some(&Token::Sep) {
            let Some(next) = self.word(at + 1) else { break };
            path.push(next.to_owned());
            at += 2;
        }
        module.names.insert(path[0].clone());
        if path.len() > 1 {
            module.paths.push(path);
        }
    }

    /// Reads a tree of a `use` declaration, behind `prefix`, and the sign that ends it.
    fn use_tree(&mut self, prefix: Vec<String>, is_reexport: bool, uses: &mut Vec<Use>) {
        let mut path = prefix;
        let mut name = None;
        loop {
            let token = self.tokens.get(self.at).cloned();
            self.at += 1;
            match token {
                Some(Token::Word(word)) if word == "as" => {
                    name = self.word(self.at).map(str::to_owned);
                    self.at += 1;
                }
                // `{self, ..}` names what stands before the brace.
                Some(Token::Word(word)) if word == "self" && !path.is_empty() => {}
                Some(Token::Word(word)) => path.push(word),
                Some(Token::Sep) => {}
                Some(Token::Sign('*')) => name = Some("*".to_owned()),
                Some(Token::Sign('{')) => {
                    while !self.is(self.at, '}') {
                        self.use_tree(path.clone(), is_reexport, uses);
                    }
                    self.at += 1;
                    // The comma or semicolon behind the brace.
                    self.at += usize::from(self.is(self.at, ','));
                    return;
                }
                // A brace belongs to the tree outside.
                Some(Token::Sign('}')) => {
                    self.at -= 1;
                    break;
                }
                _ => break,
            }
        }
        if let Some(last) = path.last().cloned() {
            uses.push(Use { path, name: name.unwrap_or(last), is_reexport });
        }
    }

    /// Whether `#[cfg(test)]` or `#[cfg(all(test, ..))]` begins here.
    fn is_test_attribute(&self, here: usize) -> bool {
        let words: Vec<&str> = (here..here + 7).filter_map(|at| self.word(at)).collect();
        self.is(here + 1, '[')
            && (words.starts_with(&["cfg", "test"]) || words.starts_with(&["cfg", "all", "test"]))
    }

    /// Goes behind the item whose first attribute begins before: its semicolon, or the brace that ends it.
    fn skip_item(&mut self) {
        let mut depth = 0;
        while self.at < self.tokens.len() {
            let token = self.tokens[self.at].clone();
            self.at += 1;
            match token {
                Token::Sign('{' | '(' | '[') => depth += 1,
                Token::Sign(')' | ']') => depth -= 1,
                Token::Sign('}') => {
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                Token::Sign(';') if depth == 0 => return,
                _ => {}
            }
        }
    }
}
