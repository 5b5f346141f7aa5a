// Servers of Node's tls module, in one process: node serve_node.mjs FILE.
import { readFileSync } from "node:fs";
import tls from "node:tls";

for (const { port, chain, key, ...options } of JSON.parse(readFileSync(process.argv[2]))) {
  const server = tls.createServer({ ...options, cert: readFileSync(chain), key: readFileSync(key) }, (socket) => {
    socket.on("error", () => {});
    socket.end();
  });
  server.on("tlsClientError", () => {});
  server.listen(port, "127.0.0.1", 512);
}
