/** What cannot be done, as the client is told: application/problem+json. */
export class Problem extends Error {
  readonly status: number
  readonly title: string
  readonly errors: readonly object[] | undefined

  constructor(status: number, title: string, detail: string, errors?: readonly object[]) {
    super(detail)
    this.status = status
    this.title = title
    this.errors = errors
  }

  respond(headers: Readonly<Record<string, string>> = {}): Response {
    const { status, title, message: detail, errors } = this
    return new Response(JSON.stringify({ type: 'about:blank', status, title, detail, errors }), {
      status,
      headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
    })
  }
}
