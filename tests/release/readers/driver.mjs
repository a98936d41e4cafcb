// Answers requests, one JSON text a line, with the reader whose path is the first argument.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { ReleaseReader, computeBucket, parseDocument } = await import(pathToFileURL(process.argv[2]).href);
const readers = new Map();

const MAKE = {
  text: (value) => value,
  int: (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value)),
  history: (value) => value,
  data: (value) => value,
  unfit: (value) =>
    ({ half: 1.5, nan: NaN, infinity: Infinity, beyond: 2 ** 53, true: true, null: null, undefined: undefined })[value],
};

async function answer({ op, document, ...given }) {
  if (op === "bucket") {
    return computeBucket(given.salt, given.key);
  }
  const bytes = Buffer.from(document, "base64");
  if (op === "parse") {
    const parsed = parseDocument(bytes);
    return { name: parsed.name, revision: parsed.revision };
  }
  let reader = readers.get(document);
  if (reader === undefined) {
    readers.clear();
    reader = new ReleaseReader({ read: async () => bytes });
    readers.set(document, reader);
  }
  await reader.load(given.name);
  const served = "key" in given ? reader.choose(given.name, given.key ?? undefined) : reader.get(given.name, given.label);
  const variables = new Map(given.variables?.map(([name, kind, value]) => [name, MAKE[kind](value)]));
  const { name, revision, version, digest, variant, model, parameters, tools, responseFormat } = served;
  const found = { name, revision, version, digest, variant, model, parameters, tools, responseFormat };
  if (given.variables) {
    found.messages = served.messages(given.asObject ? Object.fromEntries(variables) : variables);
  }
  return found;
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let told;
  try {
    told = { ok: await answer(JSON.parse(line)) };
  } catch (error) {
    told = { error: error.message, kind: error.name };
  }
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
