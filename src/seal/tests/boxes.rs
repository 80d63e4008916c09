//! Sealing metadata: what another implementation wrote opens, and nothing else does.

use std::fs;

use serde::Deserialize;

use crate::seal::{
    BOX_BYTES_MAX, Binding, BoxTooLong, Broken, BucketKey, Committed, CustomerKey, Dek, Kek,
    KeyBox, ObjectId, ObjectName, WrappedBucketKey, Wrapping,
};

#[derive(Deserialize)]
struct Vector {
    name: String,
    bucket: String,
    key: String,
    ring: String,
    version: String,
    kek: String,
    bucket_key: String,
    customer_key: Option<String>,
    dek: String,
    token_key: String,
    pcl_c: String,
    pcl_k: String,
}

#[test]
fn boxes_of_another_implementation_open() {
    for vector in vectors() {
        let committed = Committed::decode(&vector.pcl_c).unwrap();
        assert_eq!(committed.encode(), vector.pcl_c, "{}", vector.name);
        let sealed = KeyBox::decode(&vector.pcl_k).unwrap();
        assert_eq!(sealed.encode(), vector.pcl_k, "{}", vector.name);
        let wrapped = sealed.bucket_key();
        assert_eq!((&wrapped.ring, &wrapped.version), (&vector.ring, &vector.version));
        assert_eq!(sealed.needs_customer_key(), vector.customer_key.is_some(), "{}", vector.name);
        let kek = Kek::from_bytes(&bytes(&vector.kek));
        let bucket_key = kek.unwrap(&vector.bucket, &wrapped.bytes).unwrap();
        assert_eq!(hex::encode(bucket_key.expose()), vector.bucket_key, "{}", vector.name);
        let customer = vector.customer();
        let dek = vector.wrapping(customer.as_ref()).open(&sealed, &bucket_key).unwrap();
        assert_eq!(hex::encode(dek.expose()), vector.dek, "{}", vector.name);
        let keys = committed.unlock(&dek).unwrap();
        assert_eq!(hex::encode(keys.token_key().expose()), vector.token_key, "{}", vector.name);
    }
}

#[test]
fn boxes_are_made_alike() {
    for vector in vectors() {
        let sealed = KeyBox::decode(&vector.pcl_k).unwrap();
        let bucket_key = BucketKey::from_bytes(&bytes(&vector.bucket_key));
        let with = (&bucket_key, sealed.bucket_key().clone());
        let dek = Dek::from_bytes(&bytes(&vector.dek));
        let customer = vector.customer();
        let again = vector.wrapping(customer.as_ref()).seal(&dek, sealed.binding(), with);
        assert_eq!(again, Ok(sealed), "{}", vector.name);
    }
}

#[test]
fn a_box_opens_only_for_what_it_is_bound_to() {
    let id = ObjectId::from_bytes([1; 32]);
    let key = BucketKey::from_bytes(&[2; 32]);
    let dek = Dek::from_bytes(&[3; 32]);
    let here = wrapping(id, "bucket", "key");
    let others = [wrapping(id, "bucket", "other"), wrapping(id, "other", "key")];
    for (binding, opens) in [
        (Binding::Nothing, [true, true]),
        (Binding::Bucket, [true, false]),
        (Binding::BucketAndKey, [false, false]),
    ] {
        let sealed = here.seal(&dek, binding, (&key, wrapped(60))).unwrap();
        assert!(here.open(&sealed, &key).is_ok(), "{binding:?}");
        let opened = others.map(|other| other.open(&sealed, &key).is_ok());
        assert_eq!(opened, opens, "{binding:?}");
        let other_object = wrapping(ObjectId::from_bytes([4; 32]), "bucket", "key");
        assert_eq!(other_object.open(&sealed, &key).err(), Some(Broken::Box));
        let other_key = BucketKey::from_bytes(&[5; 32]);
        assert_eq!(here.open(&sealed, &other_key).err(), Some(Broken::Box));
    }
    // The bucket `a` with the key `b/c` is not the bucket `a/b` with the key `c`: S3 has no such
    // bucket, and the mode keeps a bucket apart from an object.
    let bucket = wrapping(id, "bucket/key", "").seal(&dek, Binding::Bucket, (&key, wrapped(60)));
    assert_ne!(bucket, here.seal(&dek, Binding::BucketAndKey, (&key, wrapped(60))));
}

