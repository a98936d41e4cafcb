// Serves a prompt all the time, as an application does: one question a line, answered from a document read over HTTP.
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
  const { name, variables } = JSON.parse(line);
  await reader.load(name);
  const served = reader.get(name);
  process.stdout.write(
    `${JSON.stringify({ version: served.version, refusals, messages: served.messages(variables) })}\n`,
  );
}
process.exit(0); // a connection that is kept alive does not keep this process alive
