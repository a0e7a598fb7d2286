import type { PauseTarget } from '../../../client/client.ts'
import type { LimitDocument } from '../../../protocol/limitDocument.ts'
import { visible } from '../../parts/text/outside.tsx'

type Named = Pick<LimitDocument, 'kind' | 'name' | 'key'>

/** What a pause is asked for. */
export function targetOf({ kind, name, key }: Named): PauseTarget {
  if (kind === 'queue') return { queue: name }
  if (kind === 'limit') return { limit: name }
  return key === '' ? { task: name } : { task: name, key }
}

/** In a message: `Task mail.send, key acme`. */
export function nameOf({ kind, name, key }: Named): string {
  const noun = kind.charAt(0).toUpperCase() + kind.slice(1)
  return `${noun} ${visible(name)}${key === '' ? '' : `, key ${visible(key)}`}`
}
