//! The commands that documents show, run: what they print is what the document says.

use std::{env, fs, path::Path, process::Command};

use portcullis::policy::KNOWN_KEYS;

use super::text;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Each `$ command` of the ```` ```console ```` blocks, and the lines below it.
fn examples(document: &str) -> Vec<(String, String)> {
    let mut examples: Vec<(String, String)> = Vec::new();
    for block in document.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match line.strip_prefix("$ ") {
                Some(command) => examples.push((command.to_owned(), String::new())),
                None => examples.last_mut().unwrap().1.extend([line, "\n"]),
            }
        }
    }
    examples
}

#[test]
fn examples_of_the_policy_page_print_what_they_show() {
    let program = Path::new(env!("CARGO_BIN_EXE_portcullis"));
    let path = format!("{}:{}", program.parent().unwrap().display(), env::var("PATH").unwrap());
    let examples = examples(&read("docs/policy.md"));
    assert!(examples.len() >= 5);
    for (command, expected) in examples {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(text(&output.stdout), expected, "{command}\n{}", text(&output.stderr));
    }
}

#[test]
fn every_condition_key_is_on_the_policy_page() {
    let page = read("docs/policy.md");
    for known in KNOWN_KEYS {
        let name = match known.name.strip_suffix('/') {
            Some(family) => format!("`{family}/TAG`"),
            None => format!("`{}`", known.name),
        };
        assert!(page.contains(&name), "docs/policy.md says nothing of {name}");
    }
}
