import { type Digest, parseDigest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error-code.ts";
import { parseRepositoryPath } from "../oci/reference.ts";
import type { RepositoryId } from "../ledger/ledger.ts";

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
/** So much of a name that is not known is given back. */
const MAX_SHOWN = 64;

/** Reads the API's query parameters, as `worker/contract` has them; a bad one is refused by its name. */
export class ApiQuery {
  readonly #query: URLSearchParams;

  /**
   * @param names - of the parameters that there are: a filter that was misspelt must not give everything
   * @throws {@link RegistryError} 400 that names another one
   */
  constructor(request: Request, names: readonly string[]) {
    this.#query = new URL(request.url).searchParams;
    for (const name of this.#query.keys())
      if (!names.includes(name))
        this.refuse(name.slice(0, MAX_SHOWN), `is no parameter of this: ${names.join(", ")} are`);
  }

  /** @returns `null` where it is not asked for */
  time(name: "since" | "until"): number | null {
    return this.#read(name, "must be whole milliseconds since 1970", (text) =>
      /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : null,
    );
  }

  limit(): number {
    const problem = `must be a whole number from 1 to ${MAX_PAGE}`;
    const limit = this.#read("n", problem, (text) => {
      const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
      return count >= 1 && count <= MAX_PAGE ? count : null;
    });
    return limit ?? DEFAULT_PAGE;
  }

  /** `alpine` is Docker Hub's; another registry's has its host name before it. */
  repository(): RepositoryId | null {
    const found = this.#read("repository", "must be a repository's name", (text) =>
      parseRepositoryPath(text, null),
    );
    return found === null ? null : { upstream: found.registry, repository: found.repository };
  }

  digest(): Digest | null {
    return this.#read("digest", "must be a digest", parseDigest);
  }

  step(): "hour" | "day" {
    const found = this.#read("step", "must be hour or day", (text) =>
      text === "hour" || text === "day" ? text : null,
    );
    return found ?? "hour";
  }

  /** Where the last page ended. */
  last<T>(parse: (text: string) => T | null): T | null {
    return this.#read("last", "must be the value that the last page's Link has", parse);
  }

  /** The same query, to go on after `last`. */
  next(last: string): Readonly<Record<string, string>> {
    return { ...Object.fromEntries(this.#query), last };
  }

  /** @throws {@link RegistryError} 400 that names a parameter */
  refuse(name: string, problem: string): never {
    throw new RegistryError("UNSUPPORTED", { status: 400, message: `${name} ${problem}` });
  }

  #read<T>(name: string, problem: string, parse: (text: string) => T | null): T | null {
    const [text, ...more] = this.#query.getAll(name);
    if (text === undefined) return null;
    if (more.length > 0) this.refuse(name, "stands more than once");
    return parse(text) ?? this.refuse(name, problem);
  }
}
