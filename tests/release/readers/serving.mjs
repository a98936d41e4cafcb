// Serves a prompt all the time, as an application does: one question a line, answered from a document read over HTTP.
// A question has variables for the version in production, or the keys of users.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [, , path, address, ttl] = process.argv;
const { ReleaseReader } = await import(pathToFileURL(path).href);
let refusals = 0;
const reader = new ReleaseReader({
  read: async (name, { signal }) => {
    const answer = await fetch(`${address}${encodeURIComponent(name)}.json`, { signal });
    if (!answer.ok) throw new Error(`${answer.url}: HTTP ${answer.status}`);
    return answer.arrayBuffer();
  },
  ttlSeconds: Number(ttl),
  onError: () => (refusals += 1),
});

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { name, variables, keys } = JSON.parse(line);
  await reader.load(name);
  let told;
  if (keys) {
    told = keys.map((key) => reader.choose(name, key)).map(({ variant, version, digest }) => [variant, version, digest]);
  } else {
    const served = reader.get(name);
    told = { version: served.version, refusals, messages: served.messages(variables) };
  }
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
process.exit(0); // a connection that is kept alive does not keep this process alive
