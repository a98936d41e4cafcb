/**
 * Reads release documents of evalgate, format 1: which version of a prompt has which label, and its messages.
 *
 * Written by `evalgate release reader node`, which also writes a newer one. For Node.js 18 and later, without
 * dependencies. Documented in docs/readers.md of evalgate.
 *
 *     const reader = new ReleaseReader({ read: async (name, { signal }) => fetchBytes(name, signal) });
 *     await reader.load("support");
 *     const messages = reader.choose("support", userId).messages({ question: "Where is my order?" });
 */

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";

const FORMAT = 1;
const LARGEST = 16 * 1024 * 1024;
const DEEPEST = 900;
const LONGEST_NUMBER = 300;
const BUCKETS = 10_000;
const RETRY_SECONDS = 10;
const LEVELS = ["PATCH", "MINOR", "MAJOR"];
const KINDS = ["canary", "ab"];
const ROLES = ["system", "user", "assistant", "developer", "tool", "history"];
const EXTRA = ["name", "tool_calls", "tool_call_id"];
const DIGEST = /^[0-9a-f]{64}$/;
const NUMBER = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/;
const SCALAR = /(true|false|null)|-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)/y;
// what Python's str.strip() removes, so that all readers agree on what is blank
const NOT_BLANK = /[^\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** A document, a variable or a source that cannot be used. The message says what is wrong. */
export class ReleaseError extends Error {
  name = "ReleaseError";
}

/** Keeps the last good document of each prompt, and reads it again when its time to live has passed. */
export class ReleaseReader {
  #read;
  #ttl;
  #timeout;
  #onError;
  #held = new Map();

  /**
   * @param {object} options
   * @param {string} [options.file] the path of a document; instead of `read`
   * @param {(name: string, options: {signal: AbortSignal}) => Promise<Uint8Array | string>} [options.read]
   *   returns the bytes of a prompt's document, from anywhere
   * @param {number} [options.ttlSeconds] after how long a document is read again
   * @param {number} [options.timeoutSeconds] how long one call of `read` may take
   * @param {(error: Error, name: string) => void} [options.onError] is told why a refresh in the background failed
   */
  constructor({ file, read, ttlSeconds = 300, timeoutSeconds = 10, onError = () => {} }) {
    if ((file === undefined) === (read === undefined)) {
      throw new TypeError("give either `file` or `read`");
    }
    this.#read = read ?? (() => readRegular(file));
    this.#ttl = ttlSeconds;
    this.#timeout = timeoutSeconds;
    this.#onError = onError;
  }

  /** Reads the documents of prompts that are not loaded yet. Rejects if one cannot be read. */
  async load(...names) {
    await Promise.all(names.map((name) => (this.#held.get(name)?.document ? undefined : this.refresh(name))));
  }

  /** Reads a document now. Rejects if that fails; the last good document stays. */
  refresh(name) {
    let held = this.#held.get(name);
    if (held === undefined) {
      held = { name, document: undefined, digest: "", readAt: 0, dueAt: 0, pending: undefined };
      this.#held.set(name, held);
    }
    // callers at the same time share one call of `read`
    held.pending ??= this.#update(held).finally(() => {
      held.pending = undefined;
    });
    return held.pending;
  }

  /** Returns the version that has a label. Never waits: `load` must have read the document once. */
  get(name, label = "production") {
    return this.#serve(this.#find(name), label);
  }

  /**
   * Returns the candidate of the rollout if the key is in its share, else the version in production. The key is text; a
   * whole number counts as its text. An empty or missing key gets production.
   */
  choose(name, key) {
    const held = this.#find(name);
    const rollout = held.document.rollout;
    const text = toKey(key);
    if (rollout === null || text === "" || computeBucket(rollout.salt, text) >= rollout.share) {
      return this.#serve(held, "production");
    }
    return new Served(held, held.document.versions.get(rollout.candidate), "candidate");
  }

  #find(name) {
    const held = this.#held.get(name);
    if (held?.document === undefined) {
      throw new ReleaseError(`the prompt "${name}" is not loaded; await load("${name}") before the first request`);
    }
    if (held.pending === undefined && now() >= held.dueAt) {
      this.refresh(name).catch((error) => this.#onError(error, name));
    }
    return held;
  }

  #serve(held, label) {
    const digest = held.document.labels.get(label);
    if (digest === undefined) {
      const known = [...held.document.labels.keys()].sort().join(", ") || "none";
      throw new ReleaseError(`no version of "${held.name}" has the label "${label}"; its labels: ${known}`);
    }
    return new Served(held, held.document.versions.get(digest), label);
  }

  async #update(held) {
    try {
      this.#accept(held, await this.#readInTime(held.name));
      held.readAt = now();
      held.dueAt = held.readAt + this.#ttl * (0.9 + 0.2 * Math.random());
    } catch (error) {
      held.dueAt = now() + Math.min(this.#ttl, RETRY_SECONDS);
      if (held.document === undefined) {
        this.#held.delete(held.name);
      }
      throw error;
    }
  }

  async #readInTime(name) {
    const control = new AbortController();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => {
        reject(new ReleaseError(`the document of "${name}" did not arrive in ${this.#timeout} s`));
        control.abort();
      }, this.#timeout * 1000);
    });
    try {
      return await Promise.race([Promise.resolve(this.#read(name, { signal: control.signal })), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #accept(held, data) {
    const bytes = toBytes(data, held.name);
    const digest = createHash("sha256").update(bytes).digest("hex");
    if (digest === held.digest) {
      return;
    }
    const document = parseDocument(bytes);
    const old = held.document;
    if (document.name !== held.name) {
      throw new ReleaseError(`the document is that of "${document.name}", not of "${held.name}"`);
    }
    if (old !== undefined && document.revision <= old.revision) {
      const what = document.revision < old.revision ? "is older than" : "has another content than the known";
      throw new ReleaseError(`revision ${document.revision} of "${held.name}" ${what} revision ${old.revision}`);
    }
    if (old !== undefined && document.revision === old.revision + 1 && document.previous !== held.digest) {
      throw new ReleaseError(`revision ${document.revision} of "${held.name}" does not follow revision ${old.revision}`);
    }
    held.document = document;
    held.digest = digest;
  }
}

/** A version that was chosen. `variant` is "candidate" for that of a rollout, else the label, such as "production". */
export class Served {
  #version;

  constructor(held, version, variant) {
    this.#version = version;
    this.name = held.name;
    this.revision = held.document.revision;
    this.variant = variant;
    /** Seconds since the document was last read. */
    this.staleSeconds = now() - held.readAt;
  }

  get version() {
    return this.#version.version;
  }
  get digest() {
    return this.#version.digest;
  }
  get model() {
    return this.#version.model;
  }
  /** The parameters, tools and response format are frozen: copy them to change them. */
  get parameters() {
    return this.#version.parameters;
  }
  get tools() {
    return this.#version.tools;
  }
  get responseFormat() {
    return this.#version.responseFormat;
  }

  /**
   * Returns the messages in the form of the chat completions API.
   *
   * @param {object | Map<string, unknown>} variables texts, whole numbers, and lists of messages for histories
   */
  messages(variables = {}) {
    const given = variables instanceof Map ? variables : new Map(Object.entries(variables));
    const { names, version, messages } = this.#version;
    for (const name of names) {
      if (!given.has(name)) {
        throw new ReleaseError(`the variable "${name}" is missing; version ${version} uses it`);
      }
    }
    for (const name of given.keys()) {
      if (!names.has(name)) {
        const known = [...names].sort().join(", ") || "none";
        throw new ReleaseError(`the variable "${name}" is unknown; version ${version} uses: ${known}`);
      }
    }
    return messages.flatMap(({ role, parts, extra }) => {
      if (role === "history") {
        return copyHistory(parts[0].name, given.get(parts[0].name));
      }
      const texts = parts?.map((part) => (typeof part === "string" ? part : toText(part.name, given.get(part.name))));
      return [{ role, content: texts?.join("") ?? null, ...copyData(extra) }];
    });
  }
}

/** Returns the bucket of a key, from 0 to 9,999: the first 8 bytes of SHA-256(salt, 0x00, key), modulo 10,000. */
export function computeBucket(salt, key) {
  // as UTF-8; a lone surrogate becomes U+FFFD
  const hash = createHash("sha256").update(`${salt}\0${key}`, "utf8").digest();
  return ((hash.readUInt32BE(0) % BUCKETS) * (2 ** 32 % BUCKETS) + hash.readUInt32BE(4)) % BUCKETS;
}

/** Returns the document in some bytes. Throws ReleaseError with the path of the first wrong value. */
export function parseDocument(bytes) {
  const given = new Value(parseJson(bytes), "");
  const format = given.key("format").integer();
  if (format !== FORMAT) {
    throw new ReleaseError(`format: ${format} is not a format that this version reads: it reads ${FORMAT}`);
  }
  const versions = new Map(given.key("versions").members().map(([key, one]) => [key, parseVersion(one)]));
  const document = {
    name: given.key("name").text(),
    revision: given.key("revision").integer(1),
    previous: given.key("previous").optional((one) => one.digest()),
    at: given.key("at").time(),
    entry: checkEntry(given.key("entry")),
    labels: new Map(given.key("labels").members().map(([key, one]) => [key, one.digest()])),
    past: given.key("past").items().map((one) => one.digest()),
    rollout: given.key("rollout").optional(parseRollout),
    versions,
  };
  checkReferences(document);
  return document;
}

function parseVersion(given) {
  const version = {
    digest: given.key("digest").digest(),
    version: given.key("version").number(),
    author: given.key("author").text(),
    at: given.key("at").time(),
    reason: given.key("reason").text(),
    gitSha: given.key("git_sha").optional((one) => one.text()),
    source: given.key("source").text(),
    model: given.key("model").optional((one) => one.text()),
    parameters: given.key("parameters").object(),
    responseFormat: given.key("response_format").optional((one) => one.object()),
    tools: Object.freeze(given.key("tools").items().map((one) => one.object())),
    messages: given.key("messages").items().map(parseMessage),
    level: given.key("level").oneOf(LEVELS),
    canaryHours: given.key("canary_hours").integer(),
    needsSignOff: given.key("needs_sign_off").flag(),
  };
  given.key("sign_off").optional(checkApproval);
  checkEvaluation(given.key("evaluation"));
  const parts = version.messages.flatMap((message) => message.parts ?? []);
  version.names = new Set(parts.filter((part) => typeof part !== "string").map((part) => part.name));
  return version;
}

function parseMessage(given) {
  const role = given.key("role").oneOf(ROLES);
  const kind = role === "history" ? "history" : "var";
  const parts = given.key("parts").optional((value) => value.items().map((one) => parsePart(one, kind)));
  if (role === "history" && (parts?.length !== 1 || typeof parts[0] === "string")) {
    given.key("parts").fail('must be one {"history": NAME} in a message of the role history');
  }
  const extra = {};
  for (const [key, one] of given.members()) {
    if (EXTRA.includes(key)) {
      extra[key] = toData(one.data);
    }
  }
  return { role, parts, extra };
}

function parsePart(given, kind) {
  if (typeof given.data === "string") {
    return given.data;
  }
  if (!(given.data instanceof Map) || given.data.size !== 1 || !given.data.has(kind)) {
    given.fail(`must be text or {"${kind}": NAME}`);
  }
  return { name: given.key(kind).text() };
}

function parseRollout(given) {
  const kind = given.key("kind").oneOf(KINDS);
  const candidate = given.key("candidate").digest();
  const control = given.key("control").digest();
  const share = given.key("share").integer(0, BUCKETS);
  return { kind, candidate, control, share, salt: given.key("salt").text() };
}

function checkEntry(given) {
  for (const key of ["id", "verb", "who"]) {
    given.key(key).text();
  }
  given.key("why").text(true);
  given.key("label").optional((one) => one.text());
  given.key("from").optional((one) => one.digest());
  given.key("to").optional((one) => one.digest());
  given.key("run_url").optional((one) => one.text());
  given.key("evidence").optional((one) => one.object());
}

function checkApproval(given) {
  for (const key of ["by", "at", "kind", "commit"]) {
    given.key(key).text();
  }
  given.key("subject").digest();
  given.key("url").text(true);
}

function checkEvaluation(given) {
  given.key("decision").text();
  for (const key of ["evaluated", "subject", "report"]) {
    given.key(key).digest();
  }
  given.key("run_id").text();
  given.key("at").text();
  given.key("dataset").digest();
  given.key("cases").integer();
  given.key("policy").digest();
  given.key("scores").members().forEach(([, one]) => one.object());
}

function checkReferences({ versions, labels, rollout }) {
  for (const [digest, version] of versions) {
    if (version.digest !== digest) {
      throw new ReleaseError(`versions.${digest}: its digest is ${version.digest}`);
    }
  }
  const rolled = rollout === null ? [] : [["candidate", rollout.candidate], ["control", rollout.control]];
  for (const [name, digest] of [...labels, ...rolled]) {
    if (!versions.has(digest)) {
      throw new ReleaseError(`${name}: the version ${digest.slice(0, 12)} is not among the versions`);
    }
  }
}

/** A value of a document with its path, which reads itself as one type and refuses any other. */
class Value {
  constructor(data, path) {
    this.data = data;
    this.path = path;
  }
  fail(problem) {
    throw new ReleaseError(`${this.path || "the document"}: ${problem}`);
  }
  #require(holds, problem) {
    return holds ? this.data : this.fail(problem);
  }
  #match(pattern, what) {
    return this.#require(typeof this.data === "string" && pattern.test(this.data), `must be ${what}`);
  }
  key(name) {
    this.#require(this.data instanceof Map, "must be an object");
    this.#require(this.data.has(name), `the key "${name}" is missing`);
    return new Value(this.data.get(name), this.path ? `${this.path}.${name}` : name);
  }
  members() {
    this.#require(this.data instanceof Map, "must be an object");
    return [...this.data].map(([key, one]) => [key, new Value(one, `${this.path}.${key}`)]);
  }
  items() {
    this.#require(Array.isArray(this.data), "must be a list");
    return this.data.map((one, position) => new Value(one, `${this.path}[${position}]`));
  }
  text(empty = false) {
    const holds = typeof this.data === "string" && (empty || NOT_BLANK.test(this.data));
    return this.#require(holds, empty ? "must be text" : "must be text that is not blank");
  }
  flag() {
    return this.#require(typeof this.data === "boolean", "must be true or false");
  }
  oneOf(known) {
    return this.#require(known.includes(this.data), `must be one of ${known.join(", ")}`);
  }
  integer(least = 0, most = Number.MAX_SAFE_INTEGER) {
    const holds = typeof this.data === "number" && this.data >= least && this.data <= most;
    return this.#require(holds, `must be a whole number from ${least} to ${most}`);
  }
  digest() {
    return this.#match(DIGEST, "a sha256 in hex");
  }
  number() {
    return this.#match(NUMBER, "a semantic version");
  }
  time() {
    return this.#match(TIME, "a time in UTC, such as 2026-01-31T12:00:00Z");
  }
  object() {
    this.#require(this.data instanceof Map, "must be an object");
    return toData(this.data);
  }
  optional(read) {
    return this.data === null ? null : read(this);
  }
}

