import type { Context } from 'hono'
import { webhookUrl } from '../app/webhookOptions.ts'
import { ArgumentError } from '../std/errors.ts'
import { headersOf } from './header.ts'
import type { Problem } from './problem.ts'
import type { HttpScope } from './scope.ts'

const HEADER = 'celeriac-webhook'

/** Where the sender of a request wants to be told of the end of its job. */
export function webhookOf(c: Context): string | undefined {
  return headersOf(c)(HEADER) ?? undefined
}

/** What is wrong with that; undefined where nothing is. */
export function webhookProblem(c: Context, { app }: HttpScope): Problem | undefined {
  const url = webhookOf(c)
  if (url === undefined) return undefined
  const { webhooks } = app.config
  if (!webhooks) return { kind: 'invalid-webhook', detail: 'Celeriac-Webhook: this server sends no webhooks' }
  try {
    webhookUrl(url, webhooks)
    return undefined
  } catch (error) {
    if (error instanceof ArgumentError) return { kind: 'invalid-webhook', detail: `Celeriac-Webhook: ${error.message}` }
    throw error
  }
}
