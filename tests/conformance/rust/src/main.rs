//! Does one thing after another with AWS's SDK for Rust: reads orders as lines of JSON, and answers
//! each with a line. Invariant: an error is an answer, never an end.

use std::{
    collections::HashMap,
    error::Error,
    io::{BufRead as _, Write as _},
    time::Duration,
};

use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, RequestChecksumCalculation, retry::RetryConfig,
    },
    error::DisplayErrorContext,
    presigning::PresigningConfig,
    primitives::{ByteStream, Length},
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, ServerSideEncryption},
};
use aws_smithy_http_client::{
    Builder as HttpClient,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use serde::Deserialize;
use serde_json::{Value, json};

type Failed = Box<dyn Error>;

/// One thing to do. What it does not need is empty.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Order {
    order: String,
    gate: Gate,
    bucket: String,
    key: String,
    path: String,
    /// `bytes` or `stream`.
    body: String,
    size: u64,
    extra: Extra,
    settings: Settings,
    range: String,
    prefix: String,
    method: String,
}

#[derive(Default, Deserialize)]
struct Gate {
    url: String,
    access_key: String,
    secret_key: String,
    region: String,
    ca: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Extra {
    metadata: HashMap<String, String>,
    server_side_encryption: Option<String>,
    checksum_algorithm: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    when_required: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    for line in std::io::stdin().lock().lines() {
        let answer = match follow(&serde_json::from_str(&line?)?).await {
            Ok(done) => json!({ "done": done }),
            Err(error) => json!({ "failed": DisplayErrorContext(&*error).to_string() }),
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    Ok(())
}

async fn follow(order: &Order) -> Result<Value, Failed> {
    let client = client(order)?;
    Ok(match order.order.as_str() {
        "put" if order.size > PART_BYTES => put_in_parts(&client, order).await?,
        "put" => put(&client, order).await?,
        "get" => {
            let got = client.get_object().bucket(&order.bucket).key(&order.key).send().await?;
            tokio::fs::write(&order.path, got.body.collect().await?.into_bytes()).await?;
            Value::Null
        }
        "part" => {
            let request = client.get_object().bucket(&order.bucket).key(&order.key);
            let got = request.range(&order.range).send().await?;
            String::from_utf8(got.body.collect().await?.to_vec())?.into()
        }
        "keys" => {
            let request = client.list_objects_v2().bucket(&order.bucket).prefix(&order.prefix);
            let found = request.send().await?;
            found.contents().iter().filter_map(|object| object.key()).collect()
        }
        "delete" => {
            client.delete_object().bucket(&order.bucket).key(&order.key).send().await?;
            Value::Null
        }
        "metadata" => {
            let head = client.head_object().bucket(&order.bucket).key(&order.key).send().await?;
            json!(head.metadata())
        }
        "link" => link(&client, order).await?.into(),
        other => return Err(format!("there is no order `{other}`").into()),
    })
}

fn client(order: &Order) -> Result<Client, Failed> {
    let gate = &order.gate;
    let trusted = TrustStore::empty().with_pem_certificate(std::fs::read(&gate.ca)?);
    let http = HttpClient::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(TlsContext::builder().with_trust_store(trusted).build()?)
        .build_https();
    let checksums = if order.settings.when_required {
        RequestChecksumCalculation::WhenRequired
    } else {
        RequestChecksumCalculation::WhenSupported
    };
    let keys = Credentials::new(&gate.access_key, &gate.secret_key, None, None, "orders");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&gate.url)
        .region(Region::new(gate.region.clone()))
        .credentials_provider(keys)
        .force_path_style(true)
        .request_checksum_calculation(checksums)
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    Ok(Client::from_conf(config))
}

async fn put(client: &Client, order: &Order) -> Result<Value, Failed> {
    let body = match order.body.as_str() {
        "stream" => ByteStream::from_path(&order.path).await?,
        _ => ByteStream::from(std::fs::read(&order.path)?),
    };
    client
        .put_object()
        .bucket(&order.bucket)
        .key(&order.key)
        .set_metadata(Some(order.extra.metadata.clone()))
        .set_server_side_encryption(order.extra.encryption())
        .set_checksum_algorithm(order.extra.checksum())
        .body(body)
        .send()
        .await?;
    Ok(Value::Null)
}

async fn put_in_parts(client: &Client, order: &Order) -> Result<Value, Failed> {
    let created = client
        .create_multipart_upload()
        .bucket(&order.bucket)
        .key(&order.key)
        .set_metadata(Some(order.extra.metadata.clone()))
        .set_server_side_encryption(order.extra.encryption())
        .set_checksum_algorithm(order.extra.checksum())
        .send()
        .await?;
    let mut parts = Vec::new();
    for (number, from) in (1..).zip((0..order.size).step_by(PART_STEP)) {
        let length = PART_BYTES.min(order.size - from);
        let body = ByteStream::read_from().path(&order.path).offset(from);
        let sent = client
            .upload_part()
            .bucket(&order.bucket)
            .key(&order.key)
            .set_upload_id(created.upload_id.clone())
            .part_number(number)
            .set_checksum_algorithm(order.extra.checksum())
            .body(body.length(Length::Exact(length)).build().await?)
            .send()
            .await?;
        parts.push(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
    }
    client
        .complete_multipart_upload()
        .bucket(&order.bucket)
        .key(&order.key)
        .set_upload_id(created.upload_id)
        .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
        .send()
        .await?;
    Ok(Value::Null)
}

async fn link(client: &Client, order: &Order) -> Result<String, Failed> {
    let lasting = PresigningConfig::expires_in(Duration::from_secs(600))?;
    let (bucket, key) = (&order.bucket, &order.key);
    let made = match order.method.as_str() {
        "GET" => client.get_object().bucket(bucket).key(key).presigned(lasting).await?,
        _ => client.put_object().bucket(bucket).key(key).presigned(lasting).await?,
    };
    Ok(made.uri().to_owned())
}

impl Extra {
    fn encryption(&self) -> Option<ServerSideEncryption> {
        self.server_side_encryption.as_deref().map(ServerSideEncryption::from)
    }

    fn checksum(&self) -> Option<ChecksumAlgorithm> {
        self.checksum_algorithm.as_deref().map(ChecksumAlgorithm::from)
    }
}

const PART_BYTES: u64 = PART_STEP as u64;
const PART_STEP: usize = 5 * 1024 * 1024;
