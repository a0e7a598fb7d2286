/** What a child process is asked to do: to serve, or to work off what was submitted, until its parent disconnects. It answers Ready. */
export interface Order {
  readonly role: 'serve' | 'work'
  /** The Redis server, as in `redis://127.0.0.1:6379/0`. */
  readonly url: string
  /** The folder of the celeriac that is measured. */
  readonly root: string
  /** Where npm has installed the peer; '' for none. */
  readonly folder: string
}

export interface Ready {
  /** Of the HTTP server; a worker has none. */
  readonly port?: number
}

/** The input of every call, where the side takes one. */
export const INPUT = { id: 'r-2026-11', dpi: 150, title: 'Quarterly figures', formats: ['pdf', 'png'] }
