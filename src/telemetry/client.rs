//! Which program a client is, of a closed set: user agents are as many as there are versions, and a
//! label of a metric must be one of few. Invariant: [`family`] gives a word of `FAMILIES` or
//! [`OTHER`], whatever a client sends.

/// The program that names itself in a `User-Agent`.
///
/// Programs come before the SDKs that they are built on, which most of them name too.
pub fn family(user_agent: &str) -> &'static str {
    let agent = user_agent.as_bytes();
    // Only where a word begins: this is done for every write.
    let mut before = b' ';
    let begins = agent.iter().enumerate().filter(move |(_, byte)| {
        let was_in_word = before.is_ascii_alphanumeric();
        before = **byte;
        !was_in_word
    });
    let named = begins.filter_map(|(at, _)| {
        FAMILIES.iter().position(|(needle, _)| {
            let word = agent.get(at..at + needle.len());
            word.is_some_and(|word| word.eq_ignore_ascii_case(needle.as_bytes()))
        })
    });
    named.min().and_then(|at| FAMILIES.get(at)).map_or(OTHER, |(_, family)| family)
}

/// A client that says nothing, or nothing known.
pub const OTHER: &str = "other";

/// What a word of the header begins with, and the word for it; the first that is found decides.
const FAMILIES: [(&str, &str); 33] = [
    ("velero", "velero"),
    ("terraform", "terraform"),
    ("restic", "restic"),
    ("rclone", "rclone"),
    ("s3cmd", "s3cmd"),
    ("s3fs", "s3fs"),
    ("s5cmd", "s5cmd"),
    ("pgbackrest", "pgbackrest"),
    ("wal-g", "wal-g"),
    ("barman", "barman"),
    ("cyberduck", "cyberduck"),
    ("mountpoint-s3", "mountpoint-s3"),
    ("hadoop", "hadoop"),
    ("trino", "trino"),
    ("duckdb", "duckdb"),
    ("thanos", "thanos"),
    ("loki", "loki"),
    ("amazon-ssm-agent", "amazon-ssm-agent"),
    ("object_store", "object_store"),
    ("minio", "minio"),
    ("aws-cli", "aws-cli"),
    ("boto3", "boto3"),
    ("botocore", "botocore"),
    ("aws-sdk-java", "aws-sdk-java"),
    ("aws-sdk-go", "aws-sdk-go"),
    ("aws-sdk-js", "aws-sdk-js"),
    ("aws-sdk-rust", "aws-sdk-rust"),
    ("aws-sdk-cpp", "aws-sdk-cpp"),
    ("aws-sdk-dotnet", "aws-sdk-dotnet"),
    ("aws-sdk-php", "aws-sdk-php"),
    ("aws-sdk-ruby", "aws-sdk-ruby"),
    ("curl", "curl"),
    ("mozilla", "browser"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_what_they_send() {
        for (user_agent, expected) in [
            ("Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1 os/linux lang/python#3.11.7", "boto3"),
            ("aws-cli/2.23.6 md/awscrt#0.23.4 ua/2.0 os/linux", "aws-cli"),
            ("rclone/v1.60.1-DEV", "rclone"),
            ("APN/1.0 HashiCorp/1.0 Terraform/1.9.2 aws-sdk-go-v2/1.30.3", "terraform"),
            ("Hadoop 3.3.6, aws-sdk-java/1.12.262 Linux/5.15", "hadoop"),
            ("MinIO (linux; amd64) minio-go/v7.0.66", "minio"),
            ("Mozilla/5.0 (X11; Linux x86_64)", "browser"),
            ("", OTHER),
            ("pgBackRest/2.54", "pgbackrest"),
            ("notrclone/1", OTHER),
            ("something/1", OTHER),
        ] {
            assert_eq!(family(user_agent), expected, "{user_agent}");
        }
    }
}
