import type { FakeHub } from "./fake-hub/hub.ts";

/** `UPSTREAMS` for stand-ins, by the name that each goes by. */
export function listRegistries(hubs: Readonly<Record<string, FakeHub>>): string {
  const entries = Object.entries(hubs).map(([name, { url }]) => [name, { url }]);
  return JSON.stringify(Object.fromEntries(entries));
}
