"""README.txt of a pack: what lies there, and how to check it without us. The same bytes in every pack of a version."""

from __future__ import annotations

# ruff: noqa: E501 - a command stands on one line, so that it can be copied as it is

README = r"""WHAT THIS IS

An evidence pack of preaudit: what an audit of a Kubernetes cluster looked at, by which rules, and what it found.

  manifest.json            who, what, when, with what; counts; length and sha256 of every file below
  records.jsonl            one verdict a line: requirement, subject, verdict, reason, what was read
  snapshot/                what was read from the cluster; secret values are replaced by tokens
  inputs/                  the rules: profile files, effective values, waivers, attestations, hashes of the checks
  report.html              the same for a person; it needs no network and no script
  other files              the same for other programs (junit.xml and more)
  attestation.dsse.json    the signature, where the pack is signed: a DSSE envelope over an in-toto statement
  test-result.dsse.json    optional: the result about the images, signed with the same key
  timestamp.tsr            optional: an RFC 3161 token over attestation.dsse.json; the only file that may be added later

HOW TO CHECK IT

With preaudit:  preaudit verify PACK --trust KEY.pub      (or --trust CA.pem; add --reperform to judge it all again)

Without it, you need openssl, sha256sum, sed, base64, printf and awk. Take the signer's public key from the signer, never
from here; take these commands from a copy that you trust. The key id is sha256 of the key in DER form.

Go to the pack's folder. KEY is the public key (PEM), WORK an empty folder outside the pack. Each of the five steps must
end without an error:

1. The signature, over what the envelope says to have signed:

    sed -n 's/^{"payload":"\([A-Za-z0-9+/=]*\)","payloadType":"application\/vnd.in-toto+json","signatures":\[{"keyid":"[0-9a-f]*","sig":"[A-Za-z0-9+/=]*"}\]}$/\1/p' attestation.dsse.json | base64 -d > "$WORK/payload"
    sed -n 's/^{.*"signatures":\[{"keyid":"[0-9a-f]*","sig":"\([A-Za-z0-9+/=]*\)"}\]}$/\1/p' attestation.dsse.json | base64 -d > "$WORK/signature"
    LC_ALL=C awk 'BEGIN { ORS = "" } { print "DSSEv1 28 application/vnd.in-toto+json " length($0) " " $0 }' "$WORK/payload" > "$WORK/signed"
    openssl dgst -sha256 -verify "$KEY" -signature "$WORK/signature" "$WORK/signed"

2. manifest.json, against what was signed (it must say: manifest.json: OK):

    sed -n 's/^{"_type":"https:\/\/in-toto.io\/Statement\/v1",.*"subject":\[{"digest":{"sha256":"\([0-9a-f]*\)"},"name":"manifest.json"}\]}$/\1  manifest.json/p' "$WORK/payload" > "$WORK/manifest"
    [ -s "$WORK/manifest" ] && sha256sum -c "$WORK/manifest"

3. Every other file, against manifest.json:

    awk '/^ "files": \[$/ { on = 1 } /^ \]/ { on = 0 } on && /^   "name": "/ { name = substr($0, 13); sub(/",?$/, "", name) } on && /^   "sha256": "/ { hash = substr($0, 15); sub(/",?$/, "", hash); if (length(hash) != 64 || hash ~ /[^0-9a-f]/) exit 1; print hash "  " name }' manifest.json > "$WORK/files"
    sha256sum -c "$WORK/files"

4. Nothing else lies there:

    for name in * .[!.]* ..?* */* */.[!.]* */..?* */*/*; do if [ -e "$name" ] || [ -L "$name" ]; then printf '%s\n' "$name"; fi; done | awk -v list="$WORK/files" 'BEGIN { while ((getline line < list) > 0) known[substr(line, 67)] = 1; known["manifest.json"] = known["attestation.dsse.json"] = known["test-result.dsse.json"] = known["timestamp.tsr"] = known["inputs"] = known["snapshot"] = 1 } !known[$0]-- { print "extra: " $0; wrong = 1 } END { exit wrong }'

5. The number of records, against manifest.json:

    awk '/^  "records": / { said = $2 + 0 } FILENAME == "records.jsonl" { found++ } END { if (said != found) { print "records: " found ", manifest.json says " said; exit 1 } }' manifest.json records.jsonl

Where you trust a CA and not a key, take the key from the signer's certificate. CA is the CA's certificate (PEM). Run the
first command of step 1, then these, and then all steps with KEY="$WORK/key.pub":

  sed -n 's/.*"certificates":\["\([^]]*\)"\].*/\1/p' "$WORK/payload" | awk '{ gsub(/[",]/, ""); gsub(/\\n/, "\n"); print }' > "$WORK/chain.pem"
  openssl verify -CAfile "$CA" -untrusted "$WORK/chain.pem" "$WORK/chain.pem"
  openssl x509 -in "$WORK/chain.pem" -pubkey -noout > "$WORK/key.pub"

HOW TO ADD A TIME

Have a time-stamping authority sign that the signature existed; certificates are then judged at that time:

  openssl ts -query -data attestation.dsse.json -sha256 -cert -out request.tsq        (outside the pack's folder)
  curl -sS -H 'Content-Type: application/timestamp-query' --data-binary @request.tsq URL -o PACK/timestamp.tsr
  openssl ts -verify -data attestation.dsse.json -in timestamp.tsr -CAfile TSA-CA.pem

WHAT A CHECK DOES NOT PROVE

That the cluster was as the snapshot shows it: its API server could have lied, and whoever ran the audit chose the
cluster and the moment. That what the profile does not ask is in order. That the signer's key was never in other hands,
nor its certificate revoked.
Without a key that you trust, a check proves only that the files fit each other: whoever made the pack could have
changed it and written it anew.
"""


def readme() -> bytes:
    """The bytes of README.txt."""
    return README.encode("utf-8")


def commands() -> tuple[str, ...]:
    """The commands of README.txt that check a pack, in their order: the lines indented by four."""
    return tuple(line[4:] for line in README.splitlines() if line.startswith("    "))


def certificate_commands() -> tuple[str, ...]:
    """The commands that take the key from the signer's certificate, in their order."""
    return tuple(line[2:] for line in README.splitlines() if line.startswith("  ") and "chain.pem" in line)
