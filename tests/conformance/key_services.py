"""The key services that gates ask: KMS, and Vault's transit engine with its ways to log in.

A class for each keyring that a gate can have of them. What a service is asked here, it is asked as its
operator would, past the gate.
"""

import base64
import contextlib
import http.server
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import boto3

import installed
from sidecars import free_port
from surroundings import STRICT

REGION = "eu-central-1"


class Kms:
    """Two keys, of which clients may ask for the second."""

    name = "kms"

    def __init__(self, _folder):
        self.url = installed.setting("PORTCULLIS_KMS_URL", "KMS")
        self.client = boto3.client(
            "kms", endpoint_url=self.url, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.first, self.second = (self.client.create_key()["KeyMetadata"]["Arn"] for _ in range(2))

    def key_id(self):
        return f'key_id = "{self.first}"\nkey_ids = ["{self.second}"]'

    def keyring(self):
        return f"""[[keyring]]
name = "ring"
type = "aws-kms"
region = "{REGION}"
endpoint = "{self.url}"
{self.key_id()}
access_key_id = "AKID"
secret_access_key = "file:token.secret"
"""


class KmsByAlias(Kms):
    """The first key by an alias, which names it in no box."""

    name = "kms-alias"

    def __init__(self, folder):
        super().__init__(folder)
        self.alias = f"alias/{uuid.uuid4().hex}"
        self.client.create_alias(AliasName=self.alias, TargetKeyId=self.first)

    def key_id(self):
        return f'key_id = "{self.alias}"\nkey_ids = ["{self.second}"]'


class Vault:
    """A transit key of its own, asked with a token that may do nothing else."""

    name = "vault-token"
    options = {}

    def __init__(self, folder):
        self.folder = folder
        self.url, self.root = self.found()
        self.key = f"ring-{uuid.uuid4().hex}"
        self.wait_until_unsealed()
        self.enable("mounts/transit", "transit")
        self.ask(f"transit/keys/{self.key}", self.options)
        self.ask(f"sys/policies/acl/{self.key}", {"policy": self.policy()})

    def found(self):
        """Where it is, and the token that may do everything."""
        return (
            installed.setting("PORTCULLIS_VAULT_ADDR", "OpenBao"),
            installed.setting("PORTCULLIS_VAULT_TOKEN", "OpenBao"),
        )

    def policy(self):
        """As docs/keys.md has it."""
        paths = [f"transit/{what}/{self.key}" for what in ("encrypt", "decrypt")]
        return "\n".join(f'path "{path}" {{ capabilities = ["update"] }}' for path in paths)

    def keyring(self):
        return f"""[[keyring]]
name = "ring"
type = "vault"
address = "{self.url}"
key = "{self.key}"
{self.login()}
"""

    def login(self):
        token = self.ask("auth/token/create", {"policies": [self.key], "ttl": "1h"})["auth"]["client_token"]
        (self.folder / "vault.token").write_text(token)
        (self.folder / "vault.token").chmod(0o600)
        return 'auth = "token"\ntoken = "file:vault.token"'

    def enable(self, path, kind):
        with contextlib.suppress(urllib.error.HTTPError):
            # Another case may have done it.
            self.ask(f"sys/{path}", {"type": kind})

    def ask(self, path, body=None):
        request = urllib.request.Request(
            f"{self.url}/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Vault-Token": self.root} if self.root else {},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def wait_until_unsealed(self):
        self.wait_until_healthy(200)

    def wait_until_healthy(self, *states):
        """Until it answers with one of the statuses by which it tells of its state."""
        for _ in range(300):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if self.health() in states:
                    return
            time.sleep(0.1)
        raise TimeoutError("the key service does not come up")

    def health(self):
        try:
            with urllib.request.urlopen(f"{self.url}/v1/sys/health", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


class DerivedVault(Vault):
    """A key that is derived anew for each context."""

    name = "vault-derived"
    options = {"derived": True}


class AppRoleVault(Vault):
    """Logged into by a role, whose tokens last for seconds."""

    name = "vault-approle"

    def login(self):
        self.enable("auth/approle", "approle")
        role = f"auth/approle/role/{self.key}"
        self.ask(role, {"token_policies": self.key, "token_ttl": "2s", "token_max_ttl": "6s"})
        role_id = self.ask(f"{role}/role-id")["data"]["role_id"]
        (self.folder / "secret-id").write_text(self.ask(f"{role}/secret-id", {})["data"]["secret_id"])
        (self.folder / "secret-id").chmod(0o600)
        return f'auth = "approle"\nrole_id = "{role_id}"\nsecret_id = "file:secret-id"'


class KubernetesVault(Vault):
    """Logged into by a service account, which a cluster of ours vouches for."""

    name = "vault-kubernetes"

    def login(self):
        self.cluster = Cluster()
        mount = f"cluster-{self.key}"
        self.enable(f"auth/{mount}", "kubernetes")
        config = {
            "kubernetes_host": self.cluster.url,
            "kubernetes_ca_cert": Path(STRICT.ca).read_text(encoding="utf-8"),
            "token_reviewer_jwt": jwt("reviewer"),
            "disable_local_ca_jwt": True,
        }
        self.ask(f"auth/{mount}/config", config)
        role = {
            "bound_service_account_names": ["gate"],
            "bound_service_account_namespaces": ["default"],
            "policies": [self.key],
            "ttl": "1h",
        }
        self.ask(f"auth/{mount}/role/gate", role)
        (self.folder / "token").write_text(jwt("gate"))
        return f'auth = "kubernetes"\nauth_mount = "{mount}"\nrole = "gate"\ntoken_file = "token"'


class OwnVault(Vault):
    """A service of the case's own, which can end and come back with all its keys. `end` it when done."""

    name = "vault-own"

    def found(self):
        self.program, self.server = installed.program("bao"), None
        self.store = self.folder / "bao"
        self.store.mkdir()
        address, members = (f"127.0.0.1:{free_port()}" for _ in range(2))
        (self.store / "data").mkdir()
        (self.store / "bao.hcl").write_text(
            f'''storage "raft" {{
  path = "{self.store}/data"
  node_id = "one"
}}
listener "tcp" {{
  address = "{address}"
  cluster_address = "{members}"
  tls_disable = true
}}
api_addr = "http://{address}"
cluster_addr = "http://{members}"
'''
        )
        self.url, self.root = f"http://{address}", None
        self.start()
        try:
            self.wait_until_healthy(NOT_INITIALIZED)
            made = self.ask("sys/init", {"secret_shares": 1, "secret_threshold": 1})
            self.unseal_key = made["keys_base64"][0]
            self.unseal()
        except BaseException:
            self.end()
            raise
        return self.url, made["root_token"]

    def start(self):
        """It comes up sealed."""
        command = [self.program, "server", f"-config={self.store}/bao.hcl"]
        with (self.store / "log").open("a") as log:
            env = {"HOME": str(self.store), "PATH": os.environ["PATH"]}
            self.server = subprocess.Popen(command, stdout=log, stderr=log, env=env)

    def unseal(self):
        self.ask("sys/unseal", {"key": self.unseal_key})
        self.wait_until_unsealed()

    def come_back(self):
        self.start()
        self.wait_until_healthy(SEALED)

    def end(self):
        self.server.terminate()
        self.server.wait(timeout=60)


class Cluster:
    """Says of every token that it is the gate's."""

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Review)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Review(http.server.BaseHTTPRequestHandler):
    """Kubernetes's TokenReview."""

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["content-length"])))
        user = {"username": "system:serviceaccount:default:gate", "uid": "1234", "groups": []}
        review["status"] = {"authenticated": True, "user": user}
        body = json.dumps(review).encode()
        self.send_response(201)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def jwt(account):
    """A token as Kubernetes issues them; nobody checks its signature."""
    claims = {
        "iss": "https://kubernetes.default.svc",
        "sub": f"system:serviceaccount:default:{account}",
        "nbf": int(time.time()) - 60,
        "exp": int(time.time()) + 3600,
        "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": account, "uid": "1234"}},
    }
    parts = [{"alg": "RS256", "typ": "JWT"}, claims, "signature"]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


# How it tells of its state (the API of `sys/health`).
NOT_INITIALIZED, SEALED = 501, 503
KEYRINGS = [Kms, KmsByAlias, Vault, DerivedVault, AppRoleVault, KubernetesVault]
