import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { Control } from '../../../src/control/control.ts'
import { until } from '../../app/lab.ts'
import type { PythonClient, PythonWorker } from '../celery.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

/** Remote control over both kinds of worker. */
export function control(kind: FleetOptions = {}): void {
  let fleet: Fleet
  let app: App
  let python: PythonClient
  let theirs: PythonWorker

  beforeAll(async () => {
    fleet = await Fleet.start(kind)
    await fleet.work(fleet.app(), { revokeGrace: 200 })
    theirs = await fleet.pythonWorker({ pool: 'prefork', concurrency: 2 })
    app = fleet.app()
    python = await fleet.pythonClient({ queue: 'typescript' })
  })
  afterAll(() => fleet.end())

  const pong = (hostname: string) => ({ [hostname]: { ok: 'pong' } })
  const started = (name: string) => until(async () => (await fleet.lines('started')).includes(name))

  describe("Python's app.control", () => {
    test('ping reaches both', async () => {
      const answers = await python.call<object[]>('ping', { timeout: 20, limit: 2 })
      expect(answers).toHaveLength(2)
      expect(answers).toEqual(expect.arrayContaining([pong('ts@test'), pong('py@test')]))
    })

    test('ping of one of ours', async () => {
      expect(await python.call('ping', { destination: ['ts@test'], timeout: 20, limit: 1 })).toEqual([pong('ts@test')])
    })

    test('revoke of a task of ours before it runs', async () => {
      const id = await python.send('ts.note', ['revoked'], { countdown: 1 })
      await python.call('revoke', { id })
      const { status, error } = await python.get(id)
      expect({ status, ...error }).toMatchObject({ status: 'REVOKED', type: 'TaskRevokedError', text: 'revoked' })
      expect(await fleet.lines('notes')).toEqual([])
    })

    test('revoke of a running task of ours, with terminate', async () => {
      const id = await python.send('ts.gated', ['ours'])
      await started('ours')
      await python.call('revoke', { id, terminate: true })
      expect(await python.get(id)).toMatchObject({ status: 'REVOKED', error: { type: 'TaskRevokedError' } })
    })
  })

  describe('ours', () => {
    test('ping reaches both', async () => {
      const answers = await new Control(app).ping({ destination: ['ts@test', 'py@test'], timeout: '20s' })
      expect(answers).toHaveLength(2)
      expect(answers).toEqual(expect.arrayContaining([pong('ts@test'), pong('py@test')]))
    })

    test('ping of all, without knowing how many', async () => {
      const answers = await new Control(app).ping({ timeout: '1s' })
      expect(answers).toEqual(expect.arrayContaining([pong('py@test')]))
    })

    test('revoke of several, with what each worker says', async () => {
      const results = [
        await app.send('py.note', ['several'], { queue: 'python', countdown: '1s' }),
        await app.send('ts.note', ['several'], { countdown: '1s' }),
      ]
      const ids = results.map(({ id }) => id)
      const options = { destination: ['ts@test', 'py@test'], timeout: '20s' } as const
      const answers = await new Control(app).revoke(ids, options)
      expect(answers.flatMap((answer) => Object.values(answer))).toEqual([
        { ok: expect.any(String) },
        { ok: expect.any(String) },
      ])
      for (const result of results) await expect(result.get({ timeout: '20s' })).rejects.toThrow('revoked')
    })

    test('revoke of a Python task before it runs', async () => {
      const result = await app.send('py.note', ['revoked'], { queue: 'python', countdown: '1s' })
      // On RabbitMQ it waits in the broker for its time; else they hold it.
      if (fleet.kind.broker === 'redis') await until(() => theirs.log.includes(result.id))
      expect(await result.revoke()).toBe(true)
      await expect(result.get({ timeout: '20s' })).rejects.toThrow('revoked')
      await until(() => theirs.log.includes(`Discarding revoked task: py.note[${result.id}]`))
      expect(await fleet.lines('notes')).toEqual([])
    })

    test('revoke of a running Python task, with terminate', async () => {
      const result = await app.send('py.gated', ['theirs'], { queue: 'python' })
      await started('theirs')
      expect(await result.revoke({ terminate: true })).toBe(true)
      await expect(result.get({ timeout: '20s' })).rejects.toThrow('terminated')
      expect(await result.state()).toBe('REVOKED')
    })
  })
}