#[test]
fn a_customers_key_is_needed_where_there_was_one() {
    let id = ObjectId::from_bytes([1; 32]);
    let key = BucketKey::from_bytes(&[2; 32]);
    let dek = Dek::from_bytes(&[3; 32]);
    let (mine, other) = (CustomerKey::from_bytes(&[6; 32]), CustomerKey::from_bytes(&[7; 32]));
    let with = |customer| Wrapping { customer, ..wrapping(id, "bucket", "key") };
    let sealed = with(Some(&mine)).seal(&dek, Binding::default(), (&key, wrapped(60))).unwrap();
    assert!(with(Some(&mine)).open(&sealed, &key).is_ok());
    assert_eq!(with(Some(&other)).open(&sealed, &key).err(), Some(Broken::Box));
    assert_eq!(with(None).open(&sealed, &key).err(), Some(Broken::Box));
    let without = with(None).seal(&dek, Binding::default(), (&key, wrapped(60))).unwrap();
    assert_eq!(with(Some(&mine)).open(&without, &key).err(), Some(Broken::Box));
}

#[test]
fn any_changed_bit_of_a_box_is_found() {
    let id = ObjectId::from_bytes([1; 32]);
    let (key, kek) = (BucketKey::from_bytes(&[2; 32]), Kek::from_bytes(&[3; 32]));
    let bytes = kek.wrap("bucket", &key).unwrap();
    let wrapped = WrappedBucketKey { bytes, ..wrapped(0) };
    let here = wrapping(id, "bucket", "key");
    let sealed = here.seal(&Dek::from_bytes(&[4; 32]), Binding::default(), (&key, wrapped.clone()));
    let text = sealed.unwrap().encode();
    let good = base64_decode(&text);
    for bit in 0..good.len() * 8 {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // Ring and version choose a key; another one of that name does not open what follows.
        let names = 2..4 + wrapped.ring.len() + wrapped.version.len();
        if names.contains(&(bit / 8)) {
            continue;
        }
        let opened = KeyBox::decode(&base64_encode(&changed)).and_then(|sealed| {
            let key = kek.unwrap("bucket", &sealed.bucket_key().bytes)?;
            here.open(&sealed, &key)
        });
        assert!(opened.is_err(), "bit {bit}");
    }
}

#[test]
fn malformed_boxes_are_refused() {
    let good = base64_decode(&vectors()[0].pcl_k);
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        base64_encode(&bytes)
    };
    for (why, text) in [
        ("empty", String::new()),
        ("another version", changed(0, 2)),
        ("an unknown mode", changed(1, 3)),
        ("a customer's key, too short", changed(1, 0x80)),
        ("no UTF-8", changed(3, 0xff)),
        ("a ring that is too long", changed(2, 255)),
        ("one byte more", base64_encode(&[&good[..], &[0]].concat())),
        ("padding", format!("{}==", base64_encode(&good))),
        ("the other alphabet", "AQAF++//".to_owned()),
    ] {
        assert!(matches!(KeyBox::decode(&text), Err(Broken::Metadata(_))), "{why}");
    }
    for cut in 0..good.len() {
        assert!(KeyBox::decode(&base64_encode(&good[..cut])).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_box_leaves_room_for_the_clients_metadata() {
    let here = wrapping(ObjectId::from_bytes([1; 32]), "bucket", "key");
    let key = BucketKey::from_bytes(&[2; 32]);
    let dek = Dek::from_bytes(&[3; 32]);
    let names = wrapped(0).ring.len() + wrapped(0).version.len();
    let most = BOX_BYTES_MAX - 6 - 48 - names;
    let seal = |bytes| here.seal(&dek, Binding::default(), (&key, wrapped(bytes)));
    let text = seal(most).unwrap().encode();
    let committed = Committed::new(ObjectId::from_bytes([1; 32]), [0; 32]).encode();
    assert!(text.len() + committed.len() + "pcl-k".len() + "pcl-c".len() <= 640);
    assert_eq!(KeyBox::decode(&text).ok(), seal(most).ok());
    assert_eq!(seal(most + 1), Err(BoxTooLong));
}

impl Vector {
    fn customer(&self) -> Option<CustomerKey> {
        self.customer_key.as_deref().map(|key| CustomerKey::from_bytes(&bytes(key)))
    }

    fn wrapping<'a>(&'a self, customer: Option<&'a CustomerKey>) -> Wrapping<'a> {
        let id = Committed::decode(&self.pcl_c).unwrap().object_id();
        let name = ObjectName { bucket: &self.bucket, key: &self.key };
        Wrapping { id, name, customer }
    }
}

fn wrapping<'a>(id: ObjectId, bucket: &'a str, key: &'a str) -> Wrapping<'a> {
    Wrapping { id, name: ObjectName { bucket, key }, customer: None }
}

fn wrapped(bytes: usize) -> WrappedBucketKey {
    let (ring, version) = ("local".to_owned(), "1".to_owned());
    WrappedBucketKey { ring, version, bytes: vec![0; bytes] }
}

fn vectors() -> Vec<Vector> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/format/boxes.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn base64_encode(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}
