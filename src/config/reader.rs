//! TOML → typed values with their places. Invariant: reading goes on after a fault, and every key
//! of a table is either asked for or reported, so that one run names all that is wrong.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use zeroize::Zeroizing;

use super::{
    Fault,
    source::{At, Place, Source},
    suggest,
};

/// Parses a document and reads it as `T`.
pub(super) fn read<T: Record>(source: &Source, faults: &mut Vec<Fault>) -> Option<T> {
    let (table, errors) = DeTable::parse_recoverable(source.text());
    // What a parser recovered from broken syntax was not meant by anybody, so it is not judged.
    if !errors.is_empty() {
        let shown = errors.iter().take(SYNTAX_FAULTS_MAX);
        faults.extend(shown.map(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            source.place(offset).fault(format!("this is not TOML: {}", error.message()))
        }));
        return None;
    }
    Some(read_record(Table::new(source, source.whole(), "the file", table.get_ref(), faults)))
}

/// What can be read from one value.
pub(super) trait Read: Sized {
    /// Reports and returns `None` where the value is of another type.
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self>;
}

/// What is read from a table: each key that it asks for is known, all others are faults.
pub(super) trait Record: Sized {
    /// Reports what is missing; the record is made all the same.
    fn read(table: &mut Table<'_>) -> Self;
}

fn read_record<T: Record>(mut table: Table<'_>) -> T {
    let record = T::read(&mut table);
    table.refuse_unknown();
    record
}

/// A value, and the key that it was given to.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    source: &'a Source,
    key: &'a str,
    inner: &'a Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    pub(super) fn place(self) -> Place {
        self.source.place(self.inner.span().start)
    }

    /// A fault that says what type was wanted. The value itself is not shown: it may be a secret.
    fn mistyped(self, wanted: &str, faults: &mut Vec<Fault>) {
        let message = format!("`{}` is {}; write {wanted}", self.key, found(self.inner.get_ref()));
        faults.push(self.place().fault(message));
    }

    pub(super) fn is_table(self) -> bool {
        self.inner.get_ref().is_table()
    }

    pub(super) fn is_list(self) -> bool {
        self.inner.get_ref().is_array()
    }

    fn elements(self) -> Option<impl Iterator<Item = Value<'a>>> {
        let array = self.inner.get_ref().as_array()?;
        Some(array.iter().map(move |inner| Value { inner, ..self }))
    }
}

/// A table whose keys are being asked for.
pub(super) struct Table<'a> {
    source: &'a Source,
    place: Place,
    name: &'a str,
    entries: &'a DeTable<'a>,
    known: Vec<&'static str>,
    is_excused: bool,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Table<'a> {
    fn new(
        source: &'a Source,
        place: Place,
        name: &'a str,
        entries: &'a DeTable<'a>,
        faults: &'a mut Vec<Fault>,
    ) -> Self {
        Self { source, place, name, entries, known: Vec::new(), is_excused: false, faults }
    }

    /// The value of a key that may be absent.
    pub(super) fn optional<T: Read>(&mut self, key: &'static str) -> Option<T> {
        self.known.push(key);
        let value = self.find(key)?;
        T::read(value, self.faults)
    }

    /// The value of a key that must be there; `example` is what to write.
    pub(super) fn required<T: Read>(&mut self, key: &'static str, example: &str) -> Option<T> {
        if self.find(key).is_none() {
            let message = format!("{} lacks `{key}`; write `{key} = {example}`", self.name);
            self.faults.push(self.place.fault(message));
        }
        self.optional(key)
    }

    /// A section that must be there.
    pub(super) fn section<T: Read>(&mut self, key: &'static str, purpose: &str) -> Option<T> {
        if self.find(key).is_none() {
            let message = format!("the section `[{key}]` is missing; it says {purpose}");
            self.faults.push(self.place.fault(message));
        }
        self.optional(key)
    }

    /// Lets every key pass: which of them are known cannot be told, for a reason that is reported.
    pub(super) fn excuse_unknown(&mut self) {
        self.is_excused = true;
    }

    fn find(&self, key: &str) -> Option<Value<'a>> {
        let (name, inner) = self.entries.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Value { source: self.source, key: name.get_ref(), inner })
    }

    fn refuse_unknown(self) {
        if self.is_excused {
            return;
        }
        let unknown = self.entries.keys().filter(|key| !self.known.contains(&&**key.get_ref()));
        for key in unknown {
            let instead = suggest::instead(key.get_ref(), &self.known);
            let message = format!("unknown key `{}`; {instead}", key.get_ref());
            self.faults.push(self.source.place(key.span().start).fault(message));
        }
    }
}

