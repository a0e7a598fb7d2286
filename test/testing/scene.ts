import { afterEach } from 'vitest'
import { Celeriac } from '../../src/celeriac.ts'
import { type TestApp, type TestAppOptions, testApp } from '../../src/testing/testing.ts'

export const START = Date.parse('2030-01-01T00:00:00Z')
export const MINUTE = 60_000
export const HOUR = 3_600_000

/** An app whose own stores cannot be opened. */
export function appOf(options: ConstructorParameters<typeof Celeriac>[0] = {}): Celeriac {
  return new Celeriac({ broker: 'redis://127.0.0.1:1', ...options })
}

/** Begins tests that end with the test around. */
export function useTests(): (app: Celeriac, options?: TestAppOptions) => Promise<TestApp<Celeriac>> {
  const open: TestApp[] = []
  afterEach(async () => {
    for (const test of open.splice(0)) await test.close()
  })
  return async (app, options = {}) => {
    const test = await testApp(app, { now: START, ...options })
    open.push(test)
    return test
  }
}
