//! `pcl-k`: an object's data key, wrapped (`docs/format.md`, *The key box*). Invariant: a box only
//! chooses among keys that the reader has; what it is bound to is never read from it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    broken::Broken,
    cipher::{KEY_BYTES, TAG_BYTES},
    keys::{Dek, ObjectId},
    wrapping_keys::{BucketKey, CustomerKey},
};

/// The longest box that is written: with `pcl-c`, their names and base64 it takes 640 of S3's 2048
/// bytes of user metadata.
pub const BOX_BYTES_MAX: usize = 406;

/// What a wrapped data key is bound to, besides its object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Nothing.
    Nothing,
    /// The bucket.
    Bucket,
    /// The bucket and the key.
    #[default]
    BucketAndKey,
}

/// The name that an object is asked for by, decoded.
#[derive(Clone, Copy, Debug)]
pub struct ObjectName<'a> {
    /// Its bucket.
    pub bucket: &'a str,
    /// Its key.
    pub key: &'a str,
}

/// What a data key is wrapped for.
#[derive(Clone, Copy)]
pub struct Wrapping<'a> {
    /// The object.
    pub id: ObjectId,
    /// Its name.
    pub name: ObjectName<'a>,
    /// The key that the client gave, where it did.
    pub customer: Option<&'a CustomerKey>,
}

/// A bucket key as its keyring wrapped it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrappedBucketKey {
    /// The keyring's name.
    pub ring: String,
    /// The version of its key.
    pub version: String,
    /// The keyring's own form.
    pub bytes: Vec<u8>,
}

/// A key box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBox {
    binding: Binding,
    with_customer_key: bool,
    bucket_key: WrappedBucketKey,
    wrapped_dek: Vec<u8>,
}

/// The box would not fit into an object's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key box would be longer than {BOX_BYTES_MAX} bytes: the keyring's name, its key's version \
     or what it wraps a key in is too long"
)]
pub struct BoxTooLong;

impl WrappedBucketKey {
    /// Whether a key box has room for it, whoever's keys wrap the data key.
    pub fn fits(&self) -> bool {
        self.fits_beside(wrapped_dek_bytes(true))
    }

    fn fits_beside(&self, wrapped_dek: usize) -> bool {
        let is_short = |text: &str| u8::try_from(text.len()).is_ok();
        is_short(&self.ring)
            && is_short(&self.version)
            && 6 + self.ring.len() + self.version.len() + self.bytes.len() + wrapped_dek
                <= BOX_BYTES_MAX
    }
}

impl Wrapping<'_> {
    /// Wraps a data key with a bucket key, whose wrapped form travels along.
    ///
    /// # Errors
    ///
    /// [`BoxTooLong`] above [`BOX_BYTES_MAX`].
    pub fn seal(
        &self,
        dek: &Dek,
        binding: Binding,
        (bucket_key, wrapped): (&BucketKey, WrappedBucketKey),
    ) -> Result<KeyBox, BoxTooLong> {
        let context = self.context(binding);
        let wrapped_dek = match self.customer {
            Some(customer) => bucket_key.wrap(self.id, &context, &customer.wrap(self.id, dek)),
            None => bucket_key.wrap(self.id, &context, dek.expose()),
        };
        let with_customer_key = self.customer.is_some();
        let sealed = KeyBox { binding, with_customer_key, bucket_key: wrapped, wrapped_dek };
        sealed.fits().then_some(sealed).ok_or(BoxTooLong)
    }

    /// Unwraps a data key with the bucket key that the box names, after its keyring unwrapped that.
    ///
    /// # Errors
    ///
    /// [`Broken::Box`] if it was wrapped for another name or object or with other keys, or a
    /// customer's key is missing or too many.
    pub fn open(&self, sealed: &KeyBox, bucket_key: &BucketKey) -> Result<Dek, Broken> {
        if sealed.with_customer_key != self.customer.is_some() {
            return Err(Broken::Box);
        }
        let context = self.context(sealed.binding);
        let inner = bucket_key.unwrap(self.id, &context, &sealed.wrapped_dek)?;
        let dek = match self.customer {
            Some(customer) => customer.unwrap(self.id, &inner)?,
            None => inner,
        };
        dek.first_chunk().map(Dek::from_bytes).ok_or(Broken::Box)
    }

    /// `"pcl1 wrap" ‖ mode ‖ binding`.
    fn context(&self, binding: Binding) -> Vec<u8> {
        let ObjectName { bucket, key } = self.name;
        let mode = [mode(binding, self.customer.is_some())];
        let mut context = [&b"pcl1 wrap"[..], &mode].concat();
        match binding {
            Binding::Nothing => {}
            Binding::Bucket => context.extend_from_slice(bucket.as_bytes()),
            Binding::BucketAndKey => {
                context.extend_from_slice(bucket.as_bytes());
                context.push(b'/');
                context.extend_from_slice(key.as_bytes());
            }
        }
        context
    }
}

