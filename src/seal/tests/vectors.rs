//! Objects that another implementation sealed: each is opened in every way, and sealed again.

use std::{fs, path::PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use super::objects::{self, Opened, ending, open, open_range, open_with_ending};
use crate::seal::{
    Broken, Committed, Completion, Dek, ObjectId, ObjectKeys, Salt, Sealer, StoredPart,
    footer::Footer, record::Header,
};

#[derive(Deserialize)]
struct Vector {
    name: String,
    expect: String,
    dek: String,
    object_id: String,
    commitment: String,
    stored_len: usize,
    stored_sha256: String,
    plaintext_len: usize,
    plaintext_sha256: String,
    stored_hex: Option<String>,
    stored_file: Option<String>,
}

/// Which check has to fail, and how much is released before it when reading from the start.
const BAD: [(&str, Broken, usize); 11] = [
    ("bad-drop-last-part", Broken::Footer, 262_144),
    ("bad-drop-record", Broken::Order, 0),
    ("bad-flip-salt", Broken::Record { part: 0, index: 0 }, 0),
    ("bad-flip-tag", Broken::Record { part: 0, index: 0 }, 0),
    ("bad-footer-kind-9", Broken::Footer, 1000),
    ("bad-footer-other-length", Broken::Footer, 1000),
    ("bad-no-footer", Broken::Truncated, 200_000),
    ("bad-single-with-parts", Broken::Footer, 1000),
    ("bad-swap-records", Broken::Order, 0),
    ("bad-tail-table", Broken::Tail, 0),
    ("bad-uneven-regular", Broken::Footer, 196_613),
];

#[test]
fn sound_objects_open_in_every_way() {
    for vector in vectors().iter().filter(|vector| vector.expect == "ok") {
        let (keys, stored) = (vector.keys(), vector.stored());
        for piece in [1_000_000, 65_568, 65_567, 4096, 17] {
            vector.is_whole(open(&keys, &stored, piece));
        }
        vector.is_whole(open_with_ending(&keys, &stored));
        if stored.len() < 2000 {
            vector.is_whole(open(&keys, &stored, 1));
        }
        vector.ranges_are_slices(&keys, &stored);
    }
}

#[test]
fn sound_objects_are_sealed_alike() {
    for vector in vectors().iter().filter(|vector| vector.expect == "ok") {
        let (keys, stored) = (vector.keys(), vector.stored());
        let (plaintext, _) = open(&keys, &stored, 65_568);
        let again = sealed_again(&keys, &stored, &plaintext);
        assert!(again == stored, "{}", vector.name);
        let committed = keys.committed();
        assert_eq!(hex::encode(committed.commitment()), vector.commitment);
        assert_eq!(Committed::decode(&committed.encode()), Ok(committed));
    }
}

#[test]
fn each_bad_object_fails_its_check() {
    let vectors = vectors();
    assert_eq!(vectors.iter().filter(|vector| vector.expect == "fail").count(), BAD.len());
    for (name, expected, released) in BAD {
        let vector = vectors.iter().find(|vector| vector.name == name).unwrap();
        let (keys, stored) = (vector.keys(), vector.stored());
        for piece in [1_000_000, 4096, 17] {
            let (plaintext, ended) = open(&keys, &stored, piece);
            assert_eq!((ended, plaintext.len()), (Err(expected), released), "{name}");
        }
        let (plaintext, ended) = open_with_ending(&keys, &stored);
        assert!(ended.is_err() && plaintext.len() <= released, "{name}");
    }
}

#[test]
fn another_key_is_an_error_of_its_own() {
    for vector in vectors() {
        let mut dek = bytes(&vector.dek);
        dek[31] ^= 1;
        let unlocked = vector.committed().unlock(&Dek::from_bytes(&dek));
        assert_eq!(unlocked.err(), Some(Broken::Commitment), "{}", vector.name);
    }
}

impl Vector {
    fn committed(&self) -> Committed {
        Committed::new(ObjectId::from_bytes(bytes(&self.object_id)), bytes(&self.commitment))
    }

    fn keys(&self) -> ObjectKeys {
        self.committed().unlock(&Dek::from_bytes(&bytes(&self.dek))).unwrap()
    }

    fn stored(&self) -> Vec<u8> {
        let stored = match (&self.stored_hex, &self.stored_file) {
            (Some(text), _) => hex::decode(text).unwrap(),
            (None, file) => fs::read(folder().join(file.as_ref().unwrap())).unwrap(),
        };
        assert_eq!(sha256(&stored), self.stored_sha256, "{}", self.name);
        assert_eq!(stored.len(), self.stored_len, "{}", self.name);
        stored
    }

    #[track_caller]
    fn is_whole(&self, (plaintext, ended): Opened) {
        assert_eq!(
            ended.map(|whole| whole.bytes()),
            Ok(self.plaintext_len as u64),
            "{}",
            self.name
        );
        assert_eq!(sha256(&plaintext), self.plaintext_sha256, "{}", self.name);
    }

    fn ranges_are_slices(&self, keys: &ObjectKeys, stored: &[u8]) {
        let (plaintext, _) = open(keys, stored, 65_568);
        let ending = ending(keys, stored).unwrap();
        let layout = ending.layout().unwrap();
        let size = plaintext.len();
        assert_eq!(layout.bytes(), size as u64);
        let edges = [0, 1, 1000, 65_535, 65_536, 65_537, 131_072, 170_000, 262_144, size];
        for start in edges {
            for end in edges.into_iter().filter(|end| start < *end && *end <= size) {
                let (range, ended) = open_range(keys, layout, stored, start as u64..end as u64);
                assert_eq!(ended.map(|it| it.bytes()), Ok((end - start) as u64), "{}", self.name);
                assert!(range == plaintext[start..end], "{} {start}..{end}", self.name);
            }
        }
    }
}

/// What our own sealing makes of the plaintext, with the salts of the vector.
fn sealed_again(keys: &ObjectKeys, stored: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let ending = ending(keys, stored).unwrap();
    let layout = ending.layout().unwrap();
    if let Footer::Single { .. } = ending.footer() {
        let salt = first_salt(stored, 0).unwrap_or(Salt::from_bytes([0; 7]));
        let sealer = Sealer::single(keys, salt, plaintext.len() as u64).unwrap();
        return objects::seal(sealer, plaintext, 1000);
    }
    let (mut again, mut listed) = (Vec::new(), Vec::new());
    let parts = (1..=10_000).map(objects::number);
    for (number, range) in parts.filter_map(|part| Some((part, layout.part(part)?))) {
        let plain = &plaintext[range.start as usize..range.end as usize];
        let bytes = plain.len() as u64;
        let is_footered =
            matches!(ending.footer(), Footer::LastPart { number: last, .. } if *last == number);
        let footer = is_footered.then_some(Footer::LastPart { number, bytes });
        let salt = first_salt(stored, again.len()).unwrap_or(Salt::from_bytes([0; 7]));
        let sealer = Sealer::new(keys, (number.value(), salt), bytes, footer).unwrap();
        again.extend(objects::seal(sealer, plain, 70_000));
        listed.push(StoredPart { number, bytes, is_footered });
    }
    match Completion::of(keys, &listed).unwrap() {
        Completion::AsItIs => {}
        Completion::Add(ending) => again.extend_from_slice(&ending),
        Completion::Rebuild(_) => panic!("no vector needs one"),
    }
    again
}

fn first_salt(stored: &[u8], at: usize) -> Option<Salt> {
    Some(Header::decode(stored.get(at..)?.first_chunk()?).ok()?.salt)
}

fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "json") && !path.ends_with("boxes.json") {
            let text = fs::read_to_string(&path).unwrap();
            vectors.push(serde_json::from_str(&text).unwrap());
        }
    }
    assert!(vectors.len() > 20);
    vectors
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/format")
}

fn bytes(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
