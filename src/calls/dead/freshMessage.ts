import type { Death } from '../../backend/dead/deadLetters.ts'
import { DEATHS_HEADER, FIRST_SEEN_HEADER } from '../../protocol/callHeaders.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { withoutLosses } from '../../protocol/lostRuns.ts'

/** The message as if it had not been tried before. `deaths`: those that its next dead letter has. */
export function freshMessage({ headers, properties, body }: Envelope, deaths: readonly Death[]): Envelope {
  const { [FIRST_SEEN_HEADER]: _, 'x-death-reason': __, 'x-death-queue': ___, ...own } = withoutLosses(headers)
  // Protocol 1 has all in its body.
  const fresh = headers.task === undefined ? {} : { retries: 0, eta: null }
  const before = deaths.length === 0 ? {} : { [DEATHS_HEADER]: JSON.stringify(deaths) }
  return { headers: { ...own, ...fresh, ...before }, properties, body }
}
