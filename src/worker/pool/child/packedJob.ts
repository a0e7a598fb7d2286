import type { Properties } from '../../../protocol/envelope.ts'
import type { Job } from '../../../protocol/job.ts'
import { type Embed, NOTHING_EMBEDDED, type TaskMessage } from '../../../protocol/message.ts'

/*
 * A job as it crosses into a thread. A structured clone takes time for each property, and most tasks never read the
 * rest of their message beside its arguments: the rest crosses as one text, and is parsed at the first use.
 */

/** The part of the message that the job does not have already, in JSON: headers and properties are plain data. */
interface Told {
  readonly message: Omit<TaskMessage, 'args' | 'kwargs' | 'embed' | 'headers'>
  readonly properties?: Properties | undefined
}

export interface PackedJob extends Omit<Job, 'message' | 'properties' | 'eager'> {
  /** A `Told`; absent where there was no message. */
  readonly told: string | undefined
  /** Absent where it is empty. It may have values that JSON cannot represent. */
  readonly embed: Embed | undefined
}

export function packJob(job: Job): PackedJob {
  const { message, properties } = job
  return {
    id: job.id,
    task: job.task,
    args: job.args,
    kwargs: job.kwargs,
    retries: job.retries,
    lost: job.lost,
    queue: job.queue,
    redelivered: job.redelivered,
    headers: job.headers,
    parentId: job.parentId,
    rootId: job.rootId,
    hostname: job.hostname,
    route: job.route,
    told: message && toldText(message, properties),
    embed: message?.embed === NOTHING_EMBEDDED ? undefined : message?.embed,
  }
}

function toldText(
  { args: _, kwargs: __, embed: ___, headers: ____, ...message }: TaskMessage,
  properties?: Properties,
): string {
  return JSON.stringify({ message, properties } satisfies Told)
}

/** The job as it was. */
export class UnpackedJob implements Job {
  readonly id: string
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly retries: number
  readonly lost: number
  readonly queue: string
  readonly redelivered: boolean
  readonly headers: Readonly<Record<string, unknown>>
  readonly parentId: string | undefined
  readonly rootId: string
  readonly hostname: string
  readonly route: Job['route']
  readonly #told: string | undefined
  readonly #embed: Embed | undefined
  #read: Told | undefined

  constructor(packed: PackedJob) {
    this.id = packed.id
    this.task = packed.task
    this.args = packed.args
    this.kwargs = packed.kwargs
    this.retries = packed.retries
    this.lost = packed.lost
    this.queue = packed.queue
    this.redelivered = packed.redelivered
    this.headers = packed.headers
    this.parentId = packed.parentId
    this.rootId = packed.rootId
    this.hostname = packed.hostname
    this.route = packed.route
    this.#told = packed.told
    this.#embed = packed.embed
  }

  get message(): TaskMessage | undefined {
    const { args, kwargs, headers } = this
    const told = this.#open()
    return told && { ...told.message, args, kwargs, headers, embed: this.#embed ?? NOTHING_EMBEDDED }
  }

  get properties(): Properties | undefined {
    return this.#open()?.properties
  }

  #open(): Told | undefined {
    if (this.#told !== undefined) this.#read ??= JSON.parse(this.#told) as Told
    return this.#read
  }
}
