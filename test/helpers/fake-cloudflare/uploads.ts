import { randomUUID } from "node:crypto";
import {
  ApiFailure,
  type CloudflareState,
  type FakeWorker,
  type Metadata,
  type Version,
} from "./state.ts";

/**
 * Takes an upload as Cloudflare would: what its metadata binds must be there, its migrations must follow on the last
 * ones, and its code must export the classes that it names.
 *
 * @throws {@link ApiFailure} where Cloudflare would refuse it
 */
export async function upload(
  state: CloudflareState,
  name: string,
  form: FormData,
): Promise<Version> {
  const metadata = JSON.parse(await textOf(form.get("metadata"))) as Metadata;
  const code = await textOf(form.get(metadata.main_module));
  const worker = state.workers.get(name) ?? createWorker();
  migrate(worker, metadata, code);
  for (const binding of metadata.bindings) {
    if (binding.type === "r2_bucket" && !state.buckets.has(binding.bucket_name ?? ""))
      throw new ApiFailure(
        400,
        10085,
        `R2 bucket '${binding.bucket_name}' not found. Please use a different name.`,
      );
    if (
      binding.type === "durable_object_namespace" &&
      !worker.classes.has(binding.class_name ?? "")
    )
      throw new ApiFailure(
        400,
        10061,
        `Cannot create binding for class '${binding.class_name}' because it is not currently configured to implement Durable Objects.`,
      );
  }
  const version = {
    id: randomUUID(),
    metadata,
    code,
    bindings: allBindings(worker, metadata),
    migrationTag: worker.migrationTag,
  };
  worker.versions.push(version);
  state.workers.set(name, worker);
  return version;
}

function createWorker(): FakeWorker {
  return {
    versions: [],
    deployed: [],
    sharing: null,
    classes: new Set(),
    migrationTag: null,
    crons: [],
    domains: [],
    onSubdomain: false,
    tags: [],
  };
}

function migrate(worker: FakeWorker, { migrations }: Metadata, code: string): void {
  if (migrations === undefined) return;
  if ((migrations.old_tag ?? null) !== worker.migrationTag)
    throw new ApiFailure(
      412,
      10079,
      `The migration tag precondition failed: the Worker is at ${worker.migrationTag ?? "none"}.`,
    );
  for (const name of migrations.steps.flatMap((step) => step.new_sqlite_classes ?? [])) {
    if (!new RegExp(`export\\s*\\{[^}]*\\b${name}\\b`).test(code))
      throw new ApiFailure(400, 10070, `New class '${name}' is not exported by the script.`);
    worker.classes.add(name);
  }
  worker.migrationTag = migrations.new_tag;
}

/** Secrets stay from version to version where the upload says so. */
function allBindings(worker: FakeWorker, metadata: Metadata): Version["bindings"] {
  const names = new Set(metadata.bindings.map(({ name }) => name));
  const kept = metadata.keep_bindings?.includes("secret_text") === true;
  const before = kept ? (worker.versions.at(-1)?.bindings ?? []) : [];
  const secrets = before.filter(({ type, name }) => type === "secret_text" && !names.has(name));
  return [...metadata.bindings, ...secrets];
}

async function textOf(part: ReturnType<FormData["get"]>): Promise<string> {
  if (part === null) throw new ApiFailure(400, 10021, "a part of the upload is missing");
  return typeof part === "string" ? part : await part.text();
}
