//! The gates that chores put before a backend: `portcullis dev`, each in a folder of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{Failure, backend::Upstream, server::Server};

/// A running gate; dropping it ends it.
pub(crate) struct Gate {
    folder: PathBuf,
    pub(crate) server: Server,
}

impl Gate {
    /// Starts one before `upstream`, or else before the embedded backend. `folder` must be new.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        upstream: Option<&Upstream>,
        options: &[&str],
    ) -> Result<Self, Failure> {
        fs::create_dir_all(folder)?;
        let mut command = Command::new(program);
        command.args(["dev", "--https", ANY_PORT, "--http", ANY_PORT, "--admin", ANY_PORT]);
        command.args(options).arg("--dir").arg(folder);
        if let Some(upstream) = upstream {
            command
                .args(["--upstream", &upstream.url])
                .env("AWS_ACCESS_KEY_ID", &upstream.access_key_id)
                .env("AWS_SECRET_ACCESS_KEY", &upstream.secret_access_key)
                .env("AWS_REGION", &upstream.region);
        }
        let mut server = Server::start("portcullis dev", &command, &folder.join("gate.log"))?;
        server.wait_until(READY_LIMIT, |server| server.has_said("ready"))?;
        Ok(Self { folder: folder.to_owned(), server })
    }

    /// The script with the environment that it tells people to source.
    pub(crate) fn environment(&self) -> PathBuf {
        self.folder.join("env.sh")
    }

    /// A variable of that environment.
    pub(crate) fn exported(&self, name: &str) -> Result<String, Failure> {
        let script = fs::read_to_string(self.environment())?;
        exported(&script, name).ok_or_else(|| format!("{name} is not in env.sh").into())
    }

    /// The embedded backend of a gate that was started without an upstream.
    pub(crate) fn embedded(&self) -> Result<Upstream, Failure> {
        self.upstream("PORTCULLIS_BACKEND_URL")
    }

    /// The gate as what another one stands before, over TLS.
    pub(crate) fn itself(&self) -> Result<Upstream, Failure> {
        self.upstream("AWS_ENDPOINT_URL_S3")
    }

    fn upstream(&self, url: &str) -> Result<Upstream, Failure> {
        Ok(Upstream {
            url: self.exported(url)?,
            access_key_id: self.exported("AWS_ACCESS_KEY_ID")?,
            secret_access_key: self.exported("AWS_SECRET_ACCESS_KEY")?,
            region: self.exported("AWS_REGION")?,
        })
    }
}

/// The value of `export NAME='value'`, where the value has no quote.
fn exported(script: &str, name: &str) -> Option<String> {
    script.lines().find_map(|line| {
        let quoted = line.strip_prefix("export ")?.strip_prefix(name)?.strip_prefix("='")?;
        quoted.strip_suffix('\'').map(str::to_owned)
    })
}

const ANY_PORT: &str = "127.0.0.1:0";
const READY_LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::exported;

    #[test]
    fn an_exported_value_is_found_by_its_whole_name() {
        let script = "# A comment.\nexport AWS_REGION_X='no'\nexport AWS_REGION='eu-central-1'\n";
        assert_eq!(exported(script, "AWS_REGION").as_deref(), Some("eu-central-1"));
        assert_eq!(exported(script, "AWS"), None);
    }
}
