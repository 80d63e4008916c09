//! Logs as the gate writes them, and what is told of them.

use super::{lines, summary, table, tally::Tally};

fn line(bucket: &str, agent: &str, decision: &str, encryption: &str) -> String {
    serde_json::json!({
        "bucket_name": bucket, "user_agent": agent, "decision": decision,
        "encryption": encryption, "requester": "arn:aws:iam::1:user/a", "reason": "Because.",
    })
    .to_string()
        + "\n"
}

fn tally(log: &str) -> Tally {
    let mut tally = Tally::default();
    lines(log.as_bytes(), &mut tally).unwrap();
    tally
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn whom_enforcement_breaks_comes_first() {
    let log = [
        line("b", "Boto3/1.43", "allow", "compliant"),
        line("b", "Boto3/1.44", "allow", "compliant"),
        line("b", "velero-server/v1", "would-deny", "absent"),
        line("c", "rclone/v1.60", "allow", "would-mend"),
        line("c", "curl/8", "deny", "absent"),
        line("c", "curl/8", "deny", "absent"),
    ]
    .concat();
    let tally = tally(&log);
    let told: Vec<_> = tally
        .rows()
        .iter()
        .map(|row| {
            let counts = row.counts;
            let sums = [counts.compliant, counts.would_mend, counts.would_refuse, counts.refused];
            (row.program, row.bucket.to_owned(), sums)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("curl", "c".to_owned(), [0, 0, 0, 2]),
            ("velero", "b".to_owned(), [0, 0, 1, 0]),
            ("rclone", "c".to_owned(), [0, 1, 0, 0]),
            ("boto3", "b".to_owned(), [2, 0, 0, 0]),
        ]
    );
    let text = plain(&table(&tally));
    assert!(text.contains("velero on b, as arn:aws:iam::1:user/a\n    Because.\n"), "{text}");
    assert!(!text.contains("boto3 on b"), "{text}");
    assert!(text.ends_with("6 lines read; 2 programs and buckets are or would be refused\n"));
}

#[test]
fn columns_are_aligned() {
    let log = line("a-long-bucket-name", "curl/8", "allow", "compliant")
        + &line("b", "rclone/v1", "allow", "mended");
    let text = plain(&table(&tally(&log)));
    let mut rows = text.lines();
    let head = rows.next().unwrap();
    assert!(head.starts_with("program  bucket              compliant  mended"), "{text}");
    assert_eq!(rows.next().unwrap().len(), head.len());
    assert_eq!(rows.next().unwrap().len(), head.len());
}

#[test]
fn requests_that_store_nothing_are_left_out() {
    let log = concat!(
        "{\"decision\":\"allow\",\"operation\":\"GetObject\"}\n",
        "{\"decision\":\"refused\",\"encryption\":\"absent\"}\n\n",
    );
    let tally = tally(log);
    assert_eq!((tally.rows().len(), tally.lines(), tally.unreadable()), (0, 2, 0));
    assert_eq!(plain(&summary(&tally)), "2 lines read; nobody is or would be refused");
}

#[test]
fn what_is_no_audit_line_is_counted_and_passed_over() {
    let overlong = format!("{{\"decision\":\"{}\"}}\n", "x".repeat(200_000));
    let log = format!("nonsense\n{overlong}[1]\n{}", line("b", "curl/8", "deny", "absent"));
    let tally = tally(&log);
    assert_eq!((tally.lines(), tally.unreadable(), tally.rows().len()), (4, 3, 1));
    assert!(
        plain(&summary(&tally)).starts_with("4 lines read, 3 of them no audit line; 1 program")
    );
}

#[test]
fn the_time_that_the_log_covers_is_told() {
    let at = |time: &str| format!("{{\"time\":\"{time}\",\"decision\":\"allow\"}}\n");
    let tally = tally(
        &[
            at("2026-11-25T10:00:00.000Z"),
            at("2026-11-24T09:00:00.000Z"),
            at("2026-11-25T09:59:00.000Z"),
        ]
        .concat(),
    );
    assert_eq!(
        plain(&summary(&tally)),
        "3 lines read, from 2026-11-24T09:00:00.000Z to 2026-11-25T10:00:00.000Z; nobody is or would \
         be refused"
    );
    let document = serde_json::to_value(tally.report()).unwrap();
    assert_eq!(document["period"]["to"], "2026-11-25T10:00:00.000Z");
}
