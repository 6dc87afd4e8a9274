import { type MatrixCase, text } from "./matrix-case.ts";

const OURS = '"https://mirror.example.dev"';

const CASES: readonly MatrixCase[] = [
  {
    id: "E36 as first key, in the file's indent",
    before: text`
      {
          "live-restore": true,
          "insecure-registries": ["reg.lan:5000"]
      }
    `,
    after: text`
      {
          "registry-mirrors": [${OURS}],
          "live-restore": true,
          "insecure-registries": ["reg.lan:5000"]
      }
    `,
  },
  {
    id: "E37 before another mirror",
    before: text`
      {
        "registry-mirrors": [
          "https://mirror.gcr.io"
        ],
        "debug": true
      }
    `,
    after: text`
      {
        "registry-mirrors": [
          ${OURS},
          "https://mirror.gcr.io"
        ],
        "debug": true
      }
    `,
  },
  {
    id: "E37 in place of the others",
    options: { conflict: "replace" },
    before: '{ "registry-mirrors": ["https://a.example", "https://b.example"] }\n',
    after: `{ "registry-mirrors": [${OURS}] }\n`,
  },
  {
    id: "E37 not at all",
    options: { conflict: "leave" },
    before: '{ "registry-mirrors": ["https://a.example"] }\n',
    left: ["other-mirror"],
  },
  {
    id: "E38 one line",
    before: '{"debug":false}',
    after: `{"registry-mirrors": [${OURS}], "debug":false}`,
  },
  { id: "E38 an empty object", before: "{}\n", after: `{"registry-mirrors": [${OURS}]}\n` },
  {
    id: "E38 an open empty object",
    before: "{\n}\n",
    after: `{\n  "registry-mirrors": [${OURS}]\n}\n`,
  },
  {
    id: "E39 the singular key",
    before: '{\n  "registry-mirror": ["https://mirror.gcr.io"]\n}\n',
    after: `{\n  "registry-mirrors": [${OURS}, "https://mirror.gcr.io"]\n}\n`,
    purpose: "repair",
  },
  {
    id: "E39 the singular key with a text",
    before: '{ "registry-mirror": "https://mirror.gcr.io" }\n',
    after: `{ "registry-mirrors": [${OURS}, "https://mirror.gcr.io"] }\n`,
    purpose: "repair",
  },
  {
    id: "E40 comments",
    before: '{\n  // no mirror yet\n  "debug": true\n}\n',
    left: ["comment"],
  },
  { id: "a comma too many", before: '{\n  "debug": true,\n}\n', left: ["trailing-comma"] },
  { id: "not Docker's", before: '{\n  "port": 80\n}\n', left: [] },
  {
    id: "a template",
    path: "roles/docker/templates/daemon.json.j2",
    before: '{ "debug": {{ debug }} }\n',
    left: ["template"],
  },
  {
    id: "ours already, with a slash",
    before: '{ "registry-mirrors": ["https://mirror.example.dev/"] }\n',
    left: ["already-mirrored"],
  },
  {
    id: "by its other name, CRLF, tabs, a mark, no newline",
    path: "ops/docker-daemon.json",
    before: '\uFEFF{\r\n\t"debug" : true\r\n}',
    after: `\uFEFF{\r\n\t"registry-mirrors": [${OURS}],\r\n\t"debug" : true\r\n}`,
  },
];

/** Rows E36 to E40: daemon.json. */
export const DAEMON_CASES: readonly MatrixCase[] = CASES.map((row) => ({
  path: "daemon.json",
  ...row,
}));
