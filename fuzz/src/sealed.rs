//! Sealed objects, as a backend could hand them out.

use http::{HeaderMap, HeaderValue};
use portcullis::{
    seal::{Broken, Dek, Ending, ObjectId, ObjectKeys, Opener},
    transform::seal::Sealed,
};

/// The two metadata values of a sealed object, a line each, then what is stored. Whatever the pieces, the
/// same is opened of it; metadata that is read is written again as the same; and where a range's layout
/// is known, a range is the slice.
pub fn sealed(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (Some(committed), Some(key_box), Some(stored)) = (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let mut received = HeaderMap::new();
    for (name, value) in [("x-amz-meta-pcl-c", committed), ("x-amz-meta-pcl-k", key_box)] {
        let Ok(value) = HeaderValue::from_bytes(value) else { return };
        received.insert(name, value);
    }
    if let Ok(Some(sealed)) = Sealed::read(&received) {
        let mut written = HeaderMap::new();
        sealed.insert(&mut written).expect("what was a header is one");
        assert_eq!(Sealed::read(&written), Ok(Some(sealed)));
    }
    let keys = ObjectKeys::of_new(&Dek::from_bytes(&[1; 32]), ObjectId::from_bytes([2; 32]));
    let size = stored.len() as u64;
    let place = |at: u64| usize::try_from(at).expect("a place in what is here");
    let ending = Ending::bytes(size).and_then(|count| {
        let last = stored.get(place(size - count)..).expect("no more than there is");
        Ending::read(&keys, size, last)
    });
    let opener = || match &ending {
        Ok(ending) => Opener::with_ending(&keys, ending),
        Err(_) => Opener::new(&keys),
    };
    let whole = opened(opener(), stored, stored.len());
    assert_eq!(whole, opened(opener(), stored, 7));
    let (plaintext, whole) = whole;
    let Some(layout) = ending.as_ref().ok().and_then(Ending::layout) else { return };
    if whole.is_err() {
        return;
    }
    assert_eq!(layout.bytes(), plaintext.len() as u64);
    let middle = layout.bytes() / 3..layout.bytes() / 3 * 2;
    let Some(span) = layout.span(middle.clone()) else { return };
    let within = place(span.stored.start)..place(span.stored.end);
    let (slice, ranged) =
        opened(Opener::range(&keys, layout, &span), &stored[within], stored.len());
    assert!(ranged.is_ok());
    assert_eq!(slice, plaintext[place(middle.start)..place(middle.end)]);
}

/// What is opened, and the check that failed.
fn opened(mut opener: Opener, stored: &[u8], piece: usize) -> (Vec<u8>, Result<(), Broken>) {
    let mut plaintext = Vec::new();
    for mut piece in stored.chunks(piece.max(1)) {
        while !piece.is_empty() {
            match opener.open(&mut piece) {
                Ok(released) => plaintext.extend_from_slice(&released.unwrap_or_default()),
                Err(broken) => return (plaintext, Err(broken)),
            }
        }
    }
    (plaintext, opener.finish().map(drop))
}
