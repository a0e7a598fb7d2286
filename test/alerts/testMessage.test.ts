import { expect, test } from 'vitest'
import { parseAlerts } from '../../src/alerts/options.ts'
import { sendTest } from '../../src/alerts/testMessage.ts'
import { systemClock } from '../../src/std/clock.ts'
import { secretOf } from '../webhook/receiver.ts'

const TO = 'https://hooks.example.com/hook?key=t0ken'

test('a test message goes to no private address, and a name without an address is an answer, too', async () => {
  const rules = [{ name: 'lost', on: 'worker-lost' }] as const
  const options = parseAlerts({ rules, to: TO, secret: secretOf('alerts') }, 'shop', 'alerts')
  const receiver = 'https://hooks.example.com/hook?**'
  expect(await sendTest(options, systemClock, async () => ['10.0.0.1'])).toEqual([
    { receiver, problem: expect.stringContaining('expected a public address, got 10.0.0.1') },
  ])
  expect(await sendTest(options, systemClock, async () => [])).toEqual([
    { receiver, status: undefined, problem: expect.stringContaining('has no address') },
  ])
})
