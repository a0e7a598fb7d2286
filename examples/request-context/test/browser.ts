import { eventually } from '../../../test/wait.ts'

/** What a browser keeps of a user: the cookies. */
export class Browser {
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  #cookie = ''

  constructor(base: string, headers: Readonly<Record<string, string>> = {}) {
    this.#base = base
    this.#headers = headers
  }

  async get(path: string): Promise<Response> {
    return this.#keep(await fetch(this.#base + path, { headers: this.#all(), redirect: 'manual' }))
  }

  /** Send a form. Redirects are not followed. */
  async post(path: string, form: Readonly<Record<string, string>>): Promise<Response> {
    const body = new URLSearchParams(form)
    return this.#keep(
      await fetch(this.#base + path, { method: 'POST', body, headers: this.#all(), redirect: 'manual' }),
    )
  }

  /** Have a report written: its path. */
  async report(title: string): Promise<string> {
    const response = await this.post('/reports', { title })
    if (response.status !== 303) throw new Error(`expected 303, got ${response.status}: ${await response.text()}`)
    return response.headers.get('location') ?? ''
  }

  /** The outbox, when there is this in it, with the journal's line of the mail. */
  async outbox(...texts: readonly string[]): Promise<string> {
    return await eventually(
      async () => (await this.get('/outbox')).text(),
      (page) => texts.every((text) => page.includes(text)) && /mails\.report<td>SUCCESS/.test(page),
    )
  }

  #all(): Record<string, string> {
    return { ...this.#headers, ...(this.#cookie ? { cookie: this.#cookie } : {}) }
  }

  #keep(response: Response): Response {
    const [cookie] = response.headers.getSetCookie()
    if (cookie !== undefined) this.#cookie = cookie.split(';')[0] ?? ''
    return response
  }
}
