import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { SqlInventory } from "../../worker/inventory/sql.ts";
import { SqlUpkeep } from "../../worker/inventory/sql-upkeep.ts";
import { MemoryLedger } from "../../worker/ledger/memory.ts";
import { type Digest, parseDigest } from "../../worker/oci/digest.ts";
import { parseTag } from "../../worker/oci/tag.ts";
import { blobKey, chunkKey } from "../../worker/store/keys.ts";
import { type Bucket, createR2Store } from "../../worker/store/r2.ts";
import type { RepositoryKey, Store } from "../../worker/store/store.ts";
import { describeManifest } from "../../worker/inventory/describe.ts";
import type { UpkeepDeps } from "../../worker/upkeep/deps.ts";
import { wantSnapshot } from "../../worker/upkeep/snapshot.ts";
import { takeStep } from "../../worker/upkeep/step.ts";
import { type Content, type Manifest, contentOf } from "./images.ts";
import { openSqlite } from "./sqlite.ts";

/** A bucket of Miniflare's R2, alone. */
export interface TestBucket {
  readonly bucket: Bucket;
  stop(): Promise<void>;
}

export async function startBucket(): Promise<TestBucket> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: "export default { fetch() { return new Response(null) } }",
      compatibilityDate: "2026-10-15",
      r2Buckets: { STORE: "tidepool" },
      cf: false,
      telemetry: { enabled: false },
    }),
  );
  const bucket = (await miniflare.getR2Bucket("STORE")) as unknown as Bucket;
  return { bucket, stop: () => miniflare.dispose() };
}

/** A store with its inventory, and a clock that tests move; nothing happens but what a test does. */
export class StoreWorld {
  readonly bucket: Bucket;
  readonly store: Store;
  /** Runs ahead of the real clock, by which R2 stamps its objects. */
  aheadMs = 0;
  limitBytes: number | null = null;
  retentionMs: number | null = null;
  readonly ledger: MemoryLedger;
  readonly warnings: unknown[] = [];
  inventory!: SqlInventory;
  upkeep!: SqlUpkeep;

  /** Called before and after each operation of the store; what it throws is what the bucket answers. */
  onOperation: (operation: keyof Bucket, when: "before" | "after") => void = () => undefined;

  constructor(bucket: Bucket) {
    this.bucket = bucket;
    this.store = createR2Store(
      new Proxy(bucket, {
        get: (target, operation: keyof Bucket) => {
          const call = target[operation] as (...args: unknown[]) => unknown;
          return async (...args: unknown[]) => {
            this.onOperation(operation, "before");
            const answer = await call.apply(target, args);
            this.onOperation(operation, "after");
            return answer;
          };
        },
      }),
    );
    this.ledger = new MemoryLedger({ keepMs: 1e12, now: () => this.now() });
    this.loseInventory();
  }

  now(): number {
    return Date.now() + this.aheadMs;
  }

  /** Begins with an empty inventory, as after an upgrade. */
  loseInventory(): void {
    const sqlite = openSqlite();
    this.inventory = new SqlInventory({ ...sqlite, now: () => this.now() });
    this.upkeep = new SqlUpkeep(sqlite);
  }

  /** Pulls a manifest, as the gate stores it. */
  async putManifest(
    key: RepositoryKey,
    { mediaType, content }: Manifest,
    tags: readonly string[] = [],
  ): Promise<void> {
    const bytes = new Uint8Array(content.read(0, content.size));
    const manifest = { digest: digestIn(content), mediaType, bytes };
    await this.inventory.addManifest(key, describeManifest(manifest));
    await this.store.putManifest(key, manifest);
    await this.store.addRepository(key);
    for (const text of tags) {
      const tag = parseTag(text)!;
      const { digest } = manifest;
      await this.inventory.addTag(key, { tag, digest, heldBytes: content.size });
      const checkedAt = this.now();
      await this.store.putTag(key, tag, {
        digest,
        mediaType,
        size: content.size,
        checkedAt,
        bytes,
      });
    }
  }

  /** Stores what a HEAD tells of a tag whose manifest nobody pulled. */
  async putEmptyTag(key: RepositoryKey, name: string, content: Content): Promise<void> {
    const tag = parseTag(name)!;
    const digest = digestIn(content);
    await this.inventory.addTag(key, { tag, digest, heldBytes: 0 });
    const stored = { digest, mediaType: "x/y", size: content.size, checkedAt: 0, bytes: null };
    await this.store.putTag(key, tag, stored);
  }

  async putBlob(content: Content): Promise<void> {
    await this.bucket.put(blobKey(digestIn(content)), content.read(0, content.size));
    await this.inventory.addBlob(digestIn(content), { size: content.size, isShown: true });
  }

  async putChunk(content: Content): Promise<void> {
    const bytes = new Uint8Array(content.read(0, content.size));
    const chunk = { first: 0, last: content.size - 1 };
    await this.bucket.put(chunkKey(digestIn(content), chunk), bytes);
  }

  use(key: RepositoryKey, { content }: Manifest): Promise<unknown> {
    return this.inventory.use([{ key, digest: digestIn(content), timeMs: this.now() }]);
  }

  /** One step of the upkeep. @returns what `takeStep` does */
  step(): Promise<number | null> {
    const { inventory, upkeep, store, limitBytes, retentionMs } = this;
    const deps: UpkeepDeps = {
      inventory,
      upkeep,
      store,
      limitBytes,
      retentionMs,
      ledger: () => this.ledger,
      exclusively: (deletion) => deletion(),
      now: () => this.now(),
    };
    return takeStep(deps, (_message, error) => this.warnings.push(error));
  }

  /** What the cron trigger brings: steps until nothing is left, moving the clock on where a step asks for it. */
  async settle(): Promise<void> {
    wantSnapshot({ upkeep: this.upkeep, now: () => this.now() });
    for (let steps = 0; steps < 1_000; steps += 1) {
      const delay = await this.step();
      if (delay === null) return;
      this.aheadMs += delay;
    }
    throw new Error("the upkeep does not come to an end");
  }

  /** Every key in the store. */
  async keys(prefix = ""): Promise<string[]> {
    const found: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await this.bucket.list(cursor === undefined ? { prefix } : { prefix, cursor });
      for (const { key } of page.objects) found.push(key);
      if (!page.truncated) return found;
      ({ cursor } = page);
    }
  }

  /** Bytes of everything that counts towards the limit. */
  async storedBytes(): Promise<number> {
    let bytes = 0;
    for (const prefix of ["blobs/", "manifests/", "tags/"])
      for (const key of await this.keys(prefix)) bytes += (await this.bucket.head(key))?.size ?? 0;
    return bytes;
  }
}

export function digestIn(content: Content): Digest {
  return parseDigest(content.digest)!;
}

/** An artifact that refers to another manifest, as a signature does. */
export function createReferrer(subject: Manifest, layers: readonly Content[]): Manifest {
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const body = {
    schemaVersion: 2,
    mediaType,
    layers: layers.map((layer) => descriptorOf(layer, "x/y")),
    subject: descriptorOf(subject.content, subject.mediaType),
  };
  return { mediaType, content: contentOf(JSON.stringify(body)) };
}

function descriptorOf({ digest, size }: Content, mediaType: string) {
  return { mediaType, digest, size };
}
