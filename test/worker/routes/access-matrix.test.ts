import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type Asked, type EdgeMirror, startEdgeMirror } from "../../helpers/edge.ts";
import { type FakeHub, startFakeHub } from "../../helpers/fake-hub/hub.ts";
import { type Image, createImage, syntheticContent } from "../../helpers/images.ts";

/*
 * Every rule, place of the secret, state of the secret and endpoint. What is expected stands in tables of its own: who is
 * let in by which rule, and what each endpoint answers to who is let in and to who is not.
 */

const SECRETS = {
  right: "r1ghts3cr3tr1ghts3cr3t",
  rotated: "n3wers3cr3tn3wers3cr3t",
  wrong: "wr0ngs3cr3twr0ngs3cr3t",
  expired: "0lds3cr3t0lds3cr3t0lds",
  unruled: "n0rul3n0rul3n0rul3n0r",
  malformed: "Not-A-Secret",
} as const;
type State = keyof typeof SECRETS | "absent";

const TOKENS = [
  `shop:${SECRETS.right}:2999-12-31`,
  `shop:${SECRETS.rotated}`,
  `ops:${SECRETS.expired}:2026-01-01T12:00Z`,
  `nobody:${SECRETS.unruled}`,
].join(" ");

const INSIDE = "192.0.2.77";
const OUTSIDE = "203.0.113.77";

const PLACES = ["path", "repository", "host", "basic", "bearer"] as const;
type Place = (typeof PLACES)[number];

/** Let in by which rule; `-` for nobody. In the order: inside the network, outside of it. */
type Expected = readonly [inside: string, outside: string];
const NOBODY: Expected = ["-", "-"];
const SHOP: Expected = ["token shop 1", "token shop 1"];
const SHOP_TOO: Expected = ["token shop 2", "token shop 2"];
const OPEN: Expected = ["open", "open"];
const NETWORK: Expected = ["cidr", "-"];

const RULES: Readonly<Record<string, Readonly<Record<State, Expected>>>> = {
  "": {
    absent: NOBODY,
    right: NOBODY,
    rotated: NOBODY,
    wrong: NOBODY,
    expired: NOBODY,
    unruled: NOBODY,
    malformed: NOBODY,
  },
  open: {
    absent: OPEN,
    right: OPEN,
    rotated: OPEN,
    wrong: OPEN,
    expired: OPEN,
    unruled: OPEN,
    malformed: OPEN,
  },
  "cidr:192.0.2.0/24": {
    absent: NETWORK,
    right: NETWORK,
    rotated: NETWORK,
    wrong: NETWORK,
    expired: NETWORK,
    unruled: NETWORK,
    malformed: NETWORK,
  },
  "token:shop token:ops": {
    absent: NOBODY,
    right: SHOP,
    rotated: SHOP_TOO,
    wrong: NOBODY,
    expired: NOBODY,
    unruled: NOBODY,
    malformed: NOBODY,
  },
  "cidr:192.0.2.0/24, token:shop, token:ops": {
    absent: NETWORK,
    right: SHOP,
    rotated: SHOP_TOO,
    wrong: NETWORK,
    expired: NETWORK,
    unruled: NETWORK,
    malformed: NETWORK,
  },
  "open token:shop": {
    absent: OPEN,
    right: SHOP,
    rotated: SHOP_TOO,
    wrong: OPEN,
    expired: OPEN,
    unruled: OPEN,
    malformed: OPEN,
  },
};

const IMAGE: Image = createImage([syntheticContent(300)]);
const MANIFEST = IMAGE.manifest.content.digest;
const BLOB = IMAGE.blobs[0]?.digest ?? "";

interface Endpoint {
  readonly method?: string;
  readonly path: string;
  readonly allowed: number;
  readonly refused: number;
  /** Answered to anybody, as long as no secret stands in the path. */
  readonly isPublic?: true;
}

const PULL = { allowed: 200, refused: 403 };
/** Rules of their own: no secret of `ACCESS` opens them. */
const ADMIN = { allowed: 403, refused: 403 };
const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  ping: { path: "/v2/", ...PULL, isPublic: true },
  "ping without a slash": { path: "/v2", ...PULL, isPublic: true },
  "HEAD tag": { method: "HEAD", path: "/v2/team/app/manifests/1", ...PULL },
  "GET tag": { path: "/v2/team/app/manifests/1", ...PULL },
  "GET digest": { path: `/v2/team/app/manifests/${MANIFEST}`, ...PULL },
  "HEAD blob": { method: "HEAD", path: `/v2/team/app/blobs/${BLOB}`, ...PULL },
  "GET blob": { path: `/v2/team/app/blobs/${BLOB}`, ...PULL },
  tags: { path: "/v2/team/app/tags/list", ...PULL },
  referrers: { path: `/v2/team/app/referrers/${MANIFEST}`, ...PULL },
  catalog: { path: "/v2/_catalog", ...PULL },
  push: { method: "PUT", path: "/v2/team/app/manifests/1", allowed: 405, refused: 403 },
  nothing: { path: "/v2/team/app/nothing", allowed: 404, refused: 403 },
  health: { path: "/healthz", ...PULL, isPublic: true },
  setup: { path: "/setup?client=dockerd", ...PULL },
  elsewhere: { path: "/elsewhere", allowed: 404, refused: 403 },
  page: { path: "/", ...ADMIN },
  api: { path: "/api/pulls", ...ADMIN },
  metrics: { path: "/metrics", ...ADMIN },
};

