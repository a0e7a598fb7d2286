import type { App } from '../src/app/app.ts'
import { internalsOf } from '../src/app/internals.ts'
import type { DeadLetterStore } from '../src/backend/dead/deadLetters.ts'
import type { Envelope } from '../src/protocol/envelope.ts'

/** How many dead letters a queue has. */
export async function deadIn(app: App, queue = 'celery'): Promise<number> {
  return (await app.deadLetters.count())[queue] ?? 0
}

/** The store of the dead letters of an app. */
export async function lettersOf(app: App): Promise<DeadLetterStore> {
  const letters = await (await internalsOf(app).stores()).backend.deadLetters?.()
  if (!letters) throw new Error('the result backend keeps no dead letters')
  return letters
}

/** The messages of all dead letters of a queue, the oldest first, with the reason in a header. They are dropped. */
export async function takeDead(app: App, queue = 'celery'): Promise<readonly Envelope[]> {
  const letters = await lettersOf(app)
  const { letters: page } = await letters.list({ queue, limit: 1000, oldest: true })
  const kept = (await letters.load(page.map(({ id }) => id))).filter((letter) => letter !== undefined)
  await letters.drop(kept.map(({ id }) => id))
  return kept.map(({ envelope, error: { type, message } }) => ({
    ...envelope,
    headers: { ...envelope.headers, 'x-death-reason': `${type}: ${message}`, 'x-death-queue': queue },
  }))
}
