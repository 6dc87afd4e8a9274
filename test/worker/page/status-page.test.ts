import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Activity } from "../../../worker/page/status.ts";
import {
  ago,
  formatBytes,
  formatCount,
  formatShare,
  formatSpan,
  formatTime,
  shorten,
} from "../../../worker/page/format.ts";
import { html, trusted } from "../../../worker/page/html.ts";
import { renderStatusPage } from "../../../worker/page/status-page.ts";
import { SETUPS } from "../../../worker/page/setup-texts.ts";
import { STYLE } from "../../../worker/page/style.ts";
import {
  HOSTILE,
  NOW,
  hostileActivity,
  littleActivity,
  muchActivity,
  noActivity,
  pull,
  upstream,
  view,
} from "./views.ts";

/** The page's text as a reader has it, spaces run together. */
function words(activity: Activity | "none" | "unreadable", stored: string[] = []): string {
  return renderStatusPage(view(activity, stored))
    .replace(STYLE, "")
    .replaceAll("<small>", " ")
    .replaceAll(/<[^>]+>/g, "")
    .replaceAll("&#39;", "'")
    .replaceAll(/\s+/g, " ");
}

/** The same of a page whose Docker Hub is another. */
function headOf(name: string | null): string {
  return renderStatusPage({ ...view(noActivity()), upstream: name })
    .replaceAll(/<[^>]+>/g, "")
    .replaceAll(/\s+/g, " ");
}

describe("html", () => {
  test("escapes what is put in and keeps what is written", () => {
    const text = `<a b="c" d='e'>&`;
    expect(html`<p title="${text}">${text}</p>`.toString()).toBe(
      '<p title="&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;">&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;</p>',
    );
  });

  test("takes templates, lists, numbers and nothing", () => {
    const rows = ["<", ">"].map((text) => html`<i>${text}</i>`);
    expect(html`${rows}${null}${[1, [html`<b></b>`]]}${trusted("<u>")}`.toString()).toBe(
      "<i>&lt;</i><i>&gt;</i>1<b></b><u>",
    );
  });

  test("never lets text end an element or an attribute", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(html`${text}`.toString()).not.toMatch(/[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/);
      }),
    );
  });

  test("shows what would turn or break the text as a hole", () => {
    expect(html`${"\u0000a\r\u001B\u202Eb\u2066c\u2069\n"}`.toString()).toBe(
      "\uFFFDa\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\n",
    );
  });

  test("does not take an object for markup because it looks like it", () => {
    const posing = JSON.parse('{"markup":"<script>","isEscaped":true}') as string;
    expect(() => html`${posing}`.toString()).toThrow();
  });
});

describe("figures", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [3_626_897, "3.6 MB"],
    [999_499, "999 kB"],
    [999_999, "1.0 MB"],
    [99_940_000, "99.9 MB"],
    [99_960_000, "100 MB"],
    [Number.MAX_SAFE_INTEGER, "9.0 PB"],
  ])("%i bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test.each([
    [0, 0, null],
    [0, 3, "0 %"],
    [1, 3, "33.3 %"],
    [2, 3, "66.7 %"],
    [1, 2, "50 %"],
    [1, 10_000, "0 %"],
    [9999, 10_000, "99.9 %"],
    [99_999, 100_000, "99.9 %"],
    [3, 3, "100 %"],
    [10_001, 10_000, "100 %"],
    [3, 2, "150 %"],
    [Number.MAX_SAFE_INTEGER, 1, "over 1000 %"],
  ])("%i of %i is %s", (part, whole, text) => {
    expect(formatShare(part, whole)).toBe(text);
  });

  test.each([
    [0, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 minute"],
    [21_600_000, "6 hours"],
    [172_800_000, "2 days"],
  ])("%i ms are %s", (ms, text) => {
    expect(formatSpan(ms)).toBe(text);
  });

  test("counts have their thousands apart, and never fill the screen", () => {
    expect([0, 1234, 1e9].map(formatCount)).toEqual(["0", "1,234", "1B"]);
  });

  test("times beyond the calendar break nothing", () => {
    expect(formatTime(NOW)).toBe("2026-11-23 09:30 UTC");
    expect(formatTime(Number.MAX_SAFE_INTEGER)).toBe("no date");
    expect(ago(Number.MAX_SAFE_INTEGER, NOW).toString()).toBe("at no date");
    expect(ago(NOW + 5000, NOW).toString()).toContain("just now");
  });

  test("long text is cut between whole characters", () => {
    expect(shorten("abc", 3)).toBe("abc");
    expect(shorten("abcd", 3)).toBe("ab…");
    expect(shorten("\uD83D\uDE00".repeat(9), 3)).toBe("\uD83D\uDE00\uD83D\uDE00…");
  });
});