/** Puts a secret in its place; `null` where this endpoint has no such place. */
function present(endpoint: Endpoint, place: Place | null, secret: string): Asked | null {
  const { method = "GET", path } = endpoint;
  switch (place) {
    case null:
      return { method, path };
    case "path":
      return { method, path: `/t/${secret}${path}` };
    case "repository":
      return path.startsWith("/v2/")
        ? { method, path: path.replace("/v2/", `/v2/t/${secret}/`) }
        : null;
    case "host":
      return { method, path, label: secret };
    case "basic":
      return { method, path, headers: { authorization: `Basic ${btoa(`anyone:${secret}`)}` } };
    case "bearer":
      return { method, path, headers: { authorization: `Bearer ${secret}` } };
  }
}

function isInPath(place: Place | null): boolean {
  return place === "path" || place === "repository";
}

let hub: FakeHub;
beforeAll(async () => {
  hub = await startFakeHub();
  hub.push("team/app", "1", IMAGE);
});
afterAll(() => hub.close());

/** What must hold of every answer, whoever asked. */
function findLeaks(answer: Answer, secret: string, path: string): string[] {
  const leaks: string[] = [];
  if (answer.status === 401) leaks.push("a challenge");
  const headers = JSON.stringify(answer.headers);
  // The one text that is made to be pasted by who came with the secret in the address.
  const isOwnText = path.startsWith("/setup") && answer.status === 200;
  if (secret !== "" && headers.includes(secret)) leaks.push("the secret in a header");
  if (secret !== "" && !isOwnText && answer.body.includes(secret))
    leaks.push("the secret in the body");
  if (answer.headers["cache-control"]?.includes("public") === true) leaks.push("a public answer");
  if (!/no-store|private/.test(String(answer.headers["cache-control"])))
    leaks.push(`Cache-Control: ${String(answer.headers["cache-control"])}`);
  return leaks;
}

describe.each(Object.entries(RULES))("ACCESS=%j", (access, states) => {
  let mirror: EdgeMirror;
  beforeAll(async () => {
    const variables = { ACCESS: access, ACCESS_TOKENS: TOKENS, ADMIN_TOKEN: "a".repeat(40) };
    mirror = await startEdgeMirror({ UPSTREAM: hub.url, ...variables });
  });
  afterAll(() => mirror.stop());

  const cases = (Object.keys(states) as State[]).flatMap((state) => {
    const places: readonly (Place | null)[] = state === "absent" ? [null] : PLACES;
    return places.flatMap((place) =>
      ([0, 1] as const).map((where) => ({ state, place, where, by: states[state][where] })),
    );
  });
  test.each(cases)(
    "a secret that is $state, in $place, from address $where: by $by",
    async ({ state, place, where, by }) => {
      const secret = state === "absent" ? "" : SECRETS[state];
      const found: Record<string, string> = {};
      const expected: Record<string, string> = {};
      for (const [name, endpoint] of Object.entries(ENDPOINTS)) {
        const asked = present(endpoint, place, secret);
        if (asked === null) continue;
        await mirror.log();
        const answer = await mirror.ask({ ...asked, address: [INSIDE, OUTSIDE][where]! });
        const records = await mirror.log();
        const [record] = records;
        const rule =
          `${record?.["rule"] ?? ""} ${record?.["token"] ?? ""} ${record?.["secret"] ?? ""}`.trim();
        const isFree = endpoint.isPublic === true && !isInPath(place);
        const status = by === "-" && !isFree ? endpoint.refused : endpoint.allowed;
        const expectedRule = by !== "-" ? by : isFree ? "public" : "";
        const isAdmin = endpoint.allowed === 403;
        found[name] = [
          answer.status,
          isAdmin ? "" : rule,
          ...findLeaks(answer, secret, endpoint.path),
        ].join(" ");
        expected[name] = [status, isAdmin ? "" : expectedRule].join(" ");
        expect(records).toHaveLength(1);
        expect(JSON.stringify(records)).not.toContain(secret === "" ? "?" : secret);
      }
      expect(found).toEqual(expected);
    },
  );

  test("nothing of a client's goes upstream, no secret, no header", () => {
    const told = JSON.stringify(hub.log);
    for (const secret of Object.values(SECRETS)) {
      expect(told).not.toContain(secret);
      expect(told).not.toContain(btoa(`anyone:${secret}`));
    }
  });
});
