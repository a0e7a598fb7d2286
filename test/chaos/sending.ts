import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Actor, type Scene, until } from './scene.ts'
import type { CrashPoint } from './settings.ts'

export const RANDOM_MOMENT = 'a random moment' as const

/** A client that was killed while it sent: at a named point, passed for the 5th to 24th time, or after its first task. */
export async function killSender(scene: Scene, when: CrashPoint | typeof RANDOM_MOMENT): Promise<Actor> {
  const point = when === RANDOM_MOMENT ? undefined : when
  const crash = point && { point, hit: 5 + Math.floor(Math.random() * 20) }
  const client = await scene.start('client', { tasks: 100_000, crash }).ready()
  if (!point) {
    await until('it has sent a task', () => client.noted('d').size > 0)
    await sleep(Math.random() * 100)
    client.kill('SIGKILL')
  }
  expect(await client.ended(20_000)).toBe('SIGKILL')
  return client
}

/** A scene whose store writes a message and its record in one step. */
export interface UnitOfWorkScene extends Scene {
  /** Ids of the tasks that have a message, sorted. */
  messageIds(): Promise<string[]>
  /** Ids of the tasks that have a record, sorted. */
  recordIds(): Promise<string[]>
}

/** Checks that all is there that a killed client was told to be sent, nothing is that it did not send, and that each of it runs once. */
export async function checkSent(scene: UnitOfWorkScene, client: Actor): Promise<void> {
  const messages = await scene.messageIds()
  const records = await scene.recordIds()
  expect(messages, 'a message for each record, a record for each message').toEqual(records)
  const stored = new Set(records)
  const missing = [...client.noted('d')].filter((id) => !stored.has(id))
  expect(missing, 'told to be sent, and not there').toEqual([])
  const attempted = client.noted('a')
  expect(records.filter((id) => !attempted.has(id))).toEqual([])

  scene.start('worker', { concurrency: 100 })
  await until('all of it ran', () => scene.finished(records.length))
  const effects = scene.effects()
  const wrong = records.filter((id) => effects.get(id)?.length !== 1)
  expect(wrong, 'not run exactly once').toEqual([])
}
