import { expect, it } from 'vitest'
import { chainData, groupData, taskData } from '../../src/protocol/canvas.ts'
import { type Embed, encodeTask, NOTHING_EMBEDDED } from '../../src/protocol/message.ts'
import { UNKNOWN } from '../../src/protocol/states.ts'
import { onFewStores, until } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

onFewStores((lab) => {
  it('groups and chains follow as links, and in a chain', async () => {
    const app = lab().app()
    app.task('add', (...numbers: number[]) => numbers.reduce((sum, one) => sum + one, 0))
    await lab().work(app)
    const one = (n: number, task_id: string) => taskData('add', { args: [n], options: { task_id } })
    const embed: Embed = {
      ...NOTHING_EMBEDDED,
      callbacks: [chainData([one(10, 'c1'), one(20, 'c2')])],
      chain: [groupData([one(100, 'g1'), chainData([one(200, 'g2'), one(300, 'g3')])])],
    }
    const head = { id: 'parent', task: 'add', retries: 0, rootId: 'root', ignoreResult: false, headers: {} }
    const { broker } = await storesOf(app)
    const envelope = encodeTask({ ...head, args: [1], kwargs: {}, embed }, 'json')
    await broker.publish(envelope, { exchange: '', routingKey: 'celery' })
    // Not known before it is sent.
    const sent = (id: string) => until(async () => (await app.result(id).state()) !== UNKNOWN)
    for (const [id, result] of [['c2', 31] as const, ['g1', 101] as const, ['g3', 501] as const]) {
      await sent(id)
      expect(await app.result(id).get({ timeout: '20s' })).toBe(result)
    }
    expect(await app.result('parent').info()).toMatchObject({ children: ['c1', 'g1', 'g2'] })
  })
})
