/**
 * Whether a host that the upstream named may be given the operator's credentials: the upstream's own host name, or
 * one under the same registrable domain (`auth.docker.io` for `registry-1.docker.io`). The port does not matter.
 *
 * Private suffixes count: two tenants of one cloud share no registrable domain.
 *
 * @see distribution `f215e513d`: credentials must not follow a realm out of the upstream's trust boundary
 */
export declare function isTrustedRealm(realm: URL, upstream: URL): boolean;
/**
 * Whether a redirect may be followed, without credentials: any public host by https. A private or loopback address is
 * only followed where the upstream itself is at one, as in a test or a company's own network.
 */
export declare function isAllowedRedirect(target: URL, upstream: URL): boolean;
