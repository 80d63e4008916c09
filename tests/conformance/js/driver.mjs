// Does one thing after another with AWS's SDK for JavaScript: reads orders as lines of JSON, and
// answers each with a line. Its one invariant: an error is an answer, never an end.

import { createReadStream, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Agent } from "node:https";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.PORTCULLIS_JS}/`);
const s3 = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const PART_BYTES = 5 * 1024 * 1024;

function clientOf({ gate, settings }) {
  return new s3.S3Client({
    endpoint: gate.url,
    region: gate.region,
    credentials: { accessKeyId: gate.access_key, secretAccessKey: gate.secret_key },
    forcePathStyle: true,
    maxAttempts: 1,
    requestHandler: { httpsAgent: new Agent({ ca: readFileSync(gate.ca) }) },
    ...settings,
  });
}

const orders = {
  async put(client, { bucket, key, path, body, size, extra }) {
    const Body = body === "stream" ? createReadStream(path) : readFileSync(path);
    const params = { Bucket: bucket, Key: key, Body, ...extra };
    if (size > PART_BYTES) {
      await new Upload({ client, params, partSize: PART_BYTES, queueSize: 2 }).done();
    } else {
      // The length of a stream is the caller's to say.
      await client.send(new s3.PutObjectCommand({ ...params, ContentLength: size }));
    }
  },
  async get(client, { bucket, key, path }) {
    const got = await client.send(new s3.GetObjectCommand({ Bucket: bucket, Key: key }));
    await writeFile(path, await got.Body.transformToByteArray());
  },
  async part(client, { bucket, key, range }) {
    const got = await client.send(new s3.GetObjectCommand({ Bucket: bucket, Key: key, Range: range }));
    return got.Body.transformToString();
  },
  async keys(client, { bucket, prefix }) {
    const found = [];
    for await (const page of s3.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
      found.push(...(page.Contents ?? []).map((object) => object.Key));
    }
    return found;
  },
  async delete(client, { bucket, key }) {
    await client.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: key }));
  },
  async metadata(client, { bucket, key }) {
    return (await client.send(new s3.HeadObjectCommand({ Bucket: bucket, Key: key }))).Metadata;
  },
  async link(client, { bucket, key, method }) {
    const Command = { GET: s3.GetObjectCommand, PUT: s3.PutObjectCommand }[method];
    return getSignedUrl(client, new Command({ Bucket: bucket, Key: key }), { expiresIn: 600 });
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  let answer;
  try {
    answer = { done: (await orders[order.order](clientOf(order), order)) ?? null };
  } catch (error) {
    answer = { failed: `${error.name}: ${error.message} (${error.$metadata?.httpStatusCode})` };
  }
  console.log(JSON.stringify(answer));
}
