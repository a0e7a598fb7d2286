import type {
  PurgedQueueDocument,
  QueueDocument,
  QueueListDocument,
  QueueMessagesDocument,
} from '../../protocol/queueDocument.ts'
import type { Transport } from '../transport.ts'
import { askFleet, type FleetRequestOptions } from './ask.ts'

/** The queues of a fleet. Viewers read; operators pause, resume and peek; admins purge. */
export interface QueueClient {
  list(options?: FleetRequestOptions): Promise<QueueListDocument>
  get(name: string, options?: FleetRequestOptions): Promise<QueueDocument>
  /** Begin nothing more of it, on all workers, until `resume`. Both may be repeated. */
  pause(name: string, options?: FleetRequestOptions): Promise<void>
  resume(name: string, options?: FleetRequestOptions): Promise<void>
  /** The messages that are served next; none of them is taken. */
  peek(name: string, options?: PeekOptions): Promise<QueueMessagesDocument>
  /** Drop all messages; `dryRun`: count those that wait. Not repeated by itself. */
  purge(name: string, options?: FleetRequestOptions & { dryRun?: boolean | undefined }): Promise<PurgedQueueDocument>
}

/** Which messages are shown, and what of them. */
export interface PeekOptions extends FleetRequestOptions {
  /** At most so many. Default 20, at most 100. */
  limit?: number | undefined
  /** With headers and arguments: for admins. */
  content?: boolean | undefined
}

/** The queues behind a transport. */
export function queueClient(transport: Transport): QueueClient {
  const pathOf = (name: string, more = ''): string => `/queues/${encodeURIComponent(name)}${more}`
  return {
    list: (options) => askFleet(transport, 'GET', '/queues', options),
    get: (name, options) => askFleet(transport, 'GET', pathOf(name), options),
    pause: (name, options) => askFleet(transport, 'POST', pathOf(name, '/pause'), options),
    resume: (name, options) => askFleet(transport, 'POST', pathOf(name, '/resume'), options),
    peek: (name, options) => askFleet(transport, 'GET', pathOf(name, '/messages'), options),
    purge: (name, options) => askFleet(transport, 'DELETE', pathOf(name, '/messages'), options),
  }
}
