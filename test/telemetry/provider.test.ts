import { expect, it } from 'vitest'
import { tracing } from '../../src/telemetry/opentelemetry.ts'
import { useLab } from '../app/lab.ts'
import { collect } from './spans.ts'

const lab = useLab('sqlite')

it('spans go to the provider of the moment: none, one that is registered later, another after that', async () => {
  const app = lab().app().use(tracing())
  await app.send('before')
  const first = collect()
  await app.send('first')
  first.stop()
  await app.send('between')
  const second = collect()
  await app.send('second')
  await app.send('second')
  second.stop()
  const tasks = [first, second].map(({ spans }) => spans.map(({ attributes }) => attributes['celeriac.task']))
  expect(tasks).toEqual([['first'], ['second', 'second']])
})
