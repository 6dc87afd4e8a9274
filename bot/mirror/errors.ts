import { BotError } from "../errors.ts";

interface MirrorErrorOptions {
  readonly status?: number;
  readonly cause?: unknown;
  /** Nothing is wrong but that a setting is missing, which is the caller's to give. */
  readonly isUnconfigured?: boolean;
}

/** The mirror could not be asked, or its answer could not be used; the message is one sentence for the user. */
export class MirrorError extends BotError {
  override readonly name = "MirrorError";
  override readonly exitCode: 1 | 2;
  /** Absent where no answer came. */
  readonly status: number | null;

  constructor(message: string, options: MirrorErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.exitCode = options.isUnconfigured === true ? 2 : 1;
    this.status = options.status ?? null;
  }
}
