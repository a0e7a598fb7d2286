/** One event of a stream, as written (WHATWG HTML §9.2.6). */
export interface Frame {
  readonly event: string
  readonly data: string
  /** The last id that was named, here or before. */
  readonly id: string
}

/** Reads an event stream piece by piece. */
export class FrameReader {
  /** ms between attempts that the server asked for. */
  retry: number | undefined
  #id: string
  #rest = ''
  #event = ''
  #data: string[] = []

  constructor(lastEventId: string) {
    this.#id = lastEventId
  }

  /** The events that this piece of text completes. */
  read(text: string): Frame[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    return lines.flatMap((line) => this.#line(line) ?? [])
  }

  #line(line: string): Frame | undefined {
    if (line === '') return this.#end()
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') this.#event = value
    else if (name === 'data') this.#data.push(value)
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    else if (name === 'retry' && /^\d+$/.test(value)) this.retry = Number(value)
    return undefined
  }

  #end(): Frame | undefined {
    const [event, data] = [this.#event || 'message', this.#data]
    this.#event = ''
    this.#data = []
    return data.length === 0 ? undefined : { event, data: data.join('\n'), id: this.#id }
  }
}
