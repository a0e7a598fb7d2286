/** What a child process is asked to do: to serve until its parent lets go, or to work off what was submitted. It says Ready. */
export interface Order {
  readonly role: 'serve' | 'work'
  /** The Redis server, as in `redis://127.0.0.1:6379/0`. */
  readonly url: string
  /** Where npm has installed what is measured beside ours. */
  readonly folder: string
}

export interface Ready {
  /** Of the HTTP server; a worker has none. */
  readonly port?: number
  /** What is measured, in words. */
  readonly version: string
}

/** The input of every call, where the side takes one. */
export const INPUT = { id: 'r-2026-11', dpi: 150, title: 'Quarterly figures', formats: ['pdf', 'png'] }
