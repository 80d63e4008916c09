//! What the document of a request tells that condition keys ask about
//! (Service Authorization Reference, "Condition keys for Amazon S3"). Invariant: an operation whose
//! document policy can ask about is in [`Operation::tells_in_body`], and its document is read or
//! refused.

use super::{
    Operation,
    xml::{self, Leaf, MalformedXml},
};

/// The condition keys that a document sets, and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Keys with one value.
    pub single: Vec<(String, String)>,
    /// Keys with several; never empty.
    pub multiple: Vec<(&'static str, Vec<String>)>,
    /// Whether a bucket is created with tags, which needs `s3:TagResource`.
    pub tags_bucket: bool,
}

impl Operation {
    /// Whether condition keys ask about its document.
    pub fn tells_in_body(self) -> bool {
        root(self).is_some()
    }
}

impl Told {
    /// What most requests tell.
    pub const NOTHING: Self = Self { single: Vec::new(), multiple: Vec::new(), tags_bucket: false };

    /// The keys that documents set; a name that ends in `/` is a family.
    pub const KEYS: [&str; 11] = [
        "aws:RequestTag/",
        "aws:TagKeys",
        "s3:InventoryAccessibleOptionalFields",
        "s3:RequestObjectTag/",
        "s3:RequestObjectTagKeys",
        "s3:locationconstraint",
        "s3:object-lock-legal-hold",
        "s3:object-lock-mode",
        "s3:object-lock-retain-until-date",
        "s3:x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    ];

    /// Reads the document of an operation; others tell nothing.
    pub fn read(operation: Operation, document: &[u8]) -> Result<Self, MalformedXml> {
        let mut told = Self::default();
        let Some(root) = root(operation) else { return Ok(told) };
        // The one document that S3 takes for given where there is none.
        if document.is_empty() && operation == Operation::CreateBucket {
            return Ok(told);
        }
        let leaves = xml::leaves(document, root, &LISTS)?;
        closed(root, &leaves)?;
        for (path, key) in SINGLE.iter().filter(|(path, _)| path.0 == root).map(|(p, k)| (p.1, k)) {
            if let Some(leaf) = leaves.iter().find(|leaf| leaf.path == path) {
                told.single.push(((*key).to_owned(), leaf.text.clone()));
            }
        }
        if operation == Operation::PutObjectTagging {
            told.tags(&leaves, "TagSet/Tag", OBJECT_TAGS)?;
        }
        if operation == Operation::CreateBucket {
            told.tags(&leaves, "Tags/Tag", BUCKET_TAGS)?;
            told.tags_bucket = !told.multiple.is_empty();
        }
        if operation == Operation::UpdateObjectEncryption {
            told.encryption(&leaves);
        }
        let fields = leaves.iter().filter(|leaf| leaf.path == FIELD);
        told.several(FIELDS, fields.map(|leaf| leaf.text.clone()).collect());
        Ok(told)
    }

    fn tags(
        &mut self,
        leaves: &[Leaf],
        tag: &str,
        (family, keys): (&str, &'static str),
    ) -> Result<(), MalformedXml> {
        let under = leaves.iter().filter(|leaf| leaf.path.starts_with(tag));
        let under: Vec<&Leaf> = under.collect();
        let is = |leaf: &Leaf, name: &str| leaf.path.strip_prefix(tag) == Some(name);
        let mut names: Vec<String> = Vec::new();
        for pair in under.chunks(2) {
            let (name, value) = match pair {
                [name, value] | [value, name] if is(name, "/Key") && is(value, "/Value") => {
                    (name, value)
                }
                _ => return Err(xml::malformed("a `Tag` is not one `Key` and one `Value`")),
            };
            if name.parent != value.parent {
                return Err(xml::malformed("a `Tag` lacks its `Key` or `Value`"));
            }
            if names.contains(&name.text) {
                return Err(xml::malformed("a tag stands twice"));
            }
            names.push(name.text.clone());
            self.single.push((format!("{family}{}", name.text), value.text.clone()));
        }
        self.several(keys, names);
        Ok(())
    }

    /// The document names its kind of encryption by an element, which may be empty.
    fn encryption(&mut self, leaves: &[Leaf]) {
        let has = |name: &str| {
            leaves.iter().any(|leaf| leaf.path.split('/').next().is_some_and(|top| top == name))
        };
        for (element, value) in [("SSE-KMS", "aws:kms"), ("SSE-S3", "AES256")] {
            if has(element) {
                let key = "s3:x-amz-server-side-encryption".to_owned();
                self.single.push((key, value.to_owned()));
            }
        }
    }

    fn several(&mut self, key: &'static str, values: Vec<String>) {
        if !values.is_empty() {
            self.multiple.push((key, values));
        }
    }
}

fn root(operation: Operation) -> Option<&'static str> {
    ROOTS.iter().find(|(known, _)| *known == operation).map(|(_, root)| *root)
}

/// Small documents hold nothing but what is read here: in another case or place it could be something
/// to the backend.
fn closed(root: &str, leaves: &[Leaf]) -> Result<(), MalformedXml> {
    let Some((_, paths)) = CLOSED.iter().find(|(known, _)| *known == root) else { return Ok(()) };
    let unknown = leaves.iter().find(|leaf| !paths.contains(&leaf.path.as_str()));
    let error = |leaf: &Leaf| xml::malformed(&format!("`{root}` has no `{}`", leaf.path));
    unknown.map_or(Ok(()), |leaf| Err(error(leaf)))
}

const ROOTS: [(Operation, &str); 6] = [
    (Operation::CreateBucket, "CreateBucketConfiguration"),
    (Operation::PutBucketInventoryConfiguration, "InventoryConfiguration"),
    (Operation::PutObjectLegalHold, "LegalHold"),
    (Operation::PutObjectRetention, "Retention"),
    (Operation::PutObjectTagging, "Tagging"),
    (Operation::UpdateObjectEncryption, "ObjectEncryption"),
];

/// Root and path of the elements that are a key's one value.
const SINGLE: [((&str, &str), &str); 5] = [
    (("CreateBucketConfiguration", "LocationConstraint"), "s3:locationconstraint"),
    (("LegalHold", "Status"), "s3:object-lock-legal-hold"),
    (("ObjectEncryption", "SSE-KMS/KMSKeyArn"), "s3:x-amz-server-side-encryption-aws-kms-key-id"),
    (("Retention", "Mode"), "s3:object-lock-mode"),
    (("Retention", "RetainUntilDate"), "s3:object-lock-retain-until-date"),
];
/// What a document holds at most.
const CLOSED: [(&str, &[&str]); 4] = [
    ("LegalHold", &["Status"]),
    ("ObjectEncryption", &["SSE-KMS", "SSE-KMS/KMSKeyArn", "SSE-KMS/BucketKeyEnabled", "SSE-S3"]),
    ("Retention", &["Mode", "RetainUntilDate"]),
    ("Tagging", &["TagSet", "TagSet/Tag/Key", "TagSet/Tag/Value"]),
];
/// Elements that may stand several times in one.
const LISTS: [&str; 2] = ["Tag", "Field"];
const OBJECT_TAGS: (&str, &str) = ("s3:RequestObjectTag/", "s3:RequestObjectTagKeys");
const BUCKET_TAGS: (&str, &str) = ("aws:RequestTag/", "aws:TagKeys");
const FIELDS: &str = "s3:InventoryAccessibleOptionalFields";
const FIELD: &str = "OptionalFields/Field";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(operation: Operation, document: &str, expected: &[(&str, &str)]) {
        let told = Told::read(operation, document.as_bytes()).expect(document);
        let multiple =
            told.multiple.iter().map(|(key, values)| ((*key).to_owned(), values.join(" ")));
        let found: Vec<_> = told.single.iter().cloned().chain(multiple).collect();
        let expected: Vec<_> =
            expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(found, expected, "{document}");
    }

