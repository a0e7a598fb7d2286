import { calledTask, type Envelope, type Properties } from './envelope.ts'

/*
 * A message as a store keeps it that has the task id beside it, in two columns: the head, which is JSON of
 * `[headers, properties]`, and the body. Of a task call that has every usual header, the head leaves out what is usual
 * and the task id, and has a third item, the form. In form 2 the body is JSON and ends before the third part, which
 * says that nothing follows from the task.
 */

/** A message in its columns. */
export interface PackedMessage {
  readonly head: string
  readonly body: string | Uint8Array
}

/** Headers of every task call of ours, in Celery's order, with the usual values; three depend on the message. */
const USUAL_HEADERS = {
  lang: 'py',
  task: undefined,
  id: undefined,
  shadow: null,
  eta: null,
  expires: null,
  group: null,
  group_index: null,
  retries: 0,
  timelimit: [null, null],
  root_id: undefined,
  parent_id: null,
  argsrepr: '()',
  kwargsrepr: '{}',
  origin: null,
  ignore_result: false,
  replaced_task_nesting: 0,
  stamped_headers: null,
  stamps: {},
} as const
const USUAL_PROPERTIES = { contentType: 'application/json', contentEncoding: 'utf-8', deliveryMode: 2 } as const
/** End of the body of a task call that nothing follows from. */
const USUAL_END = ',{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]'

const USUAL: ReadonlyMap<string, unknown> = new Map(Object.entries(USUAL_HEADERS))

type Fields = Record<string, unknown>

export function packMessage(envelope: Envelope): PackedMessage {
  const { headers, properties, body } = envelope
  const id = calledTask(envelope)
  const own = id === undefined ? undefined : unusual(headers, id)
  if (own === undefined) return { head: JSON.stringify([headers, properties]), body }
  const { correlationId: _, contentType, contentEncoding, deliveryMode, ...rest } = properties
  const kept: Fields = rest
  if (contentType !== USUAL_PROPERTIES.contentType) kept.contentType = contentType
  if (contentEncoding !== USUAL_PROPERTIES.contentEncoding) kept.contentEncoding = contentEncoding
  if (deliveryMode !== USUAL_PROPERTIES.deliveryMode) kept.deliveryMode = deliveryMode ?? null
  if (typeof body === 'string' && body.endsWith(USUAL_END))
    return { head: JSON.stringify([own, kept, 2]), body: body.slice(0, -USUAL_END.length) }
  return { head: JSON.stringify([own, kept, 1]), body }
}

/** How many bytes a message takes in its columns. */
export function packedBytes(envelope: Envelope): number {
  const { head, body } = packMessage(envelope)
  return Buffer.byteLength(head) + (typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength)
}

/** The same for people: of a damaged row what can be read. */
export function readAnyMessage(packed: PackedMessage, id: string | null): Envelope {
  try {
    return readMessage(packed, id)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const properties = { contentType: 'text/plain', contentEncoding: 'utf-8' }
    return { headers: id === null ? {} : { id }, properties, body: packed.body }
  }
}

/** `id`: the task id; null for a message that calls no task. Throws SyntaxError for a head that is no JSON. */
export function readMessage({ head, body }: PackedMessage, id: string | null): Envelope {
  const [headers, properties, form] = JSON.parse(head) as [Fields, Properties, (1 | 2)?]
  if (form === undefined) return { headers, properties, body }
  const { deliveryMode = USUAL_PROPERTIES.deliveryMode, ...rest } = properties
  return {
    headers: { ...USUAL_HEADERS, id, root_id: id, timelimit: [null, null], stamps: {}, ...headers },
    properties: {
      ...USUAL_PROPERTIES,
      ...rest,
      correlationId: id ?? undefined,
      deliveryMode: deliveryMode ?? undefined,
    },
    body: form === 2 ? body + USUAL_END : body,
  }
}

/** The headers that differ from the usual ones; undefined where one of these is missing. */
function unusual(headers: Envelope['headers'], id: string): Fields | undefined {
  const own: Fields = {}
  let usual = 0
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    // JSON leaves out the one, and an assignment does not make the other.
    if (value === undefined || name === '__proto__') return undefined
    if (USUAL.has(name)) {
      usual++
      if (isUsual(name, value, id)) continue
    }
    own[name] = value
  }
  return usual === USUAL.size ? own : undefined
}

function isUsual(name: string, value: unknown, id: string): boolean {
  switch (name) {
    case 'id':
    case 'root_id':
      return value === id
    case 'timelimit':
      return Array.isArray(value) && value.length === 2 && value[0] === null && value[1] === null
    case 'stamps':
      return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
    default:
      return value === USUAL.get(name)
  }
}
