import { connect, type Socket } from 'node:net'

/** An event as it came. */
export interface ServerEvent {
  readonly id: string | undefined
  readonly event: string
  readonly data: string
}

/** One GET of a stream of events over a socket of its own. */
export class EventClient {
  /** Status line and headers, as they came. */
  head = ''
  readonly events: ServerEvent[] = []
  /** Comments and `retry` lines. */
  readonly other: string[] = []
  /** Resolves when the connection is closed: true where the answer was complete. */
  readonly ended: Promise<boolean>
  readonly socket: Socket
  #raw: Buffer = Buffer.alloc(0)
  #text = ''
  #complete = false

  constructor(
    port: number,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    onEvent: (event: ServerEvent) => void = () => undefined,
  ) {
    const lines = Object.entries({ host: 'localhost', accept: 'text/event-stream', ...headers })
    this.socket = connect(port, '127.0.0.1')
    this.socket.write(`GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
    this.socket.on('data', (chunk) => this.#read(chunk, onEvent))
    this.ended = new Promise((resolve) => {
      this.socket.on('error', () => undefined)
      this.socket.on('close', () => resolve(this.#complete))
    })
  }

  get status(): number {
    return Number(this.head.split(' ')[1])
  }

  header(name: string): string | undefined {
    return new RegExp(`^${name}: (.*)$`, 'im').exec(this.head)?.[1]?.trimEnd()
  }

  get lastEventId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id
  }

  close(): void {
    this.socket.destroy()
  }

  #read(chunk: Buffer, onEvent: (event: ServerEvent) => void): void {
    this.#raw = this.#raw.length === 0 ? chunk : Buffer.concat([this.#raw, chunk])
    if (this.head === '') {
      const end = this.#raw.indexOf('\r\n\r\n')
      if (end === -1) return
      this.head = this.#raw.subarray(0, end).toString()
      this.#raw = this.#raw.subarray(end + 4)
      if (!/^transfer-encoding: chunked/im.test(this.head)) {
        this.#complete = true
        this.socket.end()
      }
    }
    for (;;) {
      const line = this.#raw.indexOf('\r\n')
      if (line === -1) return
      const size = Number.parseInt(this.#raw.subarray(0, line).toString(), 16)
      if (this.#raw.length < line + size + 4) return
      this.#parse(this.#raw.subarray(line + 2, line + 2 + size).toString(), onEvent)
      this.#raw = Buffer.from(this.#raw.subarray(line + size + 4))
      if (size === 0) {
        this.#complete = true
        this.socket.end()
        return
      }
    }
  }

  #parse(text: string, onEvent: (event: ServerEvent) => void): void {
    this.#text += text
    for (let end = this.#text.indexOf('\n\n'); end !== -1; end = this.#text.indexOf('\n\n')) {
      const block = this.#text.slice(0, end)
      this.#text = this.#text.slice(end + 2)
      const fields = new Map(
        block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      )
      if (!fields.has('data')) {
        this.other.push(block)
        continue
      }
      const event = { id: fields.get('id'), event: fields.get('event') ?? 'message', data: fields.get('data') ?? '' }
      this.events.push(event)
      onEvent(event)
    }
  }
}
