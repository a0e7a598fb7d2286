/** A path as Hono has decoded it, for headers and links; what it keeps encoded stays so. */
export function escapePath(path: string): string {
  return /^[!-~]*$/.test(path) ? path : path.toWellFormed().replace(/[^!-~]+/g, encodeURIComponent)
}

/** A path for logs: a token of a wait, or of an upload, is a secret. */
export function loggedPath(path: string): string {
  return path.replace(/(\/(?:waits|payloads)\/)[^/]+/, '$1[redacted]')
}
