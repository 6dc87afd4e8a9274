import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { formatImageReference } from "../../../worker/oci/reference.ts";
import { readChunks } from "./read.ts";

const CORPUS = fileURLToPath(new URL("../../../../shared/corpus/trace/", import.meta.url));

/** What a person finds in each log, `job` where it was pulled inside the job. Written by reading, before any run. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  "001.log": [
    "runner docker.io/library/docker:20.10.2-dind 8f4e9ddda104",
    "runner registry.gitlab.com/gitlab-org/gitlab-runner/ci:1.13.8-12 0436a4d75851",
    "job registry.gitlab.com/gitlab-org/gitlab-runner/alpine-no-root:latest 034971042d77",
    "job docker.io/library/docker:18-git 5fafa7fc518d",
    "job docker.io/library/docker:18-dind 86df3c357306",
    "job docker.io/library/alpine:3.12.0 185518070891",
  ],
  "002.log": [
    "runner docker.io/library/docker:20.10.2-dind 8f4e9ddda104",
    "runner registry.gitlab.com/gitlab-org/gitlab-runner/ci:1.13.8-12 0436a4d75851",
    "job registry.gitlab.com/gitlab-org/gitlab-runner/alpine-no-root:latest 034971042d77",
    "job docker.io/library/docker:18-git 5fafa7fc518d",
    "job docker.io/library/docker:18-dind 86df3c357306",
    "job docker.io/library/alpine:3.12.0 185518070891",
  ],
  "003.log": ["runner docker.io/library/alpine:3.7"],
  "004.log": ["runner registry.gitlab.com/gitlab-org/gitlab-runner/ci:1.8.7-0"],
  "005.log": ["runner docker.io/openwrtorg/sdk:ath79-generic-master 1bab6aff4b2f"],
  "006.log": [
    "runner docker.io/library/docker:20.10.2-dind 8f4e9ddda104",
    "runner registry.gitlab.com/gitlab-org/gitlab-runner/ci:1.13.8-12 0436a4d75851",
  ],
  "007.log": [
    "runner fmk.nexus-ci.onefiserv.net/org/is/com.fiserv.issuer/fs-container-springboot-x86:3.0.8",
  ],
  "009.log": ["runner docker.io/library/alpine:latest 51b67269f354"],
  "011.log": [
    "runner docker.io/library/docker:20.10.16 5bc07a93c9b2",
    "job docker.io/library/httpd:latest",
  ],
  "012.log": [
    "runner registry.gitlab.com/security-products/api-security:2",
    "runner registry.example.com/my-target-app:latest",
  ],
  // The digest of the second image is wrapped over two lines: a person puts it together.
  "013.log": [
    "runner registry.gitlab.com/security-products/api-security:2",
    "runner registry.example.com/my-target-app:latest 2b69fc7c3627",
  ],
  // A browser extension's link stands in the middle of the first tag: a person sees through it.
  "016.log": [
    "runner docker.io/library/docker:19.03.12",
    "runner docker.io/library/docker:19.03.12-dind",
  ],
  "020.log": ["runner docker.io/library/docker:latest", "runner docker.io/library/docker:dind"],
  "021.log": [],
  "022.log": [],
};

async function found(file: string): Promise<string[]> {
  const trace = readChunks([await readFile(`${CORPUS}${file}`)]);
  return trace.images.map(({ layer, reference, digest }) => {
    const name = formatImageReference({ ...reference, digest: null });
    return digest === null ? `${layer} ${name}` : `${layer} ${name} ${digest.slice(7, 19)}`;
  });
}

describe.skipIf(!existsSync(CORPUS))("real job logs (skipped without ../shared/corpus)", () => {
  it("yield every image a person finds but the two the copying broke, and no other", async () => {
    let right = 0;
    let wanted = 0;
    let told = 0;
    const missed: string[] = [];
    for (const [file, expected] of Object.entries(EXPECTED)) {
      const got = await found(file);
      const hits = expected.filter((image) => got.includes(image));
      right += hits.length;
      wanted += expected.length;
      told += got.length;
      for (const image of expected) if (!hits.includes(image)) missed.push(`${file}: ${image}`);
    }
    console.log(
      `images in real logs: ${wanted}; precision ${right}/${told}, recall ${right}/${wanted}`,
    );
    for (const line of missed) console.log(`missed ${line}`);
    expect(missed).toEqual([
      "013.log: runner registry.example.com/my-target-app:latest 2b69fc7c3627",
      "016.log: runner docker.io/library/docker:19.03.12",
    ]);
    // 013's image is found, without its digest: it counts as wrong above and as found here.
    expect(told).toBe(wanted - 1);
  });

  it("tells Docker Hub's refusal and the dind services", async () => {
    const limited = readChunks([await readFile(`${CORPUS}022.log`)]);
    expect(limited.rateLimits.count).toBe(1);
    const dind = readChunks([await readFile(`${CORPUS}006.log`)]);
    expect(dind.notes.map(({ kind }) => kind)).toEqual(["dind"]);
  });
});
