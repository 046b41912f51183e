// Clients and servers of npm's ws, told what to do by lines of JSON on stdin.
// What happens is told by lines of JSON on stdout. Ends with stdin.

import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createInterface } from "node:readline";
import { WebSocket, WebSocketServer } from "ws";

const sockets = new Map();
const servers = new Map();

function tell(id, event, more = {}) {
  process.stdout.write(JSON.stringify({ id, event, ...more }) + "\n");
}

function payload({ text, base64 }) {
  return text === undefined ? Buffer.from(base64, "base64") : text;
}

function shown(data, isBinary) {
  return isBinary ? { base64: data.toString("base64") } : { text: data.toString() };
}

const commands = {
  connect({ id, url, protocols, ca, headers }) {
    const socket = new WebSocket(url, protocols, { ca: readFileSync(ca), headers });
    sockets.set(id, socket);
    socket.on("open", () =>
      tell(id, "open", { protocol: socket.protocol, extensions: socket.extensions }));
    socket.on("message", (data, isBinary) => tell(id, "message", shown(data, isBinary)));
    socket.on("pong", data => tell(id, "pong", { text: data.toString() }));
    socket.on("close", (code, reason) => {
      sockets.delete(id);
      tell(id, "close", { code, reason: reason.toString() });
    });
    socket.on("error", error => tell(id, "error", { message: String(error) }));
  },

  send(command) {
    const { id, fin, text } = command;
    sockets.get(id)?.send(payload(command), { fin, binary: text === undefined });
  },

  ping({ id, text }) {
    sockets.get(id)?.ping(text);
  },

  close({ id, code, reason }) {
    sockets.get(id)?.close(code, reason);
  },

  listen({ id, certfile, keyfile, protocols, user, password }) {
    const tls = certfile && { cert: readFileSync(certfile), key: readFileSync(keyfile) };
    const server = tls ? https.createServer(tls) : http.createServer();
    const acceptor = new WebSocketServer({
      noServer: true,
      perMessageDeflate: true,
      handleProtocols: offered => protocols.find(name => offered.has(name)) ?? false,
    });
    const expected = "Basic " + Buffer.from(`${user}:${password}`).toString("base64");
    server.on("upgrade", (request, socket, head) => {
      // a client that was refused may reset TCP
      socket.on("error", () => {});
      if (request.url === "/redirect") {
        socket.end("HTTP/1.1 302 Found\r\nLocation: /echo/redirected\r\nContent-Length: 0\r\n" +
          "Connection: close\r\n\r\n");
      } else if (request.url === "/login" && request.headers.authorization !== expected) {
        socket.end("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"interop\"\r\n" +
          "Content-Length: 0\r\nConnection: close\r\n\r\n");
      } else {
        acceptor.handleUpgrade(request, socket, head, client => serve(id, client, request.url));
      }
    });
    servers.set(id, server);
    server.listen(0, "127.0.0.1", () => tell(id, "listening", { port: server.address().port }));
  },

  stop({ id }) {
    servers.get(id).close();
    servers.delete(id);
  },
};

function serve(id, client, target) {
  client.on("message", (data, isBinary) => {
    if (target.startsWith("/fragments/")) {
      const half = data.length >> 1;
      client.send(data.subarray(0, half), { fin: false, binary: isBinary });
      client.send(data.subarray(half), { fin: true, binary: isBinary });
    } else if (target.startsWith("/close/")) {
      const [code, ...reason] = data.toString().split(" ");
      client.close(Number(code), reason.join(" "));
    } else if (target.startsWith("/ping/")) {
      client.ping(data);
    } else {
      client.send(data, { binary: isBinary });
    }
  });
  client.on("pong", data => client.send("pong " + data.toString()));
  client.on("close", (code, reason) => tell(id, "closed", { target, code, reason: reason.toString() }));
  client.on("error", error => tell(id, "error", { message: String(error) }));
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  commands[command.op](command);
}
process.exit(0);