    fn check_refused(operation: Operation, document: &str) {
        assert!(Told::read(operation, document.as_bytes()).is_err(), "{document}");
    }

    #[test]
    fn tags_are_told() {
        let (operation, tag) =
            (Operation::PutObjectTagging, "<Tag><Key>a</Key><Value>1</Value></Tag>");
        let other = "<Tag><Value/><Key>B &lt;</Key></Tag>";
        check(
            operation,
            &format!("<Tagging xmlns=\"x\"><TagSet>{tag} {other}</TagSet></Tagging>"),
            &[
                ("s3:RequestObjectTag/a", "1"),
                ("s3:RequestObjectTag/B <", ""),
                ("s3:RequestObjectTagKeys", "a B <"),
            ],
        );
        check(operation, "<Tagging><TagSet/></Tagging>", &[]);
        for tags in [
            format!("{tag}{tag}"),
            "<Tag><Key>a</Key></Tag>".to_owned(),
            "<Tag><Key>a</Key><Value>1</Value><Value>2</Value></Tag>".to_owned(),
            "<Tag><Key>a</Key><Key>b</Key></Tag>".to_owned(),
            "<Tag><Key>a</Key></Tag><Tag><Value>1</Value></Tag>".to_owned(),
            format!("{tag}</TagSet><TagSet>"),
            "<tag><Key>a</Key><Value>1</Value></tag>".to_owned(),
            "<Tag><Key>a</Key><Value>1</Value><X/></Tag>".to_owned(),
            "<s:Tag><Key>a</Key><Value>1</Value></s:Tag>".to_owned(),
        ] {
            check_refused(operation, &format!("<Tagging><TagSet>{tags}</TagSet></Tagging>"));
        }
        check_refused(operation, "");
        check_refused(operation, "<TagSet/>");
    }

