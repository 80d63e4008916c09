//! Two replicas behind a balancer that gives each connection to the next of them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use super::support::{Bench, MIB, Sent, Upload, plaintext};
use crate::support::{Request, client::Client};

/// Replicas, the next one first.
#[derive(Clone, Default)]
struct Replicas(Arc<Mutex<Vec<SocketAddr>>>);

impl Replicas {
    fn add(&self, client: &Client) {
        self.0.lock().unwrap().push(client.address);
    }

    fn remove(&self, client: &Client) {
        self.0.lock().unwrap().retain(|address| *address != client.address);
    }

    fn next(&self) -> SocketAddr {
        let mut replicas = self.0.lock().unwrap();
        replicas.rotate_left(1);
        *replicas.last().unwrap()
    }

    /// Where the balancer listens.
    async fn balance(&self) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let replicas = self.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let next = replicas.next();
                tokio::spawn(async move {
                    let mut replica = TcpStream::connect(next).await.unwrap();
                    // Either side may go first.
                    let _ = copy_bidirectional(&mut client, &mut replica).await;
                });
            }
        });
        Client { address, tls: None }
    }
}

/// What is sent by way of the balancer.
struct Sending<'b> {
    balancer: Client,
    upload: Upload<'b>,
}

impl Sending<'_> {
    async fn put(&self, number: u16, bytes: usize) -> Sent {
        let plain = plaintext(bytes, number);
        let answer = self.balancer.send(&self.upload.part(number, plain.clone())).await;
        Sent { number, etag: answer.is_ok().header("etag").unwrap().to_owned(), plain }
    }
}

#[tokio::test]
async fn an_upload_is_completed_though_a_replica_is_replaced_half_way() {
    let bench = Bench::start().await;
    let other = bench.replica().await;
    let replicas = Replicas::default();
    replicas.add(&bench.gate.plain());
    replicas.add(&other.plain());
    let balancer = replicas.balance().await;
    let created = balancer.send(&Request::post("/bucket/key?uploads", "")).await;
    let id = created.is_ok().element("UploadId").unwrap();
    let sending = Sending { balancer, upload: Upload { gate: &bench.gate, id } };
    let mut sent = Vec::new();
    for number in 1..=4 {
        sent.push(sending.put(number, 5 * MIB).await);
    }
    replicas.remove(&other.plain());
    other.stop().await;
    let replacement = bench.replica().await;
    replicas.add(&replacement.plain());
    for (number, bytes) in [(5, 5 * MIB), (6, 5 * MIB), (7, 5 * MIB), (8, 1000)] {
        sent.push(sending.put(number, bytes).await);
    }
    // Whichever comes next completes it.
    sending.balancer.send(&sending.upload.completion(&sent)).await.is_ok();
    bench.reads_as(&sent).await;
    for gate in [bench.gate, replacement] {
        let parts = gate.audit().await.into_iter().filter(|line| line["operation"] == "UploadPart");
        assert!(parts.count() >= 2, "each had some of the parts");
    }
}