/** A number with a fraction or an exponent, which is not a whole number even if its value is one. */
class Decimal {
  constructor(value) {
    this.value = value;
  }
}

/** Returns JSON in UTF-8 as Maps, arrays, texts, numbers (whole ones), Decimals, booleans and null. */
function parseJson(bytes) {
  if (bytes.length > LARGEST) {
    throw new ReleaseError(`${bytes.length} bytes are more than a document may have (${LARGEST})`);
  }
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ReleaseError("not JSON: the bytes are not UTF-8");
  }
  const parser = new JsonParser(text);
  const value = parser.value(0);
  parser.skip();
  if (parser.at < text.length) {
    parser.fail("more text after the value");
  }
  return value;
}

/** Reads JSON strictly. JSON.parse does not tell 1.0 from 1, and keeps no order of keys such as "1". */
class JsonParser {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }
  fail(problem) {
    throw new ReleaseError(`not JSON: ${problem} at character ${this.at}`);
  }
  skip() {
    for (let code; (code = this.text.charCodeAt(this.at)) === 32 || code === 10 || code === 13 || code === 9; ) {
      this.at += 1;
    }
  }
  take(char) {
    this.skip();
    const found = this.text[this.at] === char;
    this.at += found ? 1 : 0;
    return found;
  }
  expect(char) {
    return this.take(char) || this.fail(`"${char}" is missing`);
  }
  value(depth) {
    if (depth > DEEPEST) {
      this.fail(`more than ${DEEPEST} levels`);
    }
    this.skip();
    const first = this.text[this.at];
    if (first === "{") {
      return this.members(depth + 1);
    }
    if (first === "[") {
      return this.items(depth + 1);
    }
    return first === '"' ? this.string() : this.scalar();
  }
  members(depth) {
    const found = new Map();
    this.at += 1;
    if (this.take("}")) {
      return found;
    }
    do {
      this.skip();
      const key = this.text[this.at] === '"' ? this.string() : this.fail("a key is missing");
      this.expect(":");
      found.set(key, this.value(depth));
    } while (this.take(","));
    this.expect("}");
    return found;
  }
  items(depth) {
    const found = [];
    this.at += 1;
    if (this.take("]")) {
      return found;
    }
    do {
      found.push(this.value(depth));
    } while (this.take(","));
    this.expect("]");
    return found;
  }
  string() {
    const start = this.at;
    let escaped = false;
    for (this.at += 1; ; this.at += 1) {
      const code = this.text.charCodeAt(this.at);
      if (code === 34) {
        break;
      }
      if (code === 92) {
        escaped = true;
        this.at += 1;
      } else if (!(code >= 32)) {
        this.fail("a text with a control character or without an end");
      }
    }
    this.at += 1;
    if (!escaped) {
      return this.text.slice(start + 1, this.at - 1);
    }
    try {
      return JSON.parse(this.text.slice(start, this.at));
    } catch {
      return this.fail("a wrong escape");
    }
  }
  scalar() {
    SCALAR.lastIndex = this.at;
    const [found, word, fraction] = SCALAR.exec(this.text) ?? this.fail("no value");
    this.at = SCALAR.lastIndex;
    if (word !== undefined) {
      return JSON.parse(word);
    }
    const value = Number(found);
    if (!Number.isFinite(value) || (!fraction && found.length > LONGEST_NUMBER)) {
      this.fail("a number that is too large");
    }
    return fraction ? new Decimal(value) : value + 0;
  }
}

