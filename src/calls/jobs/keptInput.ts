import { CONTENT_TYPES, deserialize } from '../../protocol/serializer.ts'
import type { Given } from '../../tasks/bind.ts'

/** The arguments in the body of a message of ours, as a store keeps it with the record (`SubmissionMetadata`). */
export function keptArguments(body: string | Uint8Array): Given {
  const [type, encoding] = typeof body === 'string' ? [CONTENT_TYPES.json, 'utf-8'] : [CONTENT_TYPES.msgpack, 'binary']
  const [args, kwargs] = deserialize(body, type, encoding, new Set([type])) as [unknown[], Record<string, unknown>]
  return { args, kwargs }
}
