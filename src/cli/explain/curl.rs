//! A curl command as a request: those of its options that change what is asked. Invariant: an option
//! that is not known is told, since its value would be taken for the URL.
//! (`man curl`.)

use super::asked::Plain;

/// Reads a command line. The words `$` and `curl` before it do not matter.
///
/// # Errors
///
/// A sentence that says what to change.
pub(super) fn read(command: &str) -> Result<Plain, String> {
    let mut words = split(command)?.into_iter().peekable();
    while words.next_if(|word| word == "$" || word == "curl").is_some() {}
    let mut curl = Curl::default();
    while let Some(word) = words.next() {
        if let Some(name) = word.strip_prefix("--") {
            let takes = takes_value(name)?;
            let value =
                if takes { words.next().ok_or_else(|| lacks(&word))? } else { String::new() };
            curl.option(name, value)?;
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            curl.letters(letters, &mut words)?;
        } else {
            curl.urls.push(word);
        }
    }
    curl.plain()
}

/// What the options say.
#[derive(Default)]
struct Curl {
    method: Option<String>,
    urls: Vec<String>,
    headers: Vec<String>,
    data: Vec<String>,
    upload: Option<String>,
    is_get: bool,
    is_head: bool,
    signs: bool,
}

impl Curl {
    /// `-sSI`, `-XPUT`.
    fn letters(
        &mut self,
        letters: &str,
        words: &mut impl Iterator<Item = String>,
    ) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let known = SHORT.iter().find(|(short, _)| *short == letter);
            let (_, name) = known.ok_or_else(|| unknown(&format!("-{letter}")))?;
            if takes_value(name)? {
                let rest = letters.get(at + letter.len_utf8()..).unwrap_or_default();
                let value = match rest {
                    "" => words.next().ok_or_else(|| lacks(&format!("-{letter}")))?,
                    rest => rest.to_owned(),
                };
                return self.option(name, value);
            }
            self.option(name, String::new())?;
        }
        Ok(())
    }

    fn option(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "request" => self.method = Some(value),
            "url" => self.urls.push(value),
            "header" => self.headers.push(value),
            "user-agent" => self.headers.push(format!("User-Agent: {value}")),
            "referer" => self.headers.push(format!("Referer: {value}")),
            "range" => self.headers.push(format!("Range: bytes={value}")),
            "data" | "data-ascii" | "data-binary" | "data-raw" | "json" => self.data.push(value),
            "upload-file" => self.upload = Some(value),
            "get" => self.is_get = true,
            "head" => self.is_head = true,
            "aws-sigv4" => self.signs = true,
            "form" | "form-string" | "data-urlencode" => {
                return Err(format!(
                    "`--{name}` is not read here; explain the upload that it makes: --method PUT \
                     --url …"
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn plain(self) -> Result<Plain, String> {
        let url = match <[String; 1]>::try_from(self.urls) {
            Ok([url]) => url,
            Err(urls) if urls.is_empty() => return Err("it has no URL".to_owned()),
            Err(_) => return Err("it has several URLs; explain one at a time".to_owned()),
        };
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        let mut url = match &self.upload {
            // As curl does.
            Some(path) if url.ends_with('/') => {
                format!("{url}{}", path.rsplit('/').next().unwrap_or_default())
            }
            Some(_) | None => url,
        };
        let data = (!self.data.is_empty()).then(|| self.data.join("&"));
        let implied = match (self.is_head, &self.upload, &data) {
            (true, ..) => "HEAD",
            (_, Some(_), _) => "PUT",
            (_, None, Some(_)) if !self.is_get => "POST",
            (_, None, _) => "GET",
        };
        let mut body = data;
        if self.is_get
            && let Some(data) = body.take()
        {
            let joint = if url.contains('?') { '&' } else { '?' };
            url = format!("{url}{joint}{data}");
        }
        let method = self.method.unwrap_or_else(|| implied.to_owned());
        Ok(Plain { method, url, headers: self.headers, body, signs: self.signs })
    }
}

fn takes_value(name: &str) -> Result<bool, String> {
    if WITH_VALUE.contains(&name) {
        return Ok(true);
    }
    let is_known = WITHOUT_VALUE.contains(&name) || name.starts_with("no-");
    is_known.then_some(false).ok_or_else(|| unknown(&format!("--{name}")))
}

fn unknown(option: &str) -> String {
    format!("the option `{option}` of curl is not read here; leave it out")
}

fn lacks(option: &str) -> String {
    format!("the option `{option}` lacks its value")
}

/// Splits as a POSIX shell does; nothing is expanded.
fn split(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut letters = line.trim().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => quoted(letter, &mut letters, word.get_or_insert_default())?,
            '\\' => match letters.next() {
                Some('\n') | None => {}
                Some(letter) => word.get_or_insert_default().push(letter),
            },
            _ if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(
    quote: char,
    letters: &mut impl Iterator<Item = char>,
    word: &mut String,
) -> Result<(), String> {
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter == quote => return Ok(()),
            '\\' if quote == '"' => match letters.next() {
                Some('\n') => {}
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            _ => word.push(letter),
        }
    }
    Err(format!("a {quote} is not closed"))
}

const SHORT: [(char, &str); 29] = [
    ('4', "ipv4"),
    ('6', "ipv6"),
    ('A', "user-agent"),
    ('C', "continue-at"),
    ('D', "dump-header"),
    ('E', "cert"),
    ('F', "form"),
    ('G', "get"),
    ('H', "header"),
    ('I', "head"),
    ('L', "location"),
    ('O', "remote-name"),
    ('S', "show-error"),
    ('T', "upload-file"),
    ('X', "request"),
    ('#', "progress-bar"),
    ('d', "data"),
    ('e', "referer"),
    ('f', "fail"),
    ('g', "globoff"),
    ('i', "include"),
    ('k', "insecure"),
    ('m', "max-time"),
    ('o', "output"),
    ('r', "range"),
    ('s', "silent"),
    ('u', "user"),
    ('v', "verbose"),
    ('w', "write-out"),
];
const WITH_VALUE: [&str; 34] = [
    "aws-sigv4",
    "cacert",
    "capath",
    "cert",
    "ciphers",
    "connect-timeout",
    "connect-to",
    "continue-at",
    "data",
    "data-ascii",
    "data-binary",
    "data-raw",
    "data-urlencode",
    "dump-header",
    "expect100-timeout",
    "form",
    "form-string",
    "header",
    "json",
    "key",
    "limit-rate",
    "max-time",
    "output",
    "proxy",
    "range",
    "referer",
    "request",
    "resolve",
    "retry",
    "upload-file",
    "url",
    "user",
    "user-agent",
    "write-out",
];
const WITHOUT_VALUE: [&str; 24] = [
    "compressed",
    "fail",
    "fail-with-body",
    "get",
    "globoff",
    "head",
    "http1.1",
    "http2",
    "include",
    "insecure",
    "ipv4",
    "ipv6",
    "location",
    "path-as-is",
    "progress-bar",
    "remote-name",
    "remote-header-name",
    "show-error",
    "silent",
    "tlsv1.2",
    "tlsv1.3",
    "verbose",
    "xattr",
    "raw",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, method: &str, url: &str, headers: &[&str], body: Option<&str>) {
        let plain = read(command).unwrap();
        let found: Vec<&str> = plain.headers.iter().map(String::as_str).collect();
        assert_eq!((plain.method.as_str(), plain.url.as_str()), (method, url), "{command}");
        assert_eq!((found.as_slice(), plain.body.as_deref()), (headers, body), "{command}");
    }

    #[test]
    fn options_make_a_request() {
        check("curl https://h/b/k", "GET", "https://h/b/k", &[], None);
        check("$ curl -sS h/b/k -o 'a b'", "GET", "http://h/b/k", &[], None);
        check("curl -XPUT https://h/b -H 'A: b'", "PUT", "https://h/b", &["A: b"], None);
        check("curl -T dir/file https://h/b/", "PUT", "https://h/b/file", &[], None);
        check("curl -I https://h/b/k", "HEAD", "https://h/b/k", &[], None);
        check(
            "curl --url \"https://h/b?delete\" --data-binary @keys.xml",
            "POST",
            "https://h/b?delete",
            &[],
            Some("@keys.xml"),
        );
        check(
            "curl -G -d prefix=a -d max-keys=2 h/b",
            "GET",
            "http://h/b?prefix=a&max-keys=2",
            &[],
            None,
        );
        check("curl \\\n  -X DELETE \\\n  h/b/k", "DELETE", "http://h/b/k", &[], None);
        let headers = &["User-Agent: a \"b\"", "Referer: r"];
        check(r#"curl -A "a \"b\"" -e r h/b"#, "GET", "http://h/b", headers, None);
    }

    #[test]
    fn what_signs_is_told() {
        assert!(read("curl --aws-sigv4 aws:amz:r:s3 -u id:secret h/b").unwrap().signs);
        assert!(!read("curl -u id:secret h/b").unwrap().signs);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (command, reason) in [
            ("curl", "no URL"),
            ("curl a b", "several URLs"),
            ("curl --frobnicate a", "`--frobnicate` of curl is not read here"),
            ("curl -Z a", "`-Z` of curl is not read here"),
            ("curl a -H", "`-H` lacks its value"),
            ("curl 'a", "' is not closed"),
            ("curl -F file=@x a", "explain the upload"),
        ] {
            let error = read(command).err().unwrap();
            assert!(error.contains(reason), "{command}: {error}");
        }
    }
}