    #[test]
    fn locks_are_told() {
        check(
            Operation::PutObjectRetention,
            "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2030-01-01T00:00:00Z\
             </RetainUntilDate></Retention>",
            &[
                ("s3:object-lock-mode", "GOVERNANCE"),
                ("s3:object-lock-retain-until-date", "2030-01-01T00:00:00Z"),
            ],
        );
        check_refused(
            Operation::PutObjectRetention,
            "<Retention><Mode>GOVERNANCE</Mode><Mode>COMPLIANCE</Mode></Retention>",
        );
        check(
            Operation::PutObjectLegalHold,
            "<LegalHold><Status>ON</Status></LegalHold>",
            &[("s3:object-lock-legal-hold", "ON")],
        );
    }

    #[test]
    fn buckets_tell_where_and_with_which_tags() {
        check(Operation::CreateBucket, "", &[]);
        check(
            Operation::CreateBucket,
            "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint><Tags>\
             <Tag><Key>a</Key><Value>1</Value></Tag></Tags></CreateBucketConfiguration>",
            &[
                ("s3:locationconstraint", "eu-central-1"),
                ("aws:RequestTag/a", "1"),
                ("aws:TagKeys", "a"),
            ],
        );
    }

    #[test]
    fn inventories_tell_their_fields() {
        check(
            Operation::PutBucketInventoryConfiguration,
            "<InventoryConfiguration><Id>i</Id><OptionalFields><Field>Size</Field><Field>ETag</Field>\
             </OptionalFields></InventoryConfiguration>",
            &[("s3:InventoryAccessibleOptionalFields", "Size ETag")],
        );
    }

    #[test]
    fn encryption_is_told() {
        check(
            Operation::UpdateObjectEncryption,
            "<ObjectEncryption><SSE-KMS><KMSKeyArn>k</KMSKeyArn></SSE-KMS></ObjectEncryption>",
            &[
                ("s3:x-amz-server-side-encryption-aws-kms-key-id", "k"),
                ("s3:x-amz-server-side-encryption", "aws:kms"),
            ],
        );
    }

    #[test]
    fn other_operations_tell_nothing() {
        check(Operation::PutBucketPolicy, "{}", &[]);
        assert!(!Operation::PutObject.tells_in_body());
    }
}