impl KeyBox {
    /// Reads the value of `pcl-k`.
    ///
    /// # Errors
    ///
    /// [`Broken::Metadata`] for anything but exactly the format's form.
    pub fn decode(value: &str) -> Result<Self, Broken> {
        Self::from_bytes(&URL_SAFE_NO_PAD.decode(value).map_err(|_| NOT_BASE64)?)
    }

    /// The value of `pcl-k`.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.to_bytes())
    }

    /// Reads the box as it stands in an upload id.
    ///
    /// # Errors
    ///
    /// As [`KeyBox::decode`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Broken> {
        let (&[version, mode], rest) = bytes.split_first_chunk().ok_or(CUT_OFF)?;
        if version != VERSION {
            return Err(Broken::Metadata("`pcl-k` is of another version"));
        }
        let with_customer_key = mode & CUSTOMER_KEY != 0;
        let binding = match mode & !CUSTOMER_KEY {
            0 => Binding::Nothing,
            1 => Binding::Bucket,
            2 => Binding::BucketAndKey,
            _ => return Err(Broken::Metadata("`pcl-k` is of an unknown mode")),
        };
        let (ring, rest) = short_text(rest)?;
        let (version, rest) = short_text(rest)?;
        let (length, rest) = rest.split_first_chunk().ok_or(CUT_OFF)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (bytes, wrapped_dek) = rest.split_at_checked(length).ok_or(CUT_OFF)?;
        if wrapped_dek.len() != wrapped_dek_bytes(with_customer_key) {
            return Err(Broken::Metadata("`pcl-k` has a wrong length"));
        }
        let bucket_key = WrappedBucketKey { ring, version, bytes: bytes.to_vec() };
        let wrapped_dek = wrapped_dek.to_vec();
        Ok(Self { binding, with_customer_key, bucket_key, wrapped_dek })
    }

    /// The box's bytes, at most [`BOX_BYTES_MAX`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let WrappedBucketKey { ring, version, bytes } = &self.bucket_key;
        let mut value = vec![VERSION, mode(self.binding, self.with_customer_key)];
        for text in [ring, version] {
            value.extend(u8::try_from(text.len()));
            value.extend_from_slice(text.as_bytes());
        }
        value.extend(u16::try_from(bytes.len()).into_iter().flat_map(u16::to_be_bytes));
        value.extend_from_slice(bytes);
        value.extend_from_slice(&self.wrapped_dek);
        value
    }

    /// The bucket key that has to be unwrapped first.
    pub fn bucket_key(&self) -> &WrappedBucketKey {
        &self.bucket_key
    }

    /// What the data key is bound to.
    pub fn binding(&self) -> Binding {
        self.binding
    }

    /// Whether the client has to bring a key, too.
    pub fn needs_customer_key(&self) -> bool {
        self.with_customer_key
    }

    fn fits(&self) -> bool {
        self.bucket_key.fits_beside(wrapped_dek_bytes(self.with_customer_key))
    }
}

/// A text behind its length, and what follows it.
fn short_text(bytes: &[u8]) -> Result<(String, &[u8]), Broken> {
    let (length, rest) = bytes.split_first().ok_or(CUT_OFF)?;
    let (text, rest) = rest.split_at_checked(usize::from(*length)).ok_or(CUT_OFF)?;
    let text = std::str::from_utf8(text).map_err(|_| Broken::Metadata("`pcl-k` is not UTF-8"))?;
    Ok((text.to_owned(), rest))
}

fn mode(binding: Binding, with_customer_key: bool) -> u8 {
    let binding = match binding {
        Binding::Nothing => 0,
        Binding::Bucket => 1,
        Binding::BucketAndKey => 2,
    };
    if with_customer_key { binding | CUSTOMER_KEY } else { binding }
}

fn wrapped_dek_bytes(with_customer_key: bool) -> usize {
    KEY_BYTES + TAG_BYTES + if with_customer_key { TAG_BYTES } else { 0 }
}

const VERSION: u8 = 1;
const CUSTOMER_KEY: u8 = 0x80;
const CUT_OFF: Broken = Broken::Metadata("`pcl-k` is cut off");
const NOT_BASE64: Broken = Broken::Metadata("`pcl-k` is not base64url without padding");
