//! What a user of `portcullis dev` exports.

use std::{fmt::Write as _, net::SocketAddr, path::PathBuf};

use super::setup::{Listeners, REGION, Setup, write_private};
use crate::{
    app::Gate,
    cli::{Failure, out},
};

/// Where everything is, once it runs.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) https: SocketAddr,
    pub(super) http: SocketAddr,
    admin: SocketAddr,
    file: PathBuf,
    variables: Vec<(&'static str, String)>,
    /// Whether another backend's credential is not the one that clients have.
    is_before_another: bool,
    /// Whether what is shown comes of the documents that it was made for.
    refuses_plain: bool,
}

impl Environment {
    pub(super) fn new(setup: &Setup, gate: &Gate, backend_url: &str) -> Self {
        let unbound = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut addresses = gate.addresses().into_iter();
        let https = addresses.next().unwrap_or(unbound);
        let http = addresses.next().unwrap_or(unbound);
        let admin = gate.admin_address();
        let path = |name: &str| setup.directory.join(name).to_string_lossy().into_owned();
        let variables = vec![
            ("AWS_ACCESS_KEY_ID", setup.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", setup.secret_access_key.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_CA_BUNDLE", path("ca.pem")),
            ("AWS_ENDPOINT_URL_S3", format!("https://{https}")),
            ("PORTCULLIS_HTTP_URL", format!("http://{http}")),
            ("PORTCULLIS_ADMIN_URL", format!("http://{admin}")),
            ("PORTCULLIS_BACKEND_URL", backend_url.to_owned()),
            ("PORTCULLIS_CONFIG", path("portcullis.toml")),
        ];
        Self {
            https,
            http,
            admin,
            file: setup.directory.join("env.sh"),
            variables,
            is_before_another: setup.is_before_another(),
            refuses_plain: setup.refuses_plain(),
        }
    }

    pub(super) fn listeners(&self) -> Listeners {
        Listeners { https: self.https, http: self.http, admin: self.admin }
    }

    /// Writes `env.sh`.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let mut text = String::from("# Written by `portcullis dev`. Use it with: source env.sh\n");
        if self.is_before_another {
            text += "# What speaks to the backend itself (scan, migrate, rewrap, inspect) needs its\n\
                     # credential in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in place of these.\n";
        }
        for (name, value) in &self.variables {
            // Infallible: writing into a String.
            let _ = writeln!(text, "export {name}='{}'", value.replace('\'', "'\\''"));
        }
        write_private(&self.file, text.as_bytes())
    }

    /// Tells a person where to go, and a script that it may go on.
    pub(super) fn announce(&self) {
        let Self { https, http, admin, file, .. } = self;
        let (refused, demanded) = if self.refuses_plain {
            (
                "               # AccessDenied\n  aws s3 cp README.md s3://demo/",
                " --sse AES256  # stored",
            )
        } else {
            ("", "")
        };
        out::line(&format!(
            "Portcullis stands before the backend:\n\n  https  https://{https}\n  http   http://{http}\n  \
             admin  http://{admin}/metrics\n\nIn another terminal:\n\n  source {}\n  aws s3 mb s3://demo\n  \
             aws s3 cp README.md s3://demo/{refused}{demanded}\n",
            file.display()
        ));
        out::line("ready");
    }
}
