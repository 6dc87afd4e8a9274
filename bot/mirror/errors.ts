import { BotError } from "../errors.ts";

/** The mirror could not be asked, or its answer could not be used; the message is one sentence for the user. */
export class MirrorError extends BotError {
  override readonly name = "MirrorError";
  /** Absent where no answer came. */
  readonly status: number | null;

  constructor(message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.status = options.status ?? null;
  }
}