describe("the page", () => {
  test("tells the figures of a busy week as they are", () => {
    const activity = muchActivity();
    const { totals } = activity.week;
    const text = words(activity);
    // Docker Hub's limit has nothing to do with what came through other registries.
    expect(text).toContain(
      "Pulls kept off Docker Hub's limit, last 7 days 1,180,246 of 1,234,567 pulls of its images; last 24 hours: 172,346 of 180,000",
    );
    expect(text).toContain(
      `Hit rate, last 7 days ${formatShare(totals.pulls - totals.misses, totals.pulls)}`,
    );
    expect(text).toContain("0 of 200 pulls per 6 hours, seen 1 minute ago");
    expect(text).toContain(
      "– of 100 pulls per 6 hours: renewed since it was last told, 9 hours ago",
    );
    expect(text).toContain("96.2 % of 1.0 TB");
  });

  test("says in words which registries fail, since when, and what that means", () => {
    const text = words(muchActivity());
    expect(text).toContain(
      "Docker Hub refuses pulls: its limit is used up. First seen 34 minutes ago, last seen 2 minutes ago. It last answered 35 minutes ago.",
    );
    expect(text).toContain(
      "ghcr.io cannot be reached. First seen 3 hours ago, last seen 60 minutes ago. It has not answered yet.",
    );
    expect(text).toContain("What is not stored cannot be pulled until this is over.");
    expect(text).not.toContain("All is well");
    const { day, ...rest } = noActivity();
    const failing = (kind: string): string => {
      const failure = { kind, sinceMs: NOW, lastMs: NOW };
      return words({ ...rest, day: { ...day, upstreams: [upstream({ failure })] } });
    };
    expect(failing("unreachable")).toContain("Docker Hub cannot be reached.");
    expect(failing("credentials-refused")).toContain(
      "Docker Hub refuses this mirror's credentials.",
    );
    expect(failing("of another age")).toContain("does not answer as a registry should.");
  });

  test("says whom it concerns where one other registry alone fails", () => {
    const { day, ...rest } = noActivity();
    const failure = { kind: "unreachable", sinceMs: NOW, lastMs: NOW };
    const failing = (...names: string[]): string => {
      const upstreams = names.map((name) => upstream({ upstream: name, failure }));
      return words({ ...rest, day: { ...day, upstreams } });
    };
    expect(failing("ghcr.io")).toContain(
      "This concerns ghcr.io alone: its stored images are still served;",
    );
    for (const several of [["docker.io"], ["docker.io", "ghcr.io"], ["ghcr.io", "quay.io"]])
      expect(failing(...several)).not.toContain("This concerns");
  });

  test("says what a pull is, which a hit without the registry has to do with", () => {
    expect(words(littleActivity())).toContain(
      "A pull is a manifest that was sent. Docker asks for the tag by HEAD, then fetches by digest:",
    );
  });

  test("says that all is well when it is", () => {
    expect(words(littleActivity())).toContain("All is well. Docker Hub answers.");
  });

  test("says of what time its most pulled images are", () => {
    expect(words(littleActivity())).toContain("Most pulled images since the beginning");
  });

  test("has the chart's figures in a table, row by row", () => {
    const { day, week } = muchActivity();
    const rows = renderStatusPage(view(muchActivity())).match(/<th scope="row">20\d\d-/g) ?? [];
    expect(rows).toHaveLength(day.buckets.length + week.buckets.length);
  });

  test("draws a week of hours as well as one of days", () => {
    const activity = littleActivity();
    const week = { ...activity.week, step: "hour" as const };
    const page = renderStatusPage(view({ ...activity, week }));
    expect(page).toContain('viewBox="0 0 168 100"');
  });

  test("names a pull by tag or by digest, and another upstream's by that too", () => {
    const latestPulls = [
      pull(1, { tag: null, knownTag: null }),
      pull(2, { upstream: "ghcr.io" }),
      pull(3, { tag: null, upstream: "quay.io" }),
    ];
    const text = words({ ...littleActivity(), latestPulls });
    expect(text).toContain("library/alpine@sha256:4f4f4f4f4f4f ");
    // As dockerd pulls: the tag was asked for by HEAD.
    expect(text).toContain("quay.io/library/alpine:3.20@sha256:4f4f4f4f4f4f ");
    expect(text).toContain("ghcr.io/library/alpine:3.20");
  });

  test("names Docker shortly, with the whole of its name at hand, and others as they are", () => {
    const agents = [
      "docker/20.10.24 go/go1.19 os/linux arch/amd64",
      "containerd/v2.1.0",
      "skopeo/1",
    ];
    const latestPulls = agents.map((userAgent, n) =>
      pull(n, { client: { address: "", userAgent } }),
    );
    const page = renderStatusPage(view({ ...littleActivity(), latestPulls }));
    expect(page).toContain(`<bdi title="${agents[0]}">docker/20.10.24</bdi>`);
    expect(page).toContain("<bdi>containerd/v2.1.0</bdi>");
    expect(page).toContain("<bdi>skopeo/1</bdi>");
  });

  test("has under a week's chart a label for each of its days", () => {
    const labels = [
      ...renderStatusPage(view(littleActivity())).matchAll(/<div class="span[^>]*>(.*?)<\/div>/gs),
    ].map(([, spans]) =>
      [...(spans ?? "").matchAll(/<span>(.*?)<\/span>/g)].map(([, label]) => label),
    );
    expect(labels).toEqual([
      ["09:30", "15:30", "21:30", "03:30", "now"],
      ["Mon 16", "Tue 17", "Wed 18", "Thu 19", "Fri 20", "Sat 21", "Sun 22", "Mon 23"],
    ]);
  });

  test("says since when the log is complete, and what is lost of it", () => {
    expect(words(littleActivity())).toContain("The log is complete since 2026-11-20 09:30 UTC.");
    expect(words(muchActivity())).toContain(
      "The log is complete since 2026-11-20 09:30 UTC: 1,234 records could not be written before that.",
    );
  });

  test("says that nobody may pull where no rule lets anybody in, and how to change it", () => {
    const page = renderStatusPage({ ...view(noActivity()), isClosed: true });
    expect(page).toContain("Nobody may pull yet.");
    expect(page).toContain("<code>ACCESS</code>");
    expect(page).not.toContain("Ready.");
    expect(words(noActivity())).toContain("Ready. Docker Hub has not been asked yet.");
    expect(words(noActivity())).not.toContain("Nobody may pull");
  });

  test("without a log says so, and shows what is stored", () => {
    expect(words("none")).toContain("No pull log yet.");
    expect(words("none")).toContain("Nothing is stored yet.");
    expect(words("none", ["library/alpine"])).toContain("Stored images library/alpine");
    expect(words("unreadable")).toContain("The pull log cannot be read just now.");
  });

  test("shows a client what to paste, whatever is known", () => {
    for (const activity of ["none", "unreadable", noActivity()] as const)
      expect(words(activity)).toContain("Goes into /etc/docker/daemon.json, then reload dockerd.");
  });

  test("names whom it asks in Docker Hub's place, where that is another", () => {
    expect(headOf("hub.example.com:5000")).toContain(
      "A mirror of Docker Hub (UPSTREAM is hub.example.com:5000) at mirror.example.com",
    );
    expect(headOf(null)).toContain("A mirror of Docker Hub at mirror.example.com");
  });

  test("has a place for the secret in every text where nobody comes without one", () => {
    const page = renderStatusPage({ ...view(noActivity()), needsSecret: true });
    const texts = [...page.matchAll(/<pre[^>]*><code>(.*?)<\/code>/gs)].map(
      ([, text]) => text ?? "",
    );
    expect(texts).toHaveLength(SETUPS.length);
    for (const text of texts) expect(text).toContain("mirror.example.com/t/SECRET");
    expect(page).toContain("then reload dockerd (dockerd 25 or later).");
    expect(page).toContain("https://mirror.example.com/t/SECRET/setup");
    // They would lead to texts without one.
    expect(page).not.toContain('href="setup');
  });

  test("of hostile names stays small and holds none of them as markup", () => {
    const page = renderStatusPage(view(hostileActivity(), HOSTILE));
    expect(page).not.toMatch(/<script|<img|<h1>gone|<b>body|\sonerror="|\sonfocus='/);
    expect(page).not.toContain("\u0000");
    expect(page.length).toBeLessThan(100_000);
  });
});
