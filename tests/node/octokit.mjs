// Verifies with @octokit/webhooks-methods: a line of JSON {secret, body, signature} in, one of
// {holds} out.

import { createInterface } from "node:readline";
import { verify } from "@octokit/webhooks-methods";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, body, signature } = JSON.parse(line);
  const holds = await verify(secret, body, signature);
  process.stdout.write(`${JSON.stringify({ holds })}\n`);
}
