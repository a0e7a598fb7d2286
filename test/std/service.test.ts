import { describe, expect, it } from 'vitest'
import { Lifecycle, type ServiceRun } from '../../src/std/service.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A service whose start can be held up and made to fail, and what happened to it. */
function scene() {
  const told: string[] = []
  const gates: PromiseWithResolvers<void>[] = []
  const open = async (run: ServiceRun): Promise<void> => {
    told.push('open')
    run.defer(() => told.push('close first'))
    const gate = Promise.withResolvers<void>()
    gates.push(gate)
    await gate.promise
    run.defer(() => told.push('close second'))
    told.push('opened')
  }
  const service = new Lifecycle(open)
  return { service, told, gate: (at: number) => gates[at] as PromiseWithResolvers<void> }
}

describe('Lifecycle', () => {
  it('is idle, starting, running, stopping and idle again; starts once, and closes in the opposite order', async () => {
    const { service, told, gate } = scene()
    expect(service.state).toBe('idle')
    const starting = service.start()
    expect([service.state, service.start() === starting]).toEqual(['starting', true])
    gate(0).resolve()
    await starting
    await service.start()
    expect(service.state).toBe('running')
    const stopping = Promise.all([service.stop(), service.stop()])
    expect(service.state).toBe('stopping')
    await stopping
    await service.stop()
    expect(service.state).toBe('idle')
    expect(told).toEqual(['open', 'opened', 'close second', 'close first'])
  })

  it('a failed start closes what was open, rejects for each caller, and the next call tries again', async () => {
    const { service, told, gate } = scene()
    const both = Promise.allSettled([service.start(), service.start()])
    gate(0).reject(new RangeError('no'))
    expect((await both).map((one) => one.status === 'rejected' && one.reason.message)).toEqual(['no', 'no'])
    expect([service.state, ...told]).toEqual(['idle', 'open', 'close first'])
    await service.stop()
    const again = service.start()
    gate(1).resolve()
    await again
    expect(service.state).toBe('running')
    await service.stop()
  })

  it('stop during start waits for it, and closes what it opened', async () => {
    const { service, told, gate } = scene()
    const starting = service.start()
    const stopping = service.stop()
    await turn()
    expect(told).toEqual(['open'])
    gate(0).resolve()
    await Promise.all([starting, stopping])
    expect(told).toEqual(['open', 'opened', 'close second', 'close first'])
  })

  it('start during stop waits for the end, then starts; a stop before that cancels it', async () => {
    const { service, told, gate } = scene()
    const first = service.start()
    gate(0).resolve()
    await first
    const stopping = service.stop()
    const again = service.start()
    await stopping
    await turn()
    gate(1).resolve()
    await again
    expect(service.state).toBe('running')
    expect(told.filter((one) => one === 'opened')).toHaveLength(2)
    await Promise.all([service.stop(), service.start(), service.stop()])
    expect(service.state).toBe('idle')
    expect(told.filter((one) => one === 'opened')).toHaveLength(2)
  })

  it('an opening knows that it must stop', async () => {
    const service = new Lifecycle(
      ({ stopping }) => new Promise((_, reject) => stopping.addEventListener('abort', () => reject(new Error('cut')))),
    )
    const starting = service.start()
    starting.catch(() => undefined)
    await service.stop()
    await expect(starting).rejects.toThrow('cut')
    expect(service.state).toBe('idle')
  })

  it('closes all parts, also if one fails: stop rejects with the first error, and it can be started again', async () => {
    const told: string[] = []
    const service = new Lifecycle(async (run) => {
      run.defer(() => told.push('last'))
      run.defer(() => Promise.reject(new Error('second')))
      run.defer(() => {
        throw new Error('first')
      })
    })
    for (let round = 1; round <= 2; round++) {
      await service.start()
      await expect(service.stop()).rejects.toThrow('first')
      expect([service.state, told.length]).toEqual(['idle', round])
    }
  })
})