impl<T: Record> Read for T {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(entries) = value.inner.get_ref().as_table() else {
            value.mistyped(&format!("a section: `[{}]`", value.key), faults);
            return None;
        };
        let name = format!("`{}`", value.key);
        Some(read_record(Table::new(value.source, value.place(), &name, entries, faults)))
    }
}

impl Read for At<String> {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(text) = value.inner.get_ref().as_str() else {
            value.mistyped("a string in quotes", faults);
            return None;
        };
        Some(At { value: text.to_owned(), place: value.place() })
    }
}

impl Read for At<Zeroizing<String>> {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let At { value, place } = At::<String>::read(value, faults)?;
        Some(At { value: Zeroizing::new(value), place })
    }
}

impl<T: Read> Read for At<Vec<T>> {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        Some(At { value: Vec::read(value, faults)?, place: value.place() })
    }
}

impl Read for At<u64> {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let integer = value.inner.get_ref().as_integer();
        let number = integer.and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok());
        if number.is_none() {
            value.mistyped("a whole number without quotes, not negative", faults);
        }
        Some(At { value: number?, place: value.place() })
    }
}

impl Read for bool {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let flag = value.inner.get_ref().as_bool();
        if flag.is_none() {
            value.mistyped("true or false", faults);
        }
        flag
    }
}

impl Read for At<bool> {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        Some(Self { value: bool::read(value, faults)?, place: value.place() })
    }
}

/// A section whose place matters.
impl<T: Record> Read for At<T> {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        Some(Self { value: Read::read(value, faults)?, place: value.place() })
    }
}

/// A list whose faulty elements are reported and left out.
impl<T: Read> Read for Vec<T> {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(elements) = value.elements() else {
            if value.inner.get_ref().is_table() {
                let wanted = format!("double brackets: `[[{}]]`", value.key);
                value.mistyped(&wanted, faults);
            } else {
                value.mistyped("a list in brackets", faults);
            }
            return None;
        };
        Some(elements.filter_map(|element| T::read(element, faults)).collect())
    }
}

/// A table of texts under names of the operator's own.
pub(super) struct Pairs(pub(super) Vec<(String, At<String>)>);

impl Read for At<Pairs> {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(entries) = value.inner.get_ref().as_table() else {
            value.mistyped("a table: { name = \"value\" }", faults);
            return None;
        };
        let mut pairs = Vec::new();
        for (name, inner) in entries {
            let text = At::<String>::read(Value { key: name.get_ref(), inner, ..value }, faults);
            pairs.extend(text.map(|text| (name.get_ref().to_string(), text)));
        }
        Some(At { value: Pairs(pairs), place: value.place() })
    }
}

/// A section whose keys are names of the operator's own choice.
pub(super) struct Named<T>(pub(super) Vec<(At<String>, T)>);

impl<T: Read> Read for Named<T> {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(entries) = value.inner.get_ref().as_table() else {
            value.mistyped("a table: { name = \"value\" }", faults);
            return None;
        };
        let mut named = Vec::new();
        for (name, inner) in entries {
            let place = value.source.place(name.span().start);
            let read = T::read(Value { key: name.get_ref(), inner, ..value }, faults);
            named.extend(read.map(|read| (At { value: name.get_ref().to_string(), place }, read)));
        }
        Some(Self(named))
    }
}

/// One value, or a list of them.
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

impl<T: Read> Read for At<OneOrMany<T>> {
    fn read(value: Value<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let values = match value.elements() {
            Some(_) => Vec::read(value, faults)?,
            None => vec![T::read(value, faults)?],
        };
        Some(At { value: OneOrMany(values), place: value.place() })
    }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Syntax faults that are shown of one file: a file that is not TOML at all has one a line.
const SYNTAX_FAULTS_MAX: usize = 10;
