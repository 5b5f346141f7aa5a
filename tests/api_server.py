"""A small client of the real API server, for what tests ask and plant there."""

import base64
import ssl
import tempfile
from pathlib import Path

import urllib3
import yaml


class Server:
    """A small client of the API server, for dry runs and reviews; only for tests."""

    def __init__(self, kubeconfig):
        content = yaml.safe_load(Path(kubeconfig).read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self.url = cluster["server"]

        def stored(entry, key):
            if key in entry:
                return entry[key]
            with tempfile.NamedTemporaryFile(delete=False) as stream:
                stream.write(base64.b64decode(entry[key + "-data"]))
            return stream.name

        context = ssl.create_default_context(cafile=stored(cluster, "certificate-authority"))
        context.load_cert_chain(stored(user, "client-certificate"), stored(user, "client-key"))
        self.pool = urllib3.PoolManager(ssl_context=context, maxsize=4, timeout=30, retries=3)

    def post(self, path, body):
        answer = self.pool.request("POST", self.url + path, json=body)
        return answer.status, answer.json()

    def delete(self, path):
        return self.pool.request("DELETE", self.url + path).status
