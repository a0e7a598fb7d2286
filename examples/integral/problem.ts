/** What a request met, before it becomes problem+json (RFC 9457) in the form that the rest of the API has. */
export interface ServiceProblem {
  readonly status: 400 | 404 | 405 | 409 | 413 | 422
  /** Last word of the type, for programs. */
  readonly kind: string
  readonly title: string
  /** What happened this time, for people. */
  readonly detail: string
  readonly headers?: Readonly<Record<string, string>>
  /** One for each thing that is wrong with the body: where (a JSON Pointer as a URI fragment) and why. */
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
}

/** The answer to a request for `path` that met a problem. */
export function respondProblem({ status, kind, headers, ...members }: ServiceProblem, path: string): Response {
  const body = { type: `urn:celeriac:problem:${kind}`, status, ...members, instance: path }
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}
