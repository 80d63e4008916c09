#!/bin/sh
# Makes certificates for trying things out, in the folder of this script or in the one named:
#
#   ca.pem                   the CA that clients are to trust (AWS_CA_BUNDLE=certs/ca.pem)
#   server.pem server.key    for localhost, *.localhost, s3.localhost, *.s3.localhost, 127.0.0.1, ::1
#   client.pem client.key    a client certificate, for `tls.client_ca`
#
# The leaves are signed by a CA because TLS libraries, rustls among them, refuse a CA's own
# certificate as a server's. The CA's key is deleted at the end, so that nobody can ever sign another
# certificate that trusts it. What exists is kept; delete the *.pem to make all anew.
set -eu

DAYS=90
folder=${1:-$(dirname "$0")}
mkdir -p "$folder"
cd "$folder"
if [ -e ca.pem ]; then
    echo "$folder: ca.pem is there already; nothing made" >&2
    exit 0
fi
umask 077
trap 'rm -f ca.key ca.srl request.csr extensions.cnf' EXIT

# key FILE: a new P-256 key.
key() {
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

# leaf NAME SUBJECT USAGE ALTERNATIVE_NAMES: NAME.key, and NAME.pem signed by the CA.
leaf() {
    key "$1.key"
    openssl req -new -key "$1.key" -subj "/CN=$2" -out request.csr
    cat > extensions.cnf <<END
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = $3
subjectAltName = $4
END
    openssl x509 -req -in request.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days "$DAYS" \
        -sha256 -extfile extensions.cnf -out "$1.pem" 2> /dev/null
}

key ca.key
openssl req -x509 -new -key ca.key -days "$DAYS" -sha256 -out ca.pem \
    -subj "/CN=Portcullis development CA" \
    -addext "basicConstraints = critical, CA:TRUE, pathlen:0" \
    -addext "keyUsage = critical, keyCertSign, cRLSign"
names="DNS:localhost, DNS:*.localhost, DNS:s3.localhost, DNS:*.s3.localhost, IP:127.0.0.1, IP:::1"
leaf server localhost serverAuth "$names"
leaf client portcullis-dev-client clientAuth "DNS:portcullis-dev-client"
chmod 644 ca.pem server.pem client.pem
echo "$folder: made ca.pem, server.pem, server.key, client.pem, client.key, good for $DAYS days"
