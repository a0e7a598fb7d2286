import type { Clock } from '../std/clock.ts'
import { Fatal } from '../std/errors.ts'
import { uuid } from '../std/id.ts'
import { redactUrl } from '../std/url.ts'
import type { Resolve } from '../webhook/addressGuard.ts'
import { deliver, Refusal } from '../webhook/deliver.ts'
import { testEvent } from './message.ts'
import type { ParsedAlertOptions } from './options.ts'

/** How a receiver answered a test message. */
export interface TestAnswer {
  /** For people: without passwords and parameters. */
  readonly receiver: string
  /** Of HTTP; undefined where there was no answer. */
  readonly status?: number | undefined
  /** Why it was not accepted. */
  readonly problem?: string | undefined
}

/** Send one message to each receiver, signed as an alert is, and not sent again. */
export function sendTest(
  { to, webhooks: config }: Pick<ParsedAlertOptions, 'to' | 'webhooks'>,
  clock: Clock,
  resolve?: Resolve,
): Promise<readonly TestAnswer[]> {
  return Promise.all(
    to.map(async (url) => {
      const now = clock.now()
      const id = uuid(now, clock)
      const body = testEvent({ id, source: config.source, at: now })
      const receiver = redactUrl(url)
      try {
        return { receiver, status: await deliver({ url, id, body, config, resolve, signal: undefined, now }) }
      } catch (error) {
        if (error instanceof Refusal) return { receiver, status: error.status, problem: error.message }
        if (error instanceof Fatal) return { receiver, problem: error.message }
        throw error
      }
    }),
  )
}
