import type { App } from '../../src/app/app.ts'
import { internalsOf } from '../../src/app/internals.ts'
import type { Stores } from '../../src/calls/stores.ts'

/** The stores of an app, opened at the first call: for tests that look behind it. */
export function storesOf(app: App): Promise<Stores> {
  return internalsOf(app).stores()
}
