/** A path as Hono has decoded it, for headers and links; what it keeps encoded stays so. */
export function escapePath(path: string): string {
  return /^[!-~]*$/.test(path) ? path : path.toWellFormed().replace(/[^!-~]+/g, encodeURIComponent)
}
