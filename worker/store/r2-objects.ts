import { parseDigest } from "../oci/digest.ts";
import { attempt } from "./attempt.ts";
import * as keys from "./keys.ts";
import type { ListedObject, ObjectKind, ObjectStore } from "./store.ts";

/** R2 lists and deletes at most this many at once. */
const MAX_BATCH = 1000;

/** Lists and deletes objects of an R2 bucket as such. */
export function createObjectStore(bucket: Pick<R2Bucket, "list" | "delete" | "put">): ObjectStore {
  return {
    async listObjects(kind, after) {
      const prefix = keys.objectKey(kind, "");
      const options: R2ListOptions = { prefix, limit: MAX_BATCH };
      if (after !== null) options.startAfter = prefix + after;
      // With metadata R2 lists fewer at once.
      if (kind === "tags") options.include = ["customMetadata"];
      const found = await attempt("list objects", () => bucket.list(options));
      const objects = found.objects.map((object) => describe(kind, object));
      return { objects, isLast: !found.truncated || objects.length === 0 };
    },
    async deleteObjects(all) {
      for (let start = 0; start < all.length; start += MAX_BATCH)
        await attempt("delete objects", () => bucket.delete(all.slice(start, start + MAX_BATCH)));
    },
    async putSnapshot(name, text) {
      const options = { httpMetadata: { contentType: "application/json" } };
      await attempt("put snapshot", () =>
        bucket.put(keys.objectKey("snapshots", name), text, options),
      );
    },
  };
}

function describe(kind: ObjectKind, object: R2Object): ListedObject {
  return {
    name: object.key.slice(kind.length + 1),
    size: object.size,
    uploadedMs: object.uploaded.getTime(),
    digest: parseDigest(object.customMetadata?.["digest"] ?? ""),
  };
}
