import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { within } from '../wait.ts'

/** One request that a receiver got, with its body read. */
export interface Got {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly url: string
}

type Answer = (response: ServerResponse, got: Got) => void

/** A server that keeps what it gets, and answers as it is told: by `answer`, 204 unless changed. */
export class Receiver {
  readonly got: Got[] = []
  answer: Answer = (response) => response.writeHead(204).end()
  readonly #server: Server = createServer((request, response) => void this.#take(request, response))
  readonly #waiting: (() => void)[] = []
  port = 0

  static async start(port = 0, host = '127.0.0.1'): Promise<Receiver> {
    const receiver = new Receiver()
    await receiver.listen(port, host)
    return receiver
  }

  async listen(port: number, host = '127.0.0.1'): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, host, resolve))
    this.port = (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`
  }

  /** Resolves with the n-th request, the first being 1. */
  async nth(n: number): Promise<Got> {
    while (this.got.length < n) {
      const more = new Promise<void>((resolve) => this.#waiting.push(resolve))
      await within(() => `request ${n} at the endpoint; there were ${this.got.length}`, more)
    }
    return this.got[n - 1] as Got
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += chunk
    const got = { headers: request.headers as Record<string, string>, body, url: request.url ?? '' }
    this.got.push(got)
    for (const tell of this.#waiting.splice(0)) tell()
    this.answer(response, got)
  }
}

/** A secret as Standard Webhooks writes them. */
export function secretOf(seed: string): string {
  return `whsec_${Buffer.from(seed.padEnd(32, '.')).toString('base64')}`
}
