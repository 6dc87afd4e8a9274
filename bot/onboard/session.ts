import type { Api } from "../gitlab/api.ts";
import { findUser } from "../gitlab/projects.ts";
import type { User } from "../gitlab/schema.ts";
import type { OnboardOptions } from "./options.ts";

/** What one run shares between its projects. */
export interface Session {
  readonly api: Api;
  /** The token's own user. */
  readonly user: User;
  readonly options: OnboardOptions;
  /** Ends the run. */
  readonly signal?: AbortSignal;
  /** Says something to people beside the results. */
  readonly warn: (sentence: string) => void;
  /** Numbers of users by name, each asked for once; `null` where there is no such user. */
  readonly users: Map<string, Promise<User | null>>;
}

/** Finds the numbers of users; names nobody has are warned about, and left out. */
export async function findUserIds(session: Session, names: readonly string[]): Promise<number[]> {
  const ids: number[] = [];
  for (const given of names) {
    const name = given.replace(/^@/, "");
    const asked = session.users.get(name) ?? findUser(session.api, name);
    session.users.set(name, asked);
    const user = await asked;
    if (user === null) session.warn(`no user is named ${name}: asked nobody in that place`);
    else ids.push(user.id);
  }
  return ids;
}
