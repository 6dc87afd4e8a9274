/** Ran and could not do its work; ends with exit code 1. */
export class BotError extends Error {
  override readonly name: string = "BotError";
  readonly exitCode: 1 | 2 = 1;
}

/** Called the wrong way; ends with exit code 2. */
export class UsageError extends BotError {
  override readonly name = "UsageError";
  override readonly exitCode = 2;
}

/** A setting is missing or wrong; names it, and ends with exit code 2. */
export class ConfigError extends BotError {
  override readonly name = "ConfigError";
  override readonly exitCode = 2;
  /** The variable or flag at fault. */
  readonly setting: string;

  constructor(setting: string, message: string) {
    super(message);
    this.setting = setting;
  }
}
