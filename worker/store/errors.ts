/** Thrown where the store could not do what it was asked. */
export class StoreError extends Error {
  override readonly name = "StoreError" as const;
  /** `failed`: the store is at fault, or away. `digest-mismatch`: the bytes are. */
  readonly kind: "failed" | "digest-mismatch";

  constructor(
    kind: StoreError["kind"],
    options: { readonly operation: string; readonly cause: unknown },
  ) {
    super(`store: ${options.operation}: ${kind}`, { cause: options.cause });
    this.kind = kind;
  }
}
