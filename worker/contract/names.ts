import * as z from "zod";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { type RepositoryName, parseRepository } from "../oci/repository.ts";
import { type Tag, parseTag } from "../oci/tag.ts";

// The registry's own words, checked by their parsers: what passes here is branded on both ends.

export const DigestText = z.custom<Digest>(
  (value) => typeof value === "string" && parseDigest(value) !== null,
  "not a digest",
);

export const RepositoryText = z.custom<RepositoryName>(
  (value) => typeof value === "string" && parseRepository(value) !== null,
  "not a repository's name",
);

export const TagText = z.custom<Tag>(
  (value) => typeof value === "string" && parseTag(value) !== null,
  "not a tag",
);

/** Milliseconds since 1970, UTC, by the mirror's clock. */
export const TimeMs = z.int().nonnegative();

/** A number of things or bytes. */
export const Count = z.int().nonnegative();

/**
 * The registry a repository is pulled from, by host name: `docker.io` for Docker Hub.
 *
 * A name alone proves nothing: `library/alpine` of another upstream is another image.
 */
export const UpstreamHost = z.string().min(1).max(255);