/** Returns parsed JSON as frozen objects and arrays. Object.fromEntries makes "__proto__" a key as any other. */
function toData(value) {
  if (value instanceof Decimal) {
    return value.value;
  }
  if (Array.isArray(value)) {
    return Object.freeze(value.map(toData));
  }
  return value instanceof Map ? Object.freeze(Object.fromEntries([...value].map(([key, one]) => [key, toData(one)]))) : value;
}

/** Returns a copy of data that can be changed. */
function copyData(value) {
  if (Array.isArray(value)) {
    return value.map(copyData);
  }
  const isObject = typeof value === "object" && value !== null;
  return isObject ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, copyData(one)])) : value;
}

function toText(name, value) {
  if (typeof value === "string") {
    return value;
  }
  if (typeof value === "bigint" || Number.isSafeInteger(value)) {
    return String(value);
  }
  throw new ReleaseError(`the variable "${name}" must be text or a whole number, not ${describe(value)}`);
}

function toKey(key) {
  if (key === undefined || key === null) {
    return "";
  }
  if (typeof key === "string" || typeof key === "bigint" || Number.isSafeInteger(key)) {
    return String(key);
  }
  throw new ReleaseError(`the key must be text or a whole number, not ${describe(key)}`);
}

function copyHistory(name, value) {
  const isMessage = (one) =>
    typeof one === "object" &&
    one !== null &&
    typeof one.role === "string" &&
    (typeof one.content === "string" || (Array.isArray(one.tool_calls) && (one.content ?? null) === null));
  if (!Array.isArray(value) || !value.every(isMessage)) {
    throw new ReleaseError(`the variable "${name}" must be a list of messages, each with a role and text as content`);
  }
  return value.map((one) => ({ ...one }));
}

/** Reads a regular file. A pipe, which may never have a writer, would hold a thread of Node.js for ever. */
async function readRegular(path) {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const status = await file.stat();
    if (!status.isFile() || status.size > LARGEST) {
      throw new ReleaseError(`${path} is not a regular file of at most ${LARGEST} bytes`);
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function toBytes(data, name) {
  if (typeof data === "string") {
    return Buffer.from(data, "utf8");
  }
  if (data instanceof Uint8Array) {
    return data;
  }
  if (data instanceof ArrayBuffer) {
    return new Uint8Array(data);
  }
  throw new ReleaseError(`there is no document of "${name}": the source returned ${describe(data)}, not bytes or text`);
}

function describe(value) {
  const isPlain = value === null || ["number", "boolean", "undefined"].includes(typeof value);
  return isPlain ? String(value) : `a value of the type ${typeof value}`;
}

function now() {
  return performance.now() / 1000;
}
