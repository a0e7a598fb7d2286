import { expect, it } from 'vitest'
import { acknowledge } from '../../src/broker/acknowledge.ts'
import { systemClock } from '../../src/std/clock.ts'
import { StoreUnavailableError } from '../../src/std/errors.ts'

it('an acknowledgement is repeated until the store takes it, or its consumer ends', async () => {
  const ended = new AbortController()
  let asked = 0
  const ack = (): Promise<boolean> => {
    asked++
    return asked < 3 ? Promise.reject(new StoreUnavailableError('away')) : Promise.resolve(true)
  }
  await acknowledge({ ack }, ended.signal, systemClock)
  expect(asked).toBe(3)
  const never = (): Promise<boolean> => {
    if (++asked === 6) ended.abort()
    return Promise.reject(new Error('anything'))
  }
  await acknowledge({ ack: never }, ended.signal, systemClock)
  expect(asked).toBe(6)
})
