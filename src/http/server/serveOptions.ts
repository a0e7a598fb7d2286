import type { Duration } from '../../std/duration.ts'
import type { Logger } from '../../std/log.ts'
import type { OptionTable } from '../../std/optionTable.ts'

/** Where and how a server listens. */
export interface ServeOptions {
  // <SERVE_OPTIONS> written by `npm run docs:api` from the table below
  /** Address to listen on; a loopback address is for this machine alone. Default `'127.0.0.1'`. */
  host?: string | undefined
  /** Port to listen on; 0: any free one. Default `5000`. */
  port?: number | undefined
  /**
   * Names by which clients may call it, as `app.example.com`: needed behind a proxy on the same machine that passes
   * `Host` on. Others are refused with 421. Default: at a loopback address the names of this machine, elsewhere any.
   */
  hosts?: readonly string[] | undefined
  /** How long a client may take for one request, its body included, else **408**. Default `'60s'`. */
  requestTimeout?: Duration | undefined
  /** Logger that gets one line for each request, when it has ended. Default: none. */
  accessLog?: Logger | undefined
  // </SERVE_OPTIONS>
}

/** Parsed: times in ms. */
export interface ParsedServeOptions extends Pick<ServeOptions, 'hosts' | 'accessLog'> {
  readonly host: string
  readonly port: number
  readonly requestTimeout: number
}

export const SERVE_OPTIONS: OptionTable<ServeOptions, ParsedServeOptions> = {
  host: {
    kind: 'value',
    type: 'string',
    default: '127.0.0.1',
    doc: 'address to listen on; a loopback address is for this machine alone',
  },
  port: {
    kind: 'value',
    type: 'number',
    default: 5000,
    doc: 'port to listen on; 0: any free one',
  },
  hosts: {
    kind: 'value',
    type: 'readonly string[]',
    absent: 'at a loopback address the names of this machine, elsewhere any',
    doc: 'names by which clients may call it, as `app.example.com`: needed behind a proxy on the same machine that passes `Host` on',
    more: '[Others are refused](http.md#pages-of-other-origins) with 421.',
  },
  requestTimeout: {
    kind: 'duration',
    default: '60s',
    doc: 'how long a client may take for one request, its body included, else **408**',
  },
  accessLog: {
    kind: 'value',
    type: 'Logger',
    absent: 'none',
    doc: 'logger that gets one line for each request, when it has ended',
  },
}
