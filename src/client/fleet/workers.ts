import type {
  WorkerActionDocument,
  WorkerDocument,
  WorkerListDocument,
  WorkerStackDocument,
} from '../../protocol/workerDocument.ts'
import type { Transport } from '../transport.ts'
import { askFleet, type FleetRequestOptions } from './ask.ts'

/** What a worker may be asked to do, with the members of each command. */
export interface WorkerCommands {
  quiet: Record<string, never>
  resume: Record<string, never>
  'pool-grow': { count?: number }
  'pool-shrink': { count?: number }
  'pool-restart': Record<string, never>
  autoscale: { max: number; min: number }
  'add-consumer': { queue: string }
  'cancel-consumer': { queue: string }
  /** As `'100/m'`; 0: none. */
  'rate-limit': { task: string; rate: string | number }
  /** Seconds; one that is left out is that of the worker again. */
  'time-limit': { task: string; soft?: number; hard?: number }
  'enable-events': Record<string, never>
  'disable-events': Record<string, never>
  heartbeat: Record<string, never>
}

/** The workers of a fleet, ours and Celery's. Viewers read; operators command; admins shut down. */
export interface WorkerClient {
  /** Those that answer. */
  list(options?: FleetRequestOptions): Promise<WorkerListDocument>
  get(name: string, options?: FleetRequestOptions): Promise<WorkerDocument>
  /** ProblemError of the kind `worker-refused`, or `cannot-control` where the worker does not know the command. */
  command<Name extends keyof WorkerCommands>(
    worker: string,
    command: Name,
    members?: WorkerCommands[Name],
    options?: FleetRequestOptions,
  ): Promise<WorkerActionDocument>
  /** It finishes what runs. Resolves when it was asked: it does not answer. */
  shutdown(worker: string, options?: FleetRequestOptions): Promise<void>
  /** What its slots execute now. */
  stack(worker: string, options?: FleetRequestOptions): Promise<{ readonly slots: readonly WorkerStackDocument[] }>
  /** A CPU profile, as a file `.cpuprofile` has it. `seconds`: 1 to 60, default 10. */
  profile(
    worker: string,
    profile?: { seconds?: number; slot?: number },
    options?: FleetRequestOptions,
  ): Promise<Readonly<Record<string, unknown>>>
}

/** The workers behind a transport. */
export function workerClient(transport: Transport): WorkerClient {
  const pathOf = (name: string, more = ''): string => `/workers/${encodeURIComponent(name)}${more}`
  return {
    list: (options) => askFleet(transport, 'GET', '/workers', options),
    get: (name, options) => askFleet(transport, 'GET', pathOf(name), options),
    command: (name, command, members, options) =>
      askFleet(transport, 'POST', pathOf(name, `/${command}`), options, members),
    shutdown: (name, options) => askFleet(transport, 'POST', pathOf(name, '/shutdown'), options),
    stack: (name, options) => askFleet(transport, 'GET', pathOf(name, '/stack'), options),
    profile: (name, profile, options) => askFleet(transport, 'POST', pathOf(name, '/profile'), options, profile),
  }
}
